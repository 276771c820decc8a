//! `phototag gallery`: filter buttons for a page that exists.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, bail};

use super::Ending;
use crate::catalog::{self, Catalog};
use crate::cli::GalleryArgs;
use crate::console::Console;
use crate::gallery::drop_in;
use crate::tags;

pub fn gallery(args: &GalleryArgs, console: &Console) -> Result<Ending> {
    if !args.folder.is_dir() {
        bail!("{}: no such folder", args.folder.display());
    }
    let catalog = catalog(args)?;
    let tags_path = args
        .tags
        .clone()
        .unwrap_or_else(|| args.folder.join(tags::FILE_NAME));
    let tags = tags::read(&tags_path)?;
    if tags.is_none() {
        console.warn(&format!(
            "{}: no tags yet; write them with: phototag tag {}",
            tags_path.display(),
            args.folder.display()
        ));
    }
    write_drop_in(&args.drop_in, &catalog, &tags_path, tags.as_ref())
}

fn catalog(args: &GalleryArgs) -> Result<Catalog> {
    let in_folder = args.folder.join(catalog::FILE_NAME);
    match &args.config {
        Some(path) => Catalog::open(path),
        None if in_folder.exists() => Catalog::open(&in_folder),
        None => Catalog::builtin(),
    }
}

fn write_drop_in(
    folder: &Path,
    catalog: &Catalog,
    tags_path: &Path,
    tags: Option<&tags::Tags>,
) -> Result<Ending> {
    let target = folder.join(tags::FILE_NAME).canonicalize().ok();
    let is_there = target.is_some() && target == tags_path.canonicalize().ok();
    let written = drop_in::write(folder, catalog, tags.filter(|_| !is_there))?;
    let mut out = std::io::stdout().lock();
    for path in written {
        writeln!(out, "Wrote {}", path.display())?;
    }
    let name = folder.file_name().map_or_else(
        || ".".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    writeln!(
        out,
        "\nIn your page, with addresses as seen from there:\n\n{}\nItems are named by their picture's or link's file name, or by data-key.",
        drop_in::html(&name)
    )?;
    Ok(Ending::Done)
}
