//! `phototag model import`: installs a model from a folder.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use phototag_clip::{Precision, Source};

use super::Outcome;
use crate::cli::ImportArgs;
use phototag_core::models::{Models, own};

pub fn import(args: &ImportArgs, models: &Models) -> Result<Outcome> {
    let path = args
        .path
        .canonicalize()
        .with_context(|| args.path.display().to_string())?;
    let folder = if path.is_dir() {
        path.as_path()
    } else {
        folder_of_model(&path)?
    };
    let name = match &args.name {
        Some(name) => name.clone(),
        None => folder
            .file_name()
            .map_or(String::new(), |name| name.to_string_lossy().into_owned()),
    };
    if !own::is_name(&name) {
        bail!(
            "{name:?}: not a valid model name\n\nChoose one with --name: letters, digits, '-', '_' \
             and '.'."
        );
    }
    // Loading it reads and checks everything, so that nothing is installed which cannot run.
    let refused = || format!("{}: cannot import this model", args.path.display());
    Source::folder(folder)
        .with_context(refused)?
        .load(Precision::F32)
        .with_context(refused)?;
    let installed = own::import(&models.own, folder, &name, args.link)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "Imported {name} to {}", installed.display())?;
    writeln!(out, "Next: phototag tag DIR --model {name}")?;
    Ok(Outcome::Done)
}

/// A model is a folder; naming a file in it is enough.
fn folder_of_model(file: &Path) -> Result<&Path> {
    let folder = file.parent().context("a file without a folder")?;
    let is_tower = folder.ends_with("visual") || folder.ends_with("textual");
    Ok(folder.parent().filter(|_| is_tower).unwrap_or(folder))
}
