//! What the tags are for: pages that people browse by them.
//!
//! [`drop_in`] is the filter buttons for a page that exists. The browser's part is in
//! `crates/phototag/gallery/`.

mod categories;
pub mod drop_in;
