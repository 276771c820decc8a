//! Tags and photos to pages that people browse by them: a static site, or filter buttons for a page that exists.
//!
//! [`drop_in`] writes the filter buttons; [`site`] writes a whole site: it renders the photos that changed,
//! remembers what it wrote, and writes the pages around it. The browser's part is in `web/`. Serving a site is not
//! done here.

mod caption;
mod categories;
mod data;
pub mod drop_in;
mod feed;
mod folder;
mod ledger;
mod lock;
mod page;
mod render;
pub mod site;

/// The script that reloads a page when its site was built again, for a server that answers `phototag-reload`.
pub const RELOAD_SCRIPT: &str = include_str!("../web/site/reload.js");

/// JSON as it can stand inside a `<script>` element: nothing in it ends the element.
pub fn json_in_html(json: &serde_json::Value) -> String {
    json.to_string().replace('<', "\\u003c")
}
