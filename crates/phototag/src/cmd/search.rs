//! `phototag search`: which photos a description fits, from the index alone.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use askama::Template;
use serde_json::json;

use super::Ending;
use crate::cli::{CollectionArgs, MINUS, SearchArgs};
use crate::collection::Collection;
use crate::console::Console;
use crate::scan::KeyStyle;
use crate::score::{dot, mean_direction};
use crate::{page, tags};

/// A photo that was found.
struct Match {
    path: PathBuf,
    score: f32,
    /// What a category of the texts alone would score; the same as `score` where nothing else was asked.
    as_category: f32,
}

/// What is looked for, as one direction.
struct Query {
    direction: Vec<f32>,
    /// The texts that are not subtracted, and their direction: what a catalog can say of the query.
    prompts: Vec<String>,
    category: Vec<f32>,
    /// Whether there is more to the query than that.
    more: bool,
}

pub fn search(args: SearchArgs, console: &Console) -> Result<Ending> {
    let (texts, like) = (args.texts, args.like);
    let mut collection = Collection::open(
        CollectionArgs {
            inputs: vec![args.folder],
            config: args.config,
            model: args.model,
            index: args.index,
            key: KeyStyle::Stem,
            jobs: None,
        },
        args.exactness.precision(),
        console,
    )?;
    let query = query(&mut collection, &texts, like.as_deref())?;
    let found = find(&collection, &query, args.top.get(), args.min)?;
    if let Some(path) = &args.html {
        write_page(path, &found, &texts, like.as_deref())?;
    }
    let text = if args.json {
        let photos: Vec<_> = found
            .iter()
            .map(|m| json!({"photo": m.path.to_string_lossy(), "score": f64::from((m.score * 1e6).round()) / 1e6}))
            .collect();
        serde_json::to_string_pretty(&photos)? + "\n"
    } else {
        described(&found, &query, &collection.base)
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Ending::Done)
}

fn query(collection: &mut Collection, texts: &[String], like: Option<&Path>) -> Result<Query> {
    let (subtracted, prompts): (Vec<String>, Vec<String>) = texts
        .iter()
        .cloned()
        .partition(|text| text.starts_with(MINUS));
    let bare: Vec<&str> = subtracted
        .iter()
        .map(|text| text.trim_start_matches(MINUS).trim())
        .collect();
    let wanted: Vec<&str> = prompts.iter().map(String::as_str).collect();
    let vectors = collection.text_vectors(&[&wanted[..], &bare[..]].concat())?;
    let (wanted, unwanted) = vectors.split_at(wanted.len());
    let category = mean_direction(wanted);
    let mut parts = Vec::new();
    if !wanted.is_empty() {
        parts.push(category.clone());
    }
    if let Some(photo) = like {
        parts.push(collection.photo_vector(photo)?);
    }
    if !unwanted.is_empty() {
        parts.push(mean_direction(unwanted).iter().map(|x| -x).collect());
    }
    let more = parts.len() > 1 || prompts.is_empty();
    Ok(Query {
        direction: mean_direction(&parts),
        prompts,
        category,
        more,
    })
}

/// The best matches that are still there, best first.
fn find(
    collection: &Collection,
    query: &Query,
    top: usize,
    min: Option<f32>,
) -> Result<Vec<Match>> {
    let mut all = Vec::new();
    collection.each_vector(|path, vector| {
        let score = dot(vector, &query.direction);
        let as_category = dot(vector, &query.category);
        if score.is_finite() && !collection.excludes(&path) {
            all.push(Match {
                path,
                score,
                as_category,
            });
        }
    })?;
    if all.is_empty() {
        bail!(
            "{}: no photo here has been embedded by the model {:?}\n\nRun: phototag tag {}",
            collection.base.display(),
            collection.encoder.name,
            collection.base.display()
        );
    }
    all.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.path.cmp(&b.path))
    });
    let enough = |m: &Match| min.is_none_or(|min| m.score >= min);
    Ok(all
        .into_iter()
        .take_while(enough)
        .filter(|m| m.path.exists())
        .take(top)
        .collect())
}

fn described(found: &[Match], query: &Query, base: &Path) -> String {
    if found.is_empty() {
        return "No photo reaches that score; lower --min.\n".to_owned();
    }
    let mut text = String::new();
    for m in found {
        let name = m.path.strip_prefix(base).unwrap_or(&m.path);
        text += &format!("{:.3}  {}\n", m.score, name.display());
    }
    let least = found.iter().map(|m| m.as_category).fold(f32::MAX, f32::min);
    if !query.prompts.is_empty() {
        text += "\nAs a category that keeps these photos, for phototag.toml";
        text += if query.more {
            " (by the texts alone: a catalog neither subtracts nor has example photos):\n\n"
        } else {
            ":\n\n"
        };
        text += &catalog_lines(&query.prompts, least);
    }
    text
}

/// A `[[category]]` with these prompts that keeps everything from `least` on.
fn catalog_lines(prompts: &[String], least: f32) -> String {
    let quoted = |text: &str| toml_edit::Value::from(text).to_string();
    let words: Vec<String> = prompts[0]
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| {
            ![
                "",
                "a",
                "an",
                "the",
                "of",
                "on",
                "in",
                "photo",
                "photograph",
            ]
            .contains(word)
        })
        .map(str::to_lowercase)
        .collect();
    let id = if words.is_empty() {
        "new".to_owned()
    } else {
        words.join("-")
    };
    let prompts: Vec<String> = prompts.iter().map(|prompt| quoted(prompt)).collect();
    // Rounded down, so that the last one shown stays in.
    let threshold = (f64::from(least) * 1e4).floor() / 1e4;
    format!(
        "[[category]]\nid = {}\nlabel = {}\nemoji = \"\"\nprompts = [{}]\nthreshold = {threshold:?}\n",
        quoted(&id),
        quoted(&words.join(" ")),
        prompts.join(", ")
    )
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

fn write_page(path: &Path, found: &[Match], texts: &[String], like: Option<&Path>) -> Result<()> {
    let photos = found
        .iter()
        .filter_map(|m| {
            Some(PagePhoto {
                name: m.path.file_name()?.to_string_lossy().into_owned(),
                score: format!("{:.3}", m.score),
                thumbnail: page::thumbnail(&m.path)?,
            })
        })
        .collect();
    let like = like.map(|photo| format!("like {}", photo.display()));
    let asked = texts
        .iter()
        .cloned()
        .chain(like)
        .collect::<Vec<_>>()
        .join(", ");
    let page = Page { asked, photos }
        .render()
        .context("the page cannot be made")?;
    tags::replace(path, page.as_bytes())
        .with_context(|| format!("{}: the page cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, Threshold};

    #[test]
    fn the_lines_to_paste_are_a_catalog_that_keeps_what_was_shown() {
        let prompts = [
            "a \"lensball\" on a rock".to_owned(),
            "glass\\ball".to_owned(),
        ];
        let text = catalog_lines(&prompts, 0.123_456);
        let catalog = Catalog::parse(&text, "pasted").unwrap();
        assert_eq!(catalog.categories[0].id, "lensball-rock");
        assert!(
            matches!(catalog.categories[0].threshold, Threshold::Fixed(x) if x <= 0.123_456 && x > 0.123)
        );
        assert!(Catalog::parse(&catalog_lines(&["!!".to_owned()], -0.5), "pasted").is_ok());
    }

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
