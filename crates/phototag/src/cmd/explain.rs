//! `phototag explain`: why a photo has these tags, and not others.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use askama::Template;

use super::Ending;
use crate::cli::{CollectionArgs, ExplainArgs};
use crate::collection::Collection;
use crate::console::Console;
use crate::explain::{Explanation, Heatmap, Reason, Source, Verdict};
use crate::overrides::{self, Overrides};
use crate::{index, page, scan, tags};

/// The longer side of a heatmap, in pixels.
const HEATMAP: u32 = 1024;
/// The same on the page.
const SMALL_HEATMAP: u32 = 320;

pub fn explain(args: ExplainArgs, console: &Console) -> Result<Ending> {
    let photo = std::path::absolute(&args.photo).unwrap_or_else(|_| args.photo.clone());
    scan::about(&photo)?;
    let folder = args.folder.unwrap_or_else(|| home(&photo));
    let mut collection = Collection::open(
        CollectionArgs {
            inputs: vec![folder],
            config: args.config,
            model: args.model,
            index: args.index,
            key: args.key,
            jobs: None,
        },
        args.exactness.precision(),
        console,
    )?;
    let only = match &args.category {
        Some(id) => Some(collection.catalog.known(id).context("--category")?),
        None => None,
    };
    if let Some(path) = &args.heatmap
        && scan::is_within(path, &collection.base)
    {
        bail!(
            "{}: a heatmap among your photos would be taken for one of them\n\nWrite it into a folder outside of {}.",
            path.display(),
            collection.base.display()
        );
    }
    let overrides = Overrides::open(
        &collection.base.join(overrides::FILE_NAME),
        false,
        &collection.catalog,
    )?;
    let embedded = collection.embed(console)?;
    if embedded.interrupted {
        return Ok(Ending::Interrupted);
    }
    let same = |path: &Path| std::path::absolute(path).is_ok_and(|path| path == photo);
    let Some(at) = embedded
        .photos
        .iter()
        .position(|(file, _)| same(&file.path))
    else {
        let refused = embedded.refused.iter().find(|refused| same(&refused.path));
        match refused {
            Some(refused) => bail!("{}: {}", args.photo.display(), refused.reason),
            None => bail!(
                "{}: it is no photo of {}\n\nName its collection with --folder DIR.",
                args.photo.display(),
                collection.base.display()
            ),
        }
    };
    let mut explanation = Explanation::of(&mut collection, &embedded, at, &overrides)?;
    if let Some(only) = only {
        explanation.reasons.retain(|reason| reason.category == only);
    }
    if args.heatmap.is_some() || args.html.is_some() {
        let Some((positions, shown)) = collection.encoder.embed_positions(&photo)? else {
            bail!(
                "the model {:?} cannot tell where in a photo the evidence lies\n\nLeave --heatmap and --html out, or take another model.",
                collection.encoder.name
            );
        };
        let heatmaps = Heatmap::of(&mut collection, &positions, shown)?;
        if let Some(path) = &args.heatmap {
            let drawn = explanation.reasons.iter().find_map(|reason| {
                let map = heatmaps[reason.category].as_ref()?;
                Some((reason, map))
            });
            let Some((reason, map)) = drawn else {
                bail!("no category here is decided by what the model sees, so there is no heatmap");
            };
            write(path, &map.png(&page::reduced(&photo, HEATMAP)?)?)?;
            console.note(&format!("{}: where {} lies", path.display(), reason.label));
        }
        if let Some(path) = &args.html {
            write(path, html(&explanation, &heatmaps, &photo)?.as_bytes())?;
        }
    }
    std::io::stdout()
        .lock()
        .write_all(told(&explanation).as_bytes())?;
    Ok(Ending::Done)
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    tags::replace(path, content)
        .with_context(|| format!("{}: it cannot be written", path.display()))
}

/// The folder of the collection that a photo is in: the nearest one above it with an index, else its own.
fn home(photo: &Path) -> PathBuf {
    photo
        .ancestors()
        .skip(1)
        .find(|folder| folder.join(index::FOLDER).is_dir())
        .or(photo.parent())
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

fn told(explanation: &Explanation) -> String {
    let mut text = format!("{}: {}\n", explanation.key, tags_of(explanation));
    for reason in &explanation.reasons {
        text += &format!("\n{}: {}\n", reason.label, verdict(reason));
        for line in lines(reason, explanation.photos) {
            text += &format!("  {line}\n");
        }
    }
    text
}

fn tags_of(explanation: &Explanation) -> String {
    if explanation.tags.is_empty() {
        return "no tags".to_owned();
    }
    let tags: Vec<&str> = explanation.tags.iter().map(String::as_str).collect();
    tags.join(", ")
}

fn verdict(reason: &Reason) -> &'static str {
    match reason.verdict {
        Verdict::Reached => "yes",
        Verdict::Fallback => "yes, as the best of a photo that reaches no threshold",
        Verdict::Missed => "no",
    }
}

fn lines(reason: &Reason, photos: usize) -> Vec<String> {
    let Reason {
        score, threshold, ..
    } = reason;
    let margin = score - threshold;
    let mut lines = vec![format!(
        "score {score:.3}, threshold {threshold:.3}, margin {margin:+.3}; number {} of {photos} photos",
        reason.rank
    )];
    lines.push(match &reason.source {
        Source::Measure(meaning) => format!("measured: {meaning}"),
        Source::Prompt { text, similarity } => format!("pulled most by {text:?} ({similarity:.3})"),
    });
    if let Some(learned) = &reason.learned {
        lines.push(format!(
            "learned from {} right examples: the score was {:.3}",
            learned.examples, learned.score_before
        ));
    }
    match reason.said {
        Some(true) => lines.push("you said by hand that it is".to_owned()),
        Some(false) => lines.push("you said by hand that it is not".to_owned()),
        None => {}
    }
    if !reason.nearest.is_empty() {
        let near: Vec<String> = reason
            .nearest
            .iter()
            .map(|(key, similarity)| format!("{key} ({similarity:.2})"))
            .collect();
        lines.push(format!("nearest photos with this tag: {}", near.join(", ")));
    }
    lines
}

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
    /// None for what is measured.
    heatmap: Option<String>,
}

fn html(explanation: &Explanation, heatmaps: &[Option<Heatmap>], photo: &Path) -> Result<String> {
    let small = page::reduced(photo, SMALL_HEATMAP)?;
    let mut categories = Vec::with_capacity(explanation.reasons.len());
    for reason in &explanation.reasons {
        let heatmap = match &heatmaps[reason.category] {
            Some(map) => Some(page::address(&map.jpeg(&small)?)),
            None => None,
        };
        categories.push(PageCategory {
            label: reason.label.clone(),
            verdict: verdict(reason),
            lines: lines(reason, explanation.photos),
            heatmap,
        });
    }
    Page {
        key: explanation.key.clone(),
        tags: tags_of(explanation),
        photo: page::thumbnail(photo).context("the photo cannot be read any more")?,
        categories,
    }
    .render()
    .context("the page cannot be made")
}
