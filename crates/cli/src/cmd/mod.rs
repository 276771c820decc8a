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
use std::path::Path;

use anyhow::{Context, Result};
use phototag_core::embed::Embedded;
use phototag_core::replace::replace;
use phototag_core::scan::Refused;
use phototag_core::{Collection, Place};

use crate::console::{Console, escaped};

/// How a command that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Photos could not be read, and the exit code has to say so.
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
    warn_of_unreadable(&embedded.refused, console);
    Ok(embedded)
}

/// How many unreadable photos are listed; the rest is counted.
const LISTED: usize = 20;

fn warn_of_unreadable(refused: &[Refused], console: &Console) {
    for refused in refused.iter().take(LISTED) {
        console.warn(&format!("{}: {}", refused.path.display(), refused.reason));
    }
    if refused.len() > LISTED {
        console.warn(&format!("and {} more", refused.len() - LISTED));
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

/// "1 photo", "2 photos".
pub fn photos(n: usize) -> String {
    if n == 1 {
        "1 photo".to_owned()
    } else {
        format!("{n} photos")
    }
}
