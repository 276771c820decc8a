//! Which files are photos, and what tags.json calls them.
//!
//! Walks folders in a fixed order, leaves out what is hidden or excluded, survives link loops. What is
//! not a photo is told from a file's first bytes; a file that the index knows unchanged is not opened.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, anyhow, bail};
use clap::ValueEnum;
use globset::GlobSet;
use walkdir::{DirEntry, WalkDir};

use crate::photo::{self, Format, Unreadable};

/// What names a photo in tags.json.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyStyle {
    /// The file name without its ending: "15"
    Stem,
    /// The file name: "15.jpg"
    Name,
    /// The path below the photo folder: "2019/15.jpg"
    Path,
}

/// How a file looks from outside. While this does not change, its content is taken to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: i64,
}

/// A file that holds a photo, as far as its first bytes tell.
#[derive(Debug)]
pub struct PhotoFile {
    pub path: PathBuf,
    /// Its name in tags.json.
    pub key: String,
    pub stamp: Stamp,
}

/// A file that should be a photo and cannot be one.
#[derive(Debug)]
pub struct Refused {
    pub path: PathBuf,
    pub reason: String,
}

/// What a scan found.
#[derive(Debug, Default)]
pub struct Scan {
    /// In natural order of their keys; keys are unique.
    pub photos: Vec<PhotoFile>,
    pub refused: Vec<Refused>,
    /// Files that were looked into and are no photos at all.
    pub others: Vec<(PathBuf, Stamp)>,
}

/// What the index remembers of a file's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    Photo,
    Other,
}

/// Endings that promise a photo: such a file is reported when it is none.
const PROMISING: &[&str] = &[
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "heic", "heif",
    "avif", "jxl", "dng", "cr2", "cr3", "nef", "arw", "orf", "rw2", "raf", "pef", "srw",
];

/// As much of a file as tells every format that [`photo::sniff`] knows.
const HEAD: u64 = 4096;

/// Scans files and folders. `remembered` says what an unchanged file was last time.
pub fn scan(
    inputs: &[PathBuf],
    exclude: &GlobSet,
    keys: KeyStyle,
    remembered: impl Fn(&Path, Stamp) -> Option<Remembered>,
) -> anyhow::Result<Scan> {
    let mut scan = Scan::default();
    for input in inputs {
        let about = about(input)?;
        if about.is_dir() {
            scan.folder(input, exclude, keys, &remembered)?;
        } else {
            let parent = input.parent().unwrap_or(Path::new(""));
            scan.file(input, &about, parent, keys, true, &remembered);
        }
    }
    scan.photos.sort_by(|a, b| {
        alphanumeric_sort::compare_str(&a.key, &b.key).then_with(|| a.path.cmp(&b.path))
    });
    scan.photos.dedup_by(|a, b| a.path == b.path);
    refuse_collisions(&scan.photos, keys)?;
    Ok(scan)
}

impl Scan {
    fn folder(
        &mut self,
        root: &Path,
        exclude: &GlobSet,
        keys: KeyStyle,
        remembered: &impl Fn(&Path, Stamp) -> Option<Remembered>,
    ) -> anyhow::Result<()> {
        let wanted = |entry: &DirEntry| {
            entry.depth() == 0
                || !(is_hidden(entry)
                    || exclude.is_match(slashed(entry.path(), root))
                    || is_site(entry))
        };
        let walk = WalkDir::new(root).follow_links(true).sort_by_file_name();
        for entry in walk.into_iter().filter_entry(wanted) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) if error.depth() == 0 => {
                    return Err(error)
                        .context(format!("{}: the folder cannot be read", root.display()));
                }
                // The folder that a looping link leads to is walked anyway, from its own place.
                Err(error) if error.loop_ancestor().is_some() => continue,
                Err(error) => {
                    self.refuse(error.path().unwrap_or(root), describe(&error));
                    continue;
                }
            };
            if entry.file_type().is_dir() {
                continue;
            }
            match entry.metadata() {
                Ok(about) if about.is_file() => {
                    self.file(entry.path(), &about, root, keys, false, remembered)
                }
                Ok(_) => {}
                Err(error) => self.refuse(entry.path(), describe(&error)),
            }
        }
        Ok(())
    }

    /// Files one file where it belongs. `named`: its owner named it, so it should be a photo.
    fn file(
        &mut self,
        path: &Path,
        about: &Metadata,
        root: &Path,
        keys: KeyStyle,
        named: bool,
        remembered: &impl Fn(&Path, Stamp) -> Option<Remembered>,
    ) {
        let stamp = Stamp::of(about);
        let promising = named || promises_a_photo(path);
        let kind = match remembered(path, stamp) {
            Some(Remembered::Photo) => Ok(()),
            Some(Remembered::Other) if !promising => return,
            _ => look_into(path),
        };
        match kind {
            Ok(()) => match key(path, root, keys) {
                Some(key) => self.photos.push(PhotoFile {
                    path: path.to_owned(),
                    key,
                    stamp,
                }),
                None => self.refuse(
                    path,
                    "its name is not valid UTF-8, so tags.json cannot name it; rename it",
                ),
            },
            Err(LookFailure::NotAPhoto) if !promising => self.others.push((path.to_owned(), stamp)),
            Err(LookFailure::NotAPhoto) if about.len() == 0 => {
                self.refuse(path, Unreadable::Empty.to_string())
            }
            Err(LookFailure::NotAPhoto) => self.refuse(path, Unreadable::NotAPhoto.to_string()),
            Err(LookFailure::NotYet(name)) => {
                self.refuse(path, Unreadable::NotYet(name).to_string())
            }
            Err(LookFailure::Io(error)) => self.refuse(path, error.to_string()),
        }
    }

    fn refuse(&mut self, path: &Path, reason: impl Into<String>) {
        self.refused.push(Refused {
            path: path.to_owned(),
            reason: reason.into(),
        });
    }
}

