//! An explanation as a page, with a heatmap for each category.

use std::path::Path;

use anyhow::{Context, Result};
use askama::Template;
use phototag_core::catalog::Catalog;
use phototag_core::explain::{Explanation, Heatmap};

use super::text::{lines, tags, verdict};
use crate::html;

/// The longer side of a heatmap, in pixels.
const HEATMAP: u32 = 320;

#[derive(Template)]
#[template(path = "explain.html")]
struct Page {
    key: String,
    tags: String,
    photo: String,
    categories: Vec<PageCategory>,
}

struct PageCategory {
    label: String,
    verdict: &'static str,
    lines: Vec<String>,
    /// None for a measured category.
    heatmap: Option<String>,
}

pub(super) fn page(
    catalog: &Catalog,
    explanation: &Explanation,
    heatmaps: &[Option<Heatmap>],
    photo: &Path,
) -> Result<String> {
    let small = html::reduced(photo, HEATMAP)?;
    let mut categories = Vec::with_capacity(explanation.reasons.len());
    for reason in &explanation.reasons {
        let heatmap = match &heatmaps[reason.category.index()] {
            Some(map) => Some(html::address(&map.jpeg(&small)?)),
            None => None,
        };
        categories.push(PageCategory {
            label: catalog[reason.category].label.clone(),
            verdict: verdict(reason),
            lines: lines(reason, explanation.photos),
            heatmap,
        });
    }
    let page = Page {
        key: explanation.key.clone(),
        tags: tags(catalog, explanation),
        photo: html::thumbnail(photo).context("the photo can no longer be read")?,
        categories,
    };
    page.render().context("cannot render the page")
}
