//! What the tags are for: pages that people browse by them.
//!
//! [`drop_in`] is the filter buttons for a page that exists; [`site`] is a whole one: it renders what
//! changed ([`render`]), remembers what it wrote ([`ledger`]), and writes the pages around it
//! ([`page`], [`data`], [`feed`]). [`serve`] shows it. The browser's part is in
//! `crates/phototag/gallery/`.

mod caption;
mod categories;
mod data;
pub mod drop_in;
mod feed;
mod ledger;
mod page;
mod render;
pub mod serve;
pub mod site;

pub use ledger::FILE_NAME as LEDGER;