impl Stamp {
    fn of(about: &Metadata) -> Self {
        let modified = about
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            size: about.len(),
            modified: modified
                .and_then(|since| i64::try_from(since.as_nanos()).ok())
                .unwrap_or(0),
        }
    }
}

/// Asks about a file or folder that the owner named.
pub fn about(path: &Path) -> anyhow::Result<Metadata> {
    std::fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!("{}: no such file or folder", path.display()),
        _ => anyhow!("{}: {error}", path.display()),
    })
}

enum LookFailure {
    NotAPhoto,
    NotYet(&'static str),
    Io(std::io::Error),
}

fn look_into(path: &Path) -> Result<(), LookFailure> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(HEAD).read_to_end(&mut head))
        .map_err(LookFailure::Io)?;
    match photo::sniff(&head) {
        None => Err(LookFailure::NotAPhoto),
        Some(Format::NotYet(name)) => Err(LookFailure::NotYet(name)),
        Some(_) => Ok(()),
    }
}

fn promises_a_photo(path: &Path) -> bool {
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    PROMISING.contains(&ending.to_ascii_lowercase().as_str())
}

/// A folder that `phototag gallery` wrote: its pictures are copies.
fn is_site(entry: &DirEntry) -> bool {
    entry.file_type().is_dir() && entry.path().join(crate::gallery::LEDGER).exists()
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Whether a file, there or not yet, lies in `folder` or below it.
pub fn is_within(file: &Path, folder: &Path) -> bool {
    let parent = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new(".")).canonicalize();
    match (parent, folder.canonicalize()) {
        (Ok(parent), Ok(folder)) => parent.starts_with(folder),
        _ => false,
    }
}

/// A path below `root`, with `/` on every system.
pub fn slashed(path: &Path, root: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    parts
        .map(|part| part.as_os_str().to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
}

fn key(path: &Path, root: &Path, keys: KeyStyle) -> Option<String> {
    match keys {
        KeyStyle::Stem => path.file_stem()?.to_str().map(str::to_owned),
        KeyStyle::Name => path.file_name()?.to_str().map(str::to_owned),
        KeyStyle::Path => path.to_str().map(|_| slashed(path, root)),
    }
}

fn refuse_collisions(photos: &[PhotoFile], keys: KeyStyle) -> anyhow::Result<()> {
    let mut by_key: HashMap<&str, &Path> = HashMap::new();
    for photo in photos {
        if let Some(first) = by_key.insert(&photo.key, &photo.path) {
            let way_out = match keys {
                KeyStyle::Stem => {
                    "Use --key name to name photos by their whole file name, or --key path where names repeat."
                }
                KeyStyle::Name => "Use --key path to name photos by their path below the folder.",
                KeyStyle::Path => {
                    "Two of the folders given hold the same path; tag them one by one."
                }
            };
            bail!(
                "{} and {}: both would be {:?} in tags.json\n\n{way_out}",
                first.display(),
                photo.path.display(),
                photo.key
            );
        }
    }
    Ok(())
}

fn describe(error: &walkdir::Error) -> String {
    error
        .io_error()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_by_style() {
        let (path, root) = (Path::new("trip/2019/a.b.jpg"), Path::new("trip"));
        assert_eq!(key(path, root, KeyStyle::Stem).unwrap(), "a.b");
        assert_eq!(key(path, root, KeyStyle::Name).unwrap(), "a.b.jpg");
        assert_eq!(key(path, root, KeyStyle::Path).unwrap(), "2019/a.b.jpg");
    }

    #[test]
    fn endings_in_any_case_promise_a_photo() {
        assert!(promises_a_photo(Path::new("x/IMG_1.JPG")));
        assert!(promises_a_photo(Path::new("a.HeIc")));
        assert!(!promises_a_photo(Path::new("notes.txt")));
        assert!(!promises_a_photo(Path::new("jpg")));
    }
}
