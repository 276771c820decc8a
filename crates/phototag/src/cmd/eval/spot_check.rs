//! The spot check: drawing photos, and the page to mark them on.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use askama::Template;
use serde_json::json;

use crate::collection::{Collection, Scored};
use crate::decide::{self, Calibration, Rules};
use crate::evaluate::sample::{self, Candidate, Drawn};
use crate::labels::Labels;
use crate::page::{embedded, thumbnail};

/// Draws photos, each with the tags that it has.
pub fn draw(
    collection: &Collection,
    scored: &Scored,
    calibration: &Calibration,
    rules: &Rules,
    wanted: usize,
) -> Vec<Drawn> {
    let tags: Vec<Vec<usize>> = scored
        .photos
        .iter()
        .map(|(_, scores)| decide::decide(scores, calibration, rules))
        .collect();
    let candidates: Vec<Candidate> = scored
        .photos
        .iter()
        .zip(&tags)
        .map(|((key, scores), tags)| {
            let margin = |at: usize| decide::margin(scores, at, calibration, rules);
            let weakest = tags
                .iter()
                .copied()
                .min_by(|&a, &b| margin(a).total_cmp(&margin(b)));
            Candidate {
                key: key.clone(),
                weakest,
                margin: weakest.map_or(0.0, margin),
            }
        })
        .collect();
    let id = |at: &usize| collection.catalog.categories[*at].id.clone();
    sample::draw(&candidates, wanted, scored.photos.len() as u64)
        .into_iter()
        .map(|(at, stratum, of)| Drawn {
            key: candidates[at].key.clone(),
            stratum,
            of,
            tags: tags[at].iter().map(id).collect(),
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
pub fn page(
    collection: &Collection,
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
    let categories: Vec<_> = collection
        .catalog
        .categories
        .iter()
        .map(|c| json!({"id": c.id, "label": c.label}))
        .collect();
    let data = json!({"photos": photos, "categories": categories, "labels": labels.all()});
    let data = embedded(&data);
    Page { data }.render().context("the page cannot be made")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_end_its_element() {
        let data = embedded(&json!({"key": "</script><script>alert(1)"}));
        let page = Page { data }.render().unwrap();
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(page.contains("\\u003c/script>"), "{page}");
    }
}
