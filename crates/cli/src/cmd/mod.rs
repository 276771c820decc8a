//! The subcommands, one file each: arguments in, library calls, output.

pub mod embed;
pub mod eval;
pub mod explain;
pub mod gallery;
pub mod init;
pub mod learn;
pub mod model;
pub mod scores;
pub mod search;
pub mod tag;
pub mod tune;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use phototag_core::embed::Embedded;
use phototag_core::replace::replace;
use phototag_core::scan::Refused;
use phototag_core::truth::Truth;
use phototag_core::{Collection, Place, Warning};

use crate::console::{Console, escaped};
use crate::unreadable;

/// How a command that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Photos could not be read: exit code 1.
    Unreadable,
}

/// Opens a collection; its warnings go to the console.
fn open(place: Place, console: &Console) -> Result<Collection> {
    let (collection, warnings) = Collection::open(place)?;
    console.warn_all(&warnings);
    Ok(collection)
}

/// Embeds what is new, with progress on the console.
fn embed_quietly(collection: &mut Collection, console: &Console) -> Result<Embedded> {
    console.watching(|watch| collection.embed(watch))
}

/// The same; photos that cannot be read become warnings.
fn embed_new(collection: &mut Collection, console: &Console) -> Result<Embedded> {
    let embedded = embed_quietly(collection, console)?;
    let photos = embedded
        .photos
        .iter()
        .map(|(photo, _)| photo.path.as_path());
    for line in unreadable::lines(&embedded.refused, photos, "") {
        console.warn(&line);
    }
    Ok(embedded)
}

fn warn_of_unreadable(refused: &[Refused], console: &Console) {
    for line in unreadable::lines(refused, std::iter::empty(), "") {
        console.warn(&line);
    }
}

/// Warns of each photo that a file of labels or corrections names and that is not among these, and suggests the name
/// that was probably meant.
fn warn_of_unknown_photos(truth: &Truth, embedded: &Embedded, console: &Console) {
    let keys = keys(embedded);
    for warning in truth.unknown_photos(&keys) {
        let meant = match &warning {
            Warning::UnknownPhoto { key, .. } => meant(key, &keys),
            _ => None,
        };
        let hint = meant.map_or(String::new(), |meant| format!("; did you mean {meant:?}?"));
        console.warn(&format!("{warning}{hint}"));
    }
}

/// The key that names the same photo with more or less of its path: "71" for "71.jpg".
fn meant<'a>(typed: &str, keys: &BTreeSet<&'a str>) -> Option<&'a str> {
    let stem = |name: &str| Path::new(name).file_stem().map(ToOwned::to_owned);
    keys.iter().copied().find(|key| stem(key) == stem(typed))
}

/// A photo as it was typed: a path, or a name below the photo folder as `search` prints it.
fn below(folder: &Path, typed: &Path) -> PathBuf {
    let below = folder.join(typed);
    if !typed.exists() && below.exists() {
        below
    } else {
        typed.to_owned()
    }
}

/// The keys of embedded photos.
fn keys(embedded: &Embedded) -> BTreeSet<&str> {
    let photos = embedded.photos.iter();
    photos.map(|(photo, _)| photo.key.as_str()).collect()
}

/// Writes a result to stdout, harmless to a terminal.
fn print(text: &str) -> Result<()> {
    print_unchanged(&escaped(text))
}

/// Writes a result to stdout as it is.
fn print_unchanged(text: &str) -> Result<()> {
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

/// Writes a page or a picture that was asked for.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    replace(path, content).with_context(|| format!("{}: cannot write the file", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_another_style_suggests_the_right_one() {
        let keys = |keys: &[&'static str]| keys.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(meant("71.jpg", &keys(&["7", "71"])), Some("71"));
        assert_eq!(meant("71", &keys(&["2019/71.jpg"])), Some("2019/71.jpg"));
        assert_eq!(meant("a/71.jpg", &keys(&["71.jpg"])), Some("71.jpg"));
        assert_eq!(meant("nobody", &keys(&["71"])), None);
    }
}
