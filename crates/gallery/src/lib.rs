//! Web pages from photos and their tags: a static site, or filter buttons for an existing page.
//!
//! [`site`] builds a whole site: it renders the photos that changed, writes the pages, and keeps a list of its files.
//! [`drop_in`] writes the filter buttons. The code that runs in a browser is in `web/`. This crate does not serve
//! pages.

mod caption;
mod categories;
mod data;
pub mod drop_in;
mod error;
mod feed;
mod folder;
mod ledger;
mod lock;
mod page;
mod photo;
mod render;
pub mod site;

/// The script that reloads a page after a rebuild, for a server that answers `phototag-reload` then.
pub const RELOAD_SCRIPT: &str = include_str!("../web/site/reload.js");

/// JSON escaped for a `<script>` element: nothing in it ends the element.
pub fn json_in_html(json: &serde_json::Value) -> String {
    json.to_string().replace('<', "\\u003c")
}
