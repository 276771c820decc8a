//! Which files are photos, and what tags.json calls them.
//!
//! Walks folders in a fixed order, leaves out what is hidden or excluded, survives link loops. What is
//! not a photo is decided by a file's first bytes; a file that the index knows unchanged is not opened.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use globset::GlobSet;
use walkdir::{DirEntry, WalkDir};

use crate::paths::{SPECIAL, Stamp, is_special, slashed};
use crate::photo::{self, Format, Unreadable};
use crate::progress::{Event, Watch, check};

/// How photos are named in tags.json.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStyle {
    /// File name without extension: "15"
    Stem,
    /// File name: "15.jpg"
    Name,
    /// Path below the photo folder: "2019/15.jpg"
    Path,
}

/// Which files are photos of a collection, and how they are named: `[photos]` of a catalog.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Files to leave out: matched against paths below the photo folder, written with `/`.
    pub exclude: GlobSet,
    /// How photos are named in tags.json.
    pub keys: KeyStyle,
    /// Whether links that lead out of the photo folder, or to another file system, are followed.
    pub follow: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            exclude: GlobSet::empty(),
            keys: KeyStyle::Stem,
            follow: false,
        }
    }
}

impl KeyStyle {
    /// All styles with their names, as the catalog and the command line spell them.
    pub const ALL: [(Self, &str); 3] = [
        (Self::Stem, "stem"),
        (Self::Name, "name"),
        (Self::Path, "path"),
    ];
}

impl Rules {
    /// Lets a caller's choice win over the catalog's.
    pub fn choose(&mut self, keys: Option<KeyStyle>, follow: bool) {
        self.keys = keys.unwrap_or(self.keys);
        self.follow |= follow;
    }
}

/// A file that holds a photo, as far as its first bytes tell.
#[derive(Debug)]
pub struct PhotoFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its name in tags.json.
    pub key: String,
    /// Its size and time of change.
    pub stamp: Stamp,
}

/// A file that should be a photo and cannot be one.
#[derive(Debug)]
pub struct Refused {
    /// Where it is.
    pub path: PathBuf,
    /// Why it cannot be read.
    pub reason: Unreadable,
}

/// What a scan found.
#[derive(Debug, Default)]
pub struct Scan {
    /// In natural order of their keys; keys are unique.
    pub photos: Vec<PhotoFile>,
    /// Files that should be photos and cannot be read.
    pub refused: Vec<Refused>,
    /// Files that were looked into and are no photos at all.
    pub others: Vec<(PathBuf, Stamp)>,
}

/// Endings that promise a photo: such a file is reported when it is none.
const PROMISING: &[&str] = &[
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "heic", "heif",
    "avif", "jxl", "dng", "cr2", "cr3", "nef", "arw", "orf", "rw2", "raf", "pef", "srw",
];

/// The file by which `phototag gallery` marks a folder as a site of its own.
pub const SITE_MARK: &str = ".phototag-gallery";

/// As much of a file as tells every format that [`photo::sniff`] knows.
const HEAD: u64 = 4096;

/// Scans files and folders. `is_photo` returns what an unchanged file was last time; `None` if it is new.
///
/// # Errors
/// An input that is missing or a folder that cannot be read, two photos with the same key, or
/// [`Interrupted`](crate::progress::Interrupted) if `watch` breaks.
pub fn scan(
    inputs: &[PathBuf],
    rules: &Rules,
    is_photo: impl Fn(&Path, Stamp) -> Option<bool>,
    watch: &mut Watch,
) -> anyhow::Result<Scan> {
    let mut scanner = Scanner {
        found: Scan::default(),
        homes: inputs.iter().filter_map(|input| Home::of(input)).collect(),
        rules,
        is_photo: &is_photo,
        watch,
    };
    for input in inputs {
        let metadata = metadata(input)?;
        if metadata.is_dir() {
            scanner.folder(input)?;
        } else {
            scanner.file(
                input,
                &metadata,
                input.parent().unwrap_or(Path::new("")),
                true,
            );
        }
    }
    let mut scan = scanner.found;
    scan.photos.sort_by(|a, b| {
        alphanumeric_sort::compare_str(&a.key, &b.key).then_with(|| a.path.cmp(&b.path))
    });
    scan.photos.dedup_by(|a, b| a.path == b.path);
    refuse_collisions(&scan.photos, rules.keys)?;
    Ok(scan)
}

/// A scan under way.
struct Scanner<'a, 'w> {
    found: Scan,
    /// Where links may lead.
    homes: Vec<Home>,
    rules: &'a Rules,
    is_photo: &'a dyn Fn(&Path, Stamp) -> Option<bool>,
    watch: &'a mut Watch<'w>,
}

