//! The list of files that phototag wrote into a site's folder. With it, only changed photos are rendered again, and only
//! phototag's own files are replaced or deleted.
//!
//! One JSON line per entry, appended while the site is built; the file is rewritten at the end. A file is noted before
//! it is written, so that an interrupted run leaves no file that the next run does not recognise.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use phototag_core::scan::SITE_MARK;

use crate::caption::Caption;
use crate::folder::{FolderError, Found, SiteFolder};
use crate::render;

/// The file's name in a site's folder. A folder with one is not a photo folder.
const FILE_NAME: &str = SITE_MARK;
/// Where photos' files are.
pub const PICTURES: &str = "img";

/// Why a site's ledger stops a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A line of the ledger is not phototag's.
    #[error(
        "{}:{line}: this is not as phototag wrote it\n\nDelete the folder to have the site rendered again.",
        .path.display()
    )]
    Unknown {
        /// The ledger.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// A page has other content than phototag gave it.
    #[error(
        "{}: this page was changed by hand, so it is not overwritten\n\nMove it away; to change how pages look, name a stylesheet or HTML of your own under [gallery] in phototag.toml.",
        .0.display()
    )]
    Changed(PathBuf),
    /// A file that phototag did not write has the name of a file of the site.
    #[error(
        "{}: phototag did not write this file, so it is not overwritten\n\nMove it away, or choose another folder.",
        .0.display()
    )]
    NotOurs(PathBuf),
    /// An entry that JSON cannot hold.
    #[error("the list of the site's files cannot be written")]
    Json(#[from] serde_json::Error),
    /// A file that cannot be read or written.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

type Result<T> = std::result::Result<T, LedgerError>;

/// A photo as it was rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rendered {
    /// The path below the photo folder, with `/`.
    pub source: String,
    pub size: u64,
    pub modified: i64,
    pub version: u32,
    pub keeps_gps: bool,
    /// Its files are `img/NAME-WIDTH.ENDING`.
    pub name: String,
    /// The photo's own width and height, upright.
    pub width: u32,
    pub height: u32,
    pub placeholder: String,
    pub caption: Caption,
    /// When it was added to the site, in seconds since 1970.
    pub added: u64,
}

impl Rendered {
    /// The widths it is rendered in, ascending.
    pub fn widths(&self) -> Vec<u32> {
        render::widths((self.width, self.height))
    }

    /// The height that goes with a rendered width.
    pub fn height(&self, width: u32) -> u32 {
        render::height((self.width, self.height), width)
    }

