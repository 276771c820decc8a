//! The spot check: drawing photos, and the page to mark them on.

use std::collections::HashMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use askama::Template;
use phototag_core::decide::Decider;
use phototag_core::evaluate::candidates;
use phototag_core::evaluate::sample::{self, Drawn};
use phototag_core::truth::{TagSets, Truth, written_answers};
use phototag_core::{Collection, Scored};
use phototag_gallery::json_in_html;
use serde_json::json;

use crate::cmd::{Outcome, print, write};
use crate::html::picture;

/// Draws a sample, and writes the page to mark it on.
pub(super) fn spot_check(
    mut collection: Collection,
    scored: &Scored,
    decider: &Decider,
    truth: &Truth,
    (wanted, path): (usize, &Path),
) -> Result<Outcome> {
    let folder = collection.base.display().to_string();
    let candidates = candidates(scored, decider, &collection.catalog);
    let drawn = sample::draw(&candidates, wanted, candidates.len() as u64);
    if drawn.is_empty() {
        bail!("{folder}: no photos found, so there is nothing to check");
    }
    let page = Page::of(&collection, &drawn, scored, &scored.tags(decider), truth)?;
    let html = page.render().context("the page cannot be made")?;
    write(path, html.as_bytes())?;
    collection.store_sample(&drawn)?;
    print(&format!(
        "Picked {} photos. Open {}, mark the tags, save answers.json into {folder}, then run\nphototag eval {folder}\n",
        drawn.len(),
        path.display(),
    ))?;
    Ok(Outcome::Done)
}

#[derive(Template)]
#[template(path = "spot-check.html")]
struct Page {
    /// JSON that cannot end the element it stands in.
    data: String,
}

impl Page {
    /// The page to mark the drawn photos on. What is known already is shown, and answers.json is carried over.
    fn of(
        collection: &Collection,
        drawn: &[Drawn],
        scored: &Scored,
        tags: &TagSets,
        truth: &Truth,
    ) -> Result<Self> {
        let catalog = &collection.catalog;
        let photos: HashMap<&str, _> = scored
            .photos
            .iter()
            .zip(tags)
            .map(|(photo, (key, tags))| (key.as_str(), (photo.path.as_path(), tags)))
            .collect();
        let shown = drawn.iter().filter_map(|drawn| {
            let (path, tags) = photos.get(drawn.key.as_str())?;
            let known = truth.known(&drawn.key, catalog);
            let categories = || catalog.categories();
            let given = categories().filter(|(id, _)| tags.contains(id));
            let right = categories()
                .filter(|(id, _)| known[id.index()].unwrap_or_else(|| tags.contains(id)));
            Some(json!({
                "key": drawn.key,
                "tags": given.map(|(_, c)| c.id.as_str()).collect::<Vec<_>>(),
                "right": right.map(|(_, c)| c.id.as_str()).collect::<Vec<_>>(),
                "seen": truth.is_sampled(&drawn.key),
                "picture": picture(path)?,
            }))
        });
        let shown: Vec<_> = shown.collect();
        let categories = catalog.categories();
        let categories: Vec<_> = categories
            .map(|(_, c)| json!({"id": c.id, "label": c.label}))
            .collect();
        let made = SystemTime::now().duration_since(UNIX_EPOCH);
        let data = json_in_html(&json!({
            "photos": shown,
            "categories": categories,
            "answers": written_answers(&collection.base)?,
            "made": made.map_or(0, |made| made.as_millis() as u64),
        }));
        Ok(Self { data })
    }
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