impl Scanner<'_, '_> {
    fn folder(&mut self, root: &Path) -> anyhow::Result<()> {
        if root.join(SITE_MARK).exists() {
            bail!(
                "{}: a gallery that phototag wrote; its pictures are copies\n\nName the folder of the photos. If they are in this folder too, move the gallery to a folder of its own.",
                root.display()
            );
        }
        let exclude = &self.rules.exclude;
        let wanted = |entry: &DirEntry| {
            entry.depth() == 0
                || !(is_hidden(entry)
                    || exclude.is_match(slashed(entry.path(), root))
                    || is_site(entry))
        };
        let walk = WalkDir::new(root).follow_links(true).sort_by_file_name();
        let mut walk = walk.into_iter().filter_entry(wanted);
        while let Some(entry) = walk.next() {
            check(self.watch, Event::Scanning)?;
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) if error.depth() == 0 => {
                    return Err(error)
                        .context(format!("{}: cannot read the folder", root.display()));
                }
                // The folder that a looping link leads to is walked anyway, from its own place.
                Err(error) if error.loop_ancestor().is_some() => continue,
                Err(error) => {
                    self.refuse(error.path().unwrap_or(root), reason(&error));
                    continue;
                }
            };
            if entry.depth() > 0 && entry.path_is_symlink() && self.leads_out(entry.path()) {
                let is_folder = entry.file_type().is_dir();
                if is_folder {
                    walk.skip_current_dir();
                }
                if is_folder || promises_a_photo(entry.path()) {
                    self.refuse(entry.path(), Unreadable::LeadsOut);
                }
                continue;
            }
            if entry.file_type().is_dir() {
                continue;
            }
            match entry.metadata() {
                Ok(metadata) if metadata.is_file() => {
                    self.file(entry.path(), &metadata, root, false);
                }
                Ok(_) => {}
                Err(error) => self.refuse(entry.path(), reason(&error)),
            }
        }
        Ok(())
    }

    /// Whether a link leads somewhere that it is not followed to.
    fn leads_out(&self, link: &Path) -> bool {
        !self.rules.follow
            && !Home::of(link).is_some_and(|target| self.homes.iter().any(|home| home.has(&target)))
    }

    /// Adds one file to what was found. `named`: its owner named it, so it should be a photo.
    fn file(&mut self, path: &Path, metadata: &Metadata, root: &Path, named: bool) {
        let stamp = Stamp::of(metadata);
        let promising = named || promises_a_photo(path);
        let kind = match (self.is_photo)(path, stamp) {
            Some(true) => Ok(()),
            Some(false) if !promising => return,
            _ => look_into(path),
        };
        match kind {
            Ok(()) => match key(path, root, self.rules.keys) {
                Some(key) => self.found.photos.push(PhotoFile {
                    path: path.to_owned(),
                    key,
                    stamp,
                }),
                None => self.refuse(path, Unreadable::NameNotUtf8),
            },
            Err(Unreadable::NotAPhoto) if !promising => {
                self.found.others.push((path.to_owned(), stamp));
            }
            Err(Unreadable::NotAPhoto) if metadata.len() == 0 => {
                self.refuse(path, Unreadable::Empty);
            }
            Err(reason) => self.refuse(path, reason),
        }
    }

    fn refuse(&mut self, path: &Path, reason: Unreadable) {
        self.found.refused.push(Refused {
            path: path.to_owned(),
            reason,
        });
    }
}

/// Where a file or folder really is.
struct Home {
    path: PathBuf,
    /// The file system, where the platform says so.
    device: Option<u64>,
}

impl Home {
    /// `None` if it does not exist.
    fn of(path: &Path) -> Option<Self> {
        let path = path.canonicalize().ok()?;
        #[cfg(unix)]
        let device = {
            use std::os::unix::fs::MetadataExt;
            Some(path.metadata().ok()?.dev())
        };
        #[cfg(not(unix))]
        let device = None;
        Some(Self { path, device })
    }

    fn has(&self, other: &Self) -> bool {
        other.path.starts_with(&self.path) && other.device == self.device
    }
}

/// The metadata of a file or folder that the owner named.
///
/// # Errors
/// A path that does not exist, cannot be looked at, or is neither a file nor a folder.
pub fn metadata(path: &Path) -> anyhow::Result<Metadata> {
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!("{}: no such file or folder", path.display()),
        _ => anyhow!("{}: {error}", path.display()),
    })?;
    if is_special(&metadata) {
        bail!("{}: {SPECIAL}", path.display());
    }
    Ok(metadata)
}

