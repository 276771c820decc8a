//! `phototag explain`: why a photo has these tags, and not others.

mod page;
mod text;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use phototag_core::embed::Embedded;
use phototag_core::explain::{Explanation, Heatmap};
use phototag_core::paths::is_within;
use phototag_core::truth::Truth;
use phototag_core::{Collection, Place};
use phototag_core::{index, scan};

use super::{Outcome, below, embed_quietly, open, print, write};
use crate::cli::ExplainArgs;
use crate::console::Console;
use crate::html;

/// The longer side of a heatmap, in pixels.
const HEATMAP: u32 = 1024;

pub fn explain(args: ExplainArgs, console: &Console) -> Result<Outcome> {
    let photo = match &args.folder {
        Some(folder) => below(folder, &args.photo),
        None => args.photo.clone(),
    };
    let photo = std::path::absolute(&photo).unwrap_or(photo);
    scan::metadata(&photo)?;
    let folder = args.folder.unwrap_or_else(|| home(&photo));
    let place = Place {
        keys: args.naming.keys(),
        follow: args.naming.follow,
        ..args.place.of(folder, args.exactness.precision())
    };
    let mut collection = open(place, console)?;
    let only = match &args.category {
        Some(id) => Some(collection.catalog.known(id).context("--category")?),
        None => None,
    };
    if let Some(path) = &args.heatmap
        && is_within(path, &collection.base)
    {
        bail!(
            "{}: a heatmap in the photo folder would be tagged as a photo\n\nWrite it to a folder outside {}.",
            path.display(),
            collection.base.display()
        );
    }
    let overrides = args.overrides.overrides.as_deref();
    let truth = Truth::corrections(overrides, &collection.base, &collection.catalog)?;
    let embedded = embed_quietly(&mut collection, console)?;
    let at = position(&embedded, &photo, &args.photo, &collection)?;
    let mut explanation = Explanation::of(&mut collection, &embedded, at, &truth)?;
    if let Some(only) = only {
        explanation.reasons.retain(|reason| reason.category == only);
    }
    if args.heatmap.is_some() || args.html.is_some() {
        let heatmaps = heatmaps(&mut collection, &photo)?;
        if let Some(path) = &args.heatmap {
            let label = write_heatmap(path, &collection, &explanation, &heatmaps, &photo)?;
            console.note(&format!("{}: heatmap for {label}", path.display()));
        }
        if let Some(path) = &args.html {
            let page = page::page(&collection.catalog, &explanation, &heatmaps, &photo)?;
            write(path, page.as_bytes())?;
        }
    }
    print(&text::describe(&collection.catalog, &explanation))?;
    Ok(Outcome::Done)
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

/// The place of a photo among those embedded.
fn position(
    embedded: &Embedded,
    photo: &Path,
    typed: &Path,
    collection: &Collection,
) -> Result<usize> {
    let same = |path: &Path| std::path::absolute(path).is_ok_and(|path| path == photo);
    let at = embedded
        .photos
        .iter()
        .position(|(file, _)| same(&file.path));
    if let Some(at) = at {
        return Ok(at);
    }
    if let Some(refused) = embedded.refused.iter().find(|refused| same(&refused.path)) {
        bail!("{}: {}", typed.display(), refused.reason);
    }
    bail!(
        "{}: not one of the photos in {}\n\nName the photo's folder with --folder DIR.",
        typed.display(),
        collection.base.display()
    )
}

/// A heatmap for each category, in catalog order; `None` for measured ones.
fn heatmaps(collection: &mut Collection, photo: &Path) -> Result<Vec<Option<Heatmap>>> {
    let Some((positions, shown)) = collection.embedder.embed_positions(photo)? else {
        bail!(
            "the model {:?} does not support heatmaps\n\nLeave out --heatmap and --html, or use another model.",
            collection.embedder.name
        );
    };
    Heatmap::of(collection, &positions, shown)
}

/// Writes the heatmap of the first category that has one, and returns the category's label.
fn write_heatmap(
    path: &Path,
    collection: &Collection,
    explanation: &Explanation,
    heatmaps: &[Option<Heatmap>],
    photo: &Path,
) -> Result<String> {
    let drawn = explanation.reasons.iter().find_map(|reason| {
        let map = heatmaps[reason.category.index()].as_ref()?;
        Some((reason.category, map))
    });
    let Some((category, map)) = drawn else {
        bail!("no heatmap: every category here is measured from pixels, not scored by the model");
    };
    write(path, &map.png(&html::reduced(photo, HEATMAP)?)?)?;
    Ok(collection.catalog[category].label.clone())
}
