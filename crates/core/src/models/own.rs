//! phototag's own models folder: models that were imported, each in a folder of its name.
//!
//! A folder in it that was copied has a mark in it; only such a folder, or a link, is ever deleted.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use phototag_clip::{Source, hub};

/// Says in a copied model that it is a copy, and of what.
const MARK: &str = ".phototag-model";
/// Moves the folder elsewhere.
pub const VARIABLE: &str = "PHOTOTAG_MODELS";

/// The folder that holds them, whether it exists or not.
pub fn folder() -> Result<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(folder) = variable(VARIABLE) {
        return Ok(folder);
    }
    let home = std::env::home_dir();
    let data = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home.map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_DATA_HOME").or_else(|| home.map(|home| home.join(".local/share")))
    };
    let data =
        data.with_context(|| format!("cannot find a folder for models\n\nSet {VARIABLE} to one."))?;
    Ok(data.join("phototag").join("models"))
}

/// Whether a model may be called so.
pub fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !matches!(name, "" | "auto" | "starter")
        && name.len() <= 100
        && name.bytes().all(plain)
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && !name.ends_with('.')
}

/// The names of the models in `own`, sorted.
pub fn names(own: &Path) -> Vec<String> {
    let entries = fs::read_dir(own).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_name(name) && Source::folder(&own.join(name)).is_ok())
        .collect();
    names.sort();
    names
}

/// Puts the model in `from` into `own` under `name`: a copy of the files it needs, or a link.
pub fn import(own: &Path, from: &Path, name: &str, link: bool) -> Result<PathBuf> {
    let to = own.join(name);
    if fs::symlink_metadata(&to).is_ok() {
        bail!(
            "{}: a model with this name exists\n\nChoose another with --name, or run: \
             phototag model remove {name}",
            to.display()
        );
    }
    fs::create_dir_all(own).with_context(|| own.display().to_string())?;
    if link {
        let from = from
            .canonicalize()
            .with_context(|| from.display().to_string())?;
        symlink(&from, &to).with_context(|| {
            format!(
                "{}: cannot create the link\n\nLeave out --link to copy the model.",
                to.display()
            )
        })?;
        return Ok(to);
    }
    let files = files_of(from)?;
    let needed = hub::needed_files(&files)
        .map_err(|reason| anyhow::anyhow!("{}: {reason}", from.display()))?;
    let new = tempfile::Builder::new()
        .prefix(".importing-")
        .tempdir_in(own)?;
    for file in needed {
        let (from, to) = (from.join(file), new.path().join(file));
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        }
        fs::copy(&from, &to)
            .with_context(|| format!("{}: cannot copy the file", from.display()))?;
    }
    fs::write(
        new.path().join(MARK),
        format!("imported from {}\n", from.display()),
    )?;
    fs::rename(new.path(), &to).with_context(|| to.display().to_string())?;
    Ok(to)
}

/// Deletes an imported model. None if there is none of this name.
pub fn remove(own: &Path, name: &str) -> Result<Option<PathBuf>> {
    let path = own.join(name);
    let Ok(metadata) = fs::symlink_metadata(&path) else {
        return Ok(None);
    };
    let result = if metadata.is_symlink() {
        fs::remove_file(&path).or_else(|_| fs::remove_dir(&path))
    } else if path.join(MARK).is_file() {
        fs::remove_dir_all(&path)
    } else {
        bail!(
            "{}: not deleted, because `phototag model import` did not create it\n\nDelete it \
             by hand if you do not need it.",
            path.display()
        );
    };
    result.with_context(|| path.display().to_string())?;
    Ok(Some(path))
}

/// The files of a model folder and of the folders directly in it, as a repository lists them.
fn files_of(folder: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(folder)
        .max_depth(2)
        .follow_links(true)
        .min_depth(1)
    {
        let entry = entry?;
        let name = entry
            .path()
            .strip_prefix(folder)?
            .to_str()
            .map(|name| name.replace('\\', "/"));
        if let Some(name) = name.filter(|_| entry.file_type().is_file()) {
            files.push(name);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(unix)]
fn symlink(from: &Path, to: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(from, to)
}

#[cfg(windows)]
fn symlink(from: &Path, to: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_dir(from, to)
}