/// Whether a file starts as a photo does that phototag can decode.
fn look_into(path: &Path) -> Result<(), Unreadable> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(HEAD).read_to_end(&mut head))
        .map_err(|error| Unreadable::Io(error.to_string()))?;
    match photo::sniff(&head) {
        None => Err(Unreadable::NotAPhoto),
        Some(Format::NotYet(name)) => Err(Unreadable::NotYet(name)),
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
    entry.file_type().is_dir() && entry.path().join(SITE_MARK).exists()
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// A photo's name in tags.json; `None` if it is not UTF-8.
pub fn key(path: &Path, root: &Path, keys: KeyStyle) -> Option<String> {
    match keys {
        KeyStyle::Stem => path.file_stem()?.to_str().map(str::to_owned),
        KeyStyle::Name => path.file_name()?.to_str().map(str::to_owned),
        KeyStyle::Path => path.to_str().map(|_| slashed(path, root)),
    }
}

fn refuse_collisions(photos: &[PhotoFile], keys: KeyStyle) -> anyhow::Result<()> {
    let mut by_key: HashMap<&str, Vec<&Path>> = HashMap::new();
    for photo in photos {
        by_key.entry(&photo.key).or_default().push(&photo.path);
    }
    let shared = |photo: &&PhotoFile| by_key[photo.key.as_str()].len() > 1;
    let Some(photo) = photos.iter().find(shared) else {
        return Ok(());
    };
    let count = by_key.values().filter(|paths| paths.len() > 1).count();
    let count = match count {
        1 => String::new(),
        count => format!(" ({count} names are used more than once)"),
    };
    let way_out = match keys {
        KeyStyle::Stem => {
            "Use --key name to keep file extensions, or --key path to include folders."
        }
        KeyStyle::Name => "Use --key path to include folders.",
        KeyStyle::Path => "Two of the folders contain the same path; tag them separately.",
    };
    let paths = &by_key[photo.key.as_str()];
    bail!(
        "{} and {}: both would be named {:?} in tags.json{count}\n\n{way_out}",
        paths[0].display(),
        paths[1].display(),
        photo.key
    )
}

fn reason(error: &walkdir::Error) -> Unreadable {
    let reason = error.io_error();
    Unreadable::Io(reason.map_or_else(|| error.to_string(), ToString::to_string))
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

    fn scanned(folder: &Path) -> anyhow::Result<Scan> {
        scanned_with(folder, false)
    }

    fn scanned_with(folder: &Path, follow: bool) -> anyhow::Result<Scan> {
        let rules = Rules {
            keys: KeyStyle::Path,
            follow,
            ..Rules::default()
        };
        scan(
            &[folder.to_owned()],
            &rules,
            |_, _| None,
            &mut crate::progress::unwatched,
        )
    }

    /// The first bytes of a JPEG: enough to be taken for a photo.
    const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0 and so on";

    #[test]
    fn pictures_of_a_gallery_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        std::fs::create_dir(&site).unwrap();
        std::fs::write(folder.path().join("a.jpg"), JPEG).unwrap();
        std::fs::write(site.join("b.jpg"), JPEG).unwrap();
        let found = || -> Vec<String> {
            let photos = scanned(folder.path()).unwrap().photos.into_iter();
            photos.map(|photo| photo.key).collect()
        };
        assert_eq!(found(), ["a.jpg", "site/b.jpg"]);
        std::fs::write(site.join(SITE_MARK), "").unwrap();
        assert_eq!(found(), ["a.jpg"]);
        let error = scanned(&site).unwrap_err().to_string();
        assert!(error.contains("a gallery that phototag wrote"), "{error}");
    }

    /// Issue 19: a link to `/` made the whole disk part of the collection.
    #[test]
    #[cfg(unix)]
    fn links_are_followed_only_within_the_folder() {
        use std::os::unix::fs::symlink;
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let inside = folder.path().join("inside");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(inside.join("a.jpg"), JPEG).unwrap();
        std::fs::write(outside.path().join("b.jpg"), JPEG).unwrap();
        std::fs::write(outside.path().join("notes.txt"), "").unwrap();
        symlink(&inside, folder.path().join("again")).unwrap();
        symlink(outside.path(), folder.path().join("elsewhere")).unwrap();
        for name in ["b.jpg", "notes.txt"] {
            symlink(outside.path().join(name), folder.path().join(name)).unwrap();
        }
        let keys = |scan: &Scan| -> Vec<String> {
            scan.photos.iter().map(|photo| photo.key.clone()).collect()
        };
        let scan = scanned(folder.path()).unwrap();
        assert_eq!(keys(&scan), ["again/a.jpg", "inside/a.jpg"]);
        let refused: Vec<_> = scan
            .refused
            .iter()
            .map(|refused| (refused.path.as_path(), &refused.reason))
            .collect();
        let expected = ["b.jpg", "elsewhere"].map(|name| folder.path().join(name));
        assert_eq!(
            refused,
            [
                (expected[0].as_path(), &Unreadable::LeadsOut),
                (expected[1].as_path(), &Unreadable::LeadsOut)
            ]
        );

        let scan = scanned_with(folder.path(), true).unwrap();
        assert_eq!(
            keys(&scan),
            ["again/a.jpg", "b.jpg", "elsewhere/b.jpg", "inside/a.jpg"]
        );
        assert!(scan.refused.is_empty());

        // A folder that is named may be a link itself.
        let link = outside.path().join("link");
        symlink(folder.path(), &link).unwrap();
        assert_eq!(
            keys(&scanned(&link).unwrap()),
            ["again/a.jpg", "inside/a.jpg"]
        );
    }

    #[test]
    #[cfg(unix)]
    fn a_link_to_nothing_is_reported_with_the_systems_reason() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("gone.jpg");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        let refused = scanned(folder.path()).unwrap().refused;
        assert_eq!((refused.len(), &refused[0].path), (1, &link));
        let missing = std::fs::metadata("nowhere").unwrap_err();
        assert_eq!(refused[0].reason, Unreadable::Io(missing.to_string()));
    }
}
