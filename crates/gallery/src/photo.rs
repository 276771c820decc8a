//! A photo as the pages show it.

use std::collections::BTreeSet;

use crate::ledger::Rendered;

/// A photo on the site.
pub(crate) struct SitePhoto {
    pub key: String,
    pub tags: BTreeSet<String>,
    pub rendered: Rendered,
}
