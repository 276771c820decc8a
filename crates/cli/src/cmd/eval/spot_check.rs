//! The spot check: drawing photos, and the page to mark them on.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result};
use askama::Template;
use phototag_core::Scored;
use phototag_core::catalog::{Catalog, CategoryId};
use phototag_core::decide::Decider;
use phototag_core::evaluate::sample::{self, Candidate, Drawn};
use phototag_core::truth::Labels;
use phototag_gallery::json_in_html;
use serde_json::json;

use crate::html::thumbnail;

/// Draws photos, each with the tags that it has.
pub(super) fn draw(
    catalog: &Catalog,
    scored: &Scored,
    decider: &Decider,
    wanted: usize,
) -> Vec<Drawn> {
    let photos = scored.photos.iter();
    let tags: Vec<Vec<CategoryId>> = photos.map(|photo| decider.tags(&photo.scores)).collect();
    let candidates: Vec<Candidate> = scored
        .photos
        .iter()
        .zip(&tags)
        .map(|(photo, tags)| {
            let margin = |id: CategoryId| decider.margin(&photo.scores, id);
            let weakest = tags
                .iter()
                .copied()
                .min_by(|&a, &b| margin(a).total_cmp(&margin(b)));
            Candidate {
                key: photo.key.clone(),
                weakest: weakest.map(CategoryId::index),
                margin: weakest.map_or(0.0, margin),
            }
        })
        .collect();
    let name = |id: &CategoryId| catalog[*id].id.clone();
    sample::draw(&candidates, wanted, scored.photos.len() as u64)
        .into_iter()
        .map(|(at, stratum, of)| Drawn {
            key: candidates[at].key.clone(),
            stratum,
            of,
            tags: tags[at].iter().map(name).collect(),
        })
        .collect()
}

#[derive(Template)]
#[template(path = "spot-check.html")]
struct Page {
    /// JSON that cannot end the element it stands in.
    data: String,
}

/// The page to mark the drawn photos on. What is labelled already is carried over into its file.
pub(super) fn page(
    catalog: &Catalog,
    drawn: &[Drawn],
    paths: &HashMap<&str, &Path>,
    labels: &Labels,
) -> Result<String> {
    let photos: Vec<_> = drawn
        .iter()
        .filter_map(|photo| {
            let thumbnail = thumbnail(paths.get(photo.key.as_str())?)?;
            Some(json!({"key": photo.key, "tags": photo.tags, "thumbnail": thumbnail}))
        })
        .collect();
    let categories: Vec<_> = catalog
        .categories()
        .map(|(_, c)| json!({"id": c.id, "label": c.label}))
        .collect();
    let name = |id: &CategoryId| catalog[*id].id.as_str();
    let labels: BTreeMap<&str, Vec<&str>> = labels
        .iter()
        .map(|(key, tags)| (key, tags.iter().map(name).collect()))
        .collect();
    let data = json_in_html(&json!({"photos": photos, "categories": categories, "labels": labels}));
    Page { data }.render().context("the page cannot be made")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_end_its_element() {
        let data = json_in_html(&json!({"key": "</script><script>alert(1)"}));
        let page = Page { data }.render().unwrap();
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(page.contains("\\u003c/script>"), "{page}");
    }
}