    /// File names below [`PICTURES`].
    pub fn files(&self) -> impl Iterator<Item = String> {
        self.widths().into_iter().flat_map(|width| {
            ["webp", "jpg"].map(|ending| format!("{}-{width}.{ending}", self.name))
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    /// Files of this name may exist.
    Begun(String),
    Photo(Rendered),
    /// A page or any other file that is not a photo: its path and the hash of its content. Several lines for one page
    /// mean that a run was interrupted: the file then has one of these hashes.
    Page(String, String),
}

/// See the module.
pub struct Ledger {
    folder: SiteFolder,
    /// By source.
    pub photos: HashMap<String, Rendered>,
    /// By path: hashes of the content that the file may have.
    pages: BTreeMap<String, Vec<String>>,
    names: HashSet<String>,
    /// The file's content.
    text: String,
    file: File,
}

impl Ledger {
    /// Opens the ledger of a site's folder; a missing one is empty.
    pub fn open(folder: &SiteFolder) -> Result<Self> {
        let path = folder.path(FILE_NAME);
        let bytes = match folder.read(FILE_NAME)? {
            Found::Nothing => Vec::new(),
            Found::File(bytes) => bytes,
            Found::Other => return Err(FolderError::Link(path).into()),
        };
        // An interrupted run may leave half a character.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (mut photos, mut names) = (HashMap::new(), HashSet::new());
        let mut pages: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut is_cut = !text.is_empty() && !text.ends_with('\n');
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            match serde_json::from_str(line) {
                Ok(Line::Begun(name)) if is_name(&name) => {
                    names.insert(name);
                }
                Ok(Line::Photo(photo)) if is_name(&photo.name) => {
                    names.insert(photo.name.clone());
                    photos.insert(photo.source.clone(), photo);
                }
                Ok(Line::Page(page, hash)) if is_inside(&page) => {
                    pages.entry(page).or_default().push(hash);
                }
                // The run was interrupted within its last line.
                Err(_) if at + 1 == lines.len() => is_cut = true,
                _ => return Err(LedgerError::Unknown { path, line: at + 1 }),
            }
        }
        let mut ledger = Self {
            folder: folder.clone(),
            photos,
            pages,
            names,
            file: folder.append(FILE_NAME)?,
            text,
        };
        // What is appended has to start a line.
        if is_cut {
            ledger.rewrite()?;
        }
        Ok(ledger)
    }

    /// The site's folder.
    pub fn folder(&self) -> &SiteFolder {
        &self.folder
    }

    /// Notes that these files, which share `name`, will be written.
    ///
    /// # Errors
    /// [`LedgerError::NotOurs`] if one of them exists and phototag did not write it.
    pub fn begin(&mut self, name: &str, files: &[String]) -> Result<()> {
        if self.names.contains(name) {
            return Ok(());
        }
        for file in files {
            if self.folder.read(file)? != Found::Nothing {
                return Err(LedgerError::NotOurs(self.folder.path(file)));
            }
        }
        self.names.insert(name.to_owned());
        self.append(&[Line::Begun(name.to_owned())])
    }

    /// Notes a photo whose files are all written.
    pub fn keep(&mut self, photo: Rendered) -> Result<()> {
        self.append(&[Line::Photo(photo.clone())])?;
        self.photos.insert(photo.source.clone(), photo);
        Ok(())
    }

    /// Writes the pages that changed, in this order.
    ///
    /// # Errors
    /// [`LedgerError::Changed`] or [`LedgerError::NotOurs`] if phototag must not replace one of the files. Nothing is
    /// written then.
    pub fn write(&mut self, pages: &[(String, Vec<u8>)]) -> Result<()> {
        let mut changed = Vec::new();
        for (page, content) in pages {
            let hash = hash(content);
            match (self.folder.read(page)?, self.pages.get(page)) {
                (Found::File(there), Some(_)) if there == *content => continue,
                (Found::File(there), Some(known)) if known.contains(&self::hash(&there)) => {}
                (Found::File(_), Some(_)) => {
                    return Err(LedgerError::Changed(self.folder.path(page)));
                }
                (Found::File(_) | Found::Other, _) => {
                    return Err(LedgerError::NotOurs(self.folder.path(page)));
                }
                (Found::Nothing, _) => {}
            }
            changed.push((page, content, hash));
        }
        // The old hashes stay beside the new one: until the file is replaced, it is the old one.
        let notes = changed.iter();
        let notes = notes.map(|(page, _, hash)| Line::Page((*page).clone(), hash.clone()));
        self.append(&notes.collect::<Vec<_>>())?;
        for (page, content, hash) in changed {
            self.pages
                .entry(page.clone())
                .or_default()
                .push(hash.clone());
            self.folder.write(page, content)?;
            self.pages.insert(page.clone(), vec![hash]);
        }
        Ok(())
    }

    /// The names of the files in [`PICTURES`].
    pub fn pictures(&self) -> Result<HashSet<String>> {
        Ok(self.folder.files(PICTURES)?)
    }

    /// Deletes the files of photos and pages that are no longer on the site. Returns how many photos that were.
    pub fn clean(&mut self, sources: &HashSet<&str>, pages: &HashSet<&str>) -> Result<usize> {
        let before = self.photos.len();
        self.photos
            .retain(|source, _| sources.contains(source.as_str()));
        let wanted: HashSet<String> = self.photos.values().flat_map(Rendered::files).collect();
        for file in self.pictures()? {
            let is_ours = file
                .rsplit_once('-')
                .is_some_and(|(name, _)| self.names.contains(name));
            if is_ours && !wanted.contains(&file) {
                self.folder.delete(&format!("{PICTURES}/{file}"))?;
            }
        }
        let gone: Vec<String> = self
            .pages
            .keys()
            .filter(|page| !pages.contains(page.as_str()))
            .cloned()
            .collect();
        for page in gone {
            let hashes = self.pages.remove(&page).unwrap_or_default();
            if matches!(self.folder.read(&page)?, Found::File(there) if hashes.contains(&hash(&there)))
            {
                self.folder.delete(&page)?;
            }
        }
        self.names = self
            .photos
            .values()
            .map(|photo| photo.name.clone())
            .collect();
        self.rewrite()?;
        Ok(before - self.photos.len())
    }

    /// Appends lines and syncs the file: what they announce is written after them.
    fn append(&mut self, lines: &[Line]) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut text = String::new();
        for line in lines {
            text += &serde_json::to_string(line)?;
            text.push('\n');
        }
        self.text += &text;
        self.file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data())
            .map_err(|error| FolderError::Write(self.folder.path(FILE_NAME), error).into())
    }

    /// Writes the whole ledger without obsolete lines, if that changes it.
    fn rewrite(&mut self) -> Result<()> {
        let mut photos: Vec<&Rendered> = self.photos.values().collect();
        photos.sort_by(|a, b| a.source.cmp(&b.source));
        let known: HashSet<&str> = photos.iter().map(|photo| photo.name.as_str()).collect();
        let mut others: Vec<&String> = self
            .names
            .iter()
            .filter(|name| !known.contains(name.as_str()))
            .collect();
        others.sort();
        let begun = others.into_iter().map(|name| Line::Begun(name.clone()));
        let rendered = photos.into_iter().map(|photo| Line::Photo(photo.clone()));
        let pages = self.pages.iter().flat_map(|(page, hashes)| {
            let hashes = hashes.iter().cloned();
            hashes.map(|hash| Line::Page(page.clone(), hash))
        });
        let mut text = String::new();
        for line in begun.chain(rendered).chain(pages) {
            text += &serde_json::to_string(&line)?;
            text.push('\n');
        }
        if text != self.text {
            self.folder.write(FILE_NAME, text.as_bytes())?;
            self.file = self.folder.append(FILE_NAME)?;
            self.text = text;
        }
        Ok(())
    }
}

fn hash(content: &[u8]) -> String {
    blake3::hash(content).to_hex().to_string()
}

/// What [`crate::site`] calls photos' files.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_inside(page: &str) -> bool {
    let mut parts = Path::new(page).components();
    !page.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests;
