//! `phototag search`: the photos that a description fits, from the index alone.

use std::path::Path;

use anyhow::{Context, Result};
use askama::Template;
use phototag_core::catalog::edit::category_lines;
use phototag_core::search::{Match, Query, Request};
use serde_json::json;

use super::{Outcome, below, open, print, write};
use crate::cli::{MINUS, SearchArgs};
use crate::console::Console;
use crate::html;

pub fn search(args: SearchArgs, console: &Console) -> Result<Outcome> {
    let place = args.place.of(args.folder, args.exactness.precision());
    let mut collection = open(place, console)?;
    let like = args.like.map(|photo| below(&collection.base, &photo));
    let (unwanted, wanted): (Vec<&str>, Vec<&str>) = args
        .texts
        .iter()
        .map(String::as_str)
        .partition(|text| text.starts_with(MINUS));
    let request = Request {
        wanted,
        unwanted: unwanted
            .iter()
            .map(|text| text.trim_start_matches(MINUS).trim())
            .collect(),
        like: like.as_deref(),
    };
    let query = Query::new(&mut collection, &request)?;
    let found = query.find(&collection, args.top.get(), args.min)?;
    if let Some(path) = &args.html {
        write(path, page(&found, &args.texts, request.like)?.as_bytes())?;
    }
    print(&if args.json {
        let photos: Vec<_> = found
            .iter()
            .map(|m| json!({"photo": m.path.to_string_lossy(), "score": f64::from((m.score * 1e6).round()) / 1e6}))
            .collect();
        serde_json::to_string_pretty(&photos)? + "\n"
    } else {
        describe(&found, &query, &request.wanted, &collection.base, args.min)
    })?;
    Ok(Outcome::Done)
}

fn describe(
    found: &[Match],
    query: &Query,
    prompts: &[&str],
    base: &Path,
    min: Option<f32>,
) -> String {
    if found.is_empty() {
        let least = min.map_or(String::new(), |min| format!(" of {min} or more"));
        return format!("No photo has a score{least}; lower --min.\n");
    }
    let mut text = String::new();
    for m in found {
        let name = m.path.strip_prefix(base).unwrap_or(&m.path);
        text += &format!("{:.3}  {}\n", m.score, name.display());
    }
    let least = found.iter().map(|m| m.as_category).fold(f32::MAX, f32::min);
    if !prompts.is_empty() {
        text += if query.is_more_than_a_category {
            "\nTo make a category of the text alone (it will match other photos too), paste into phototag.toml:\n\n"
        } else {
            "\nTo make this a category, paste into phototag.toml:\n\n"
        };
        text += &category_lines(prompts, least);
    }
    text
}

#[derive(Template)]
#[template(path = "search.html")]
struct Page {
    asked: String,
    photos: Vec<PagePhoto>,
}

struct PagePhoto {
    name: String,
    score: String,
    thumbnail: String,
}

fn page(found: &[Match], texts: &[String], like: Option<&Path>) -> Result<String> {
    let photos = found
        .iter()
        .filter_map(|m| {
            Some(PagePhoto {
                name: m.path.file_name()?.to_string_lossy().into_owned(),
                score: format!("{:.3}", m.score),
                thumbnail: html::thumbnail(&m.path)?,
            })
        })
        .collect();
    let like = like.map(|photo| format!("like {}", photo.display()));
    let asked: Vec<String> = texts.iter().cloned().chain(like).collect();
    let page = Page {
        asked: asked.join(", "),
        photos,
    };
    page.render().context("cannot render the page")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_text() {
        let photo = PagePhoto {
            name: "<script>.jpg".into(),
            score: "1".into(),
            thumbnail: "data:".into(),
        };
        let page = Page {
            asked: "\"><img>".into(),
            photos: vec![photo],
        }
        .render()
        .unwrap();
        assert!(
            !page.contains("<script>") && !page.contains("\"><img>"),
            "{page}"
        );
    }
}
