//! What phototag wrote into a site's folder: so that only changed photos are rendered again, and only
//! files of ours are ever replaced or deleted.
//!
//! One JSON line an entry, appended while photos are rendered and written anew at the end. A name is
//! noted before its first file is written: after a crash nothing of ours is taken for a stranger's.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use phototag_core::scan::SITE_MARK;

use crate::caption::Caption;
use crate::render;

/// The file's name in a site's folder. A folder with one is not a photo folder.
const FILE_NAME: &str = SITE_MARK;
/// Where photos' files are.
pub const PICTURES: &str = "img";

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
    pub width: u32,
    pub height: u32,
    pub placeholder: String,
    pub caption: Caption,
    /// When it came to the site, in seconds since 1970.
    pub added: u64,
}

impl Rendered {
    /// File names below [`PICTURES`].
    pub fn files(&self) -> impl Iterator<Item = String> {
        render::widths(self.width).into_iter().flat_map(|width| {
            ["webp", "jpg"].map(|ending| format!("{}-{width}.{ending}", self.name))
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    /// Files of this name may be there.
    Begun(String),
    Photo(Rendered),
    /// A page or anything else but photos: its path and the hash of its content.
    Page(String, String),
}

/// See the module.
pub struct Ledger {
    folder: PathBuf,
    /// By source.
    pub photos: HashMap<String, Rendered>,
    /// By path: hashes of what was written.
    pages: BTreeMap<String, String>,
    names: HashSet<String>,
    file: File,
}

impl Ledger {
    /// Opens the ledger of a site's folder, made if missing.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE_NAME);
        fs::create_dir_all(folder.join(PICTURES))
            .with_context(|| format!("{}: cannot be made", folder.display()))?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("{}: cannot be read", path.display()));
            }
        };
        let (mut photos, mut pages, mut names) = (HashMap::new(), BTreeMap::new(), HashSet::new());
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
                    pages.insert(page, hash);
                }
                // The run was cut off within its last line.
                Err(_) if at + 1 == lines.len() => {}
                _ => bail!(
                    "{}:{}: this is not as phototag wrote it\n\nDelete the folder to have the site rendered anew.",
                    path.display(),
                    at + 1
                ),
            }
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("{}: cannot be written", path.display()))?;
        let mut ledger = Self {
            folder: folder.to_owned(),
            photos,
            pages,
            names,
            file,
        };
        if !text.is_empty() && !text.ends_with('\n') {
            ledger.file.write_all(b"\n")?;
            ledger.rewrite()?;
        }
        Ok(ledger)
    }

    /// Notes that files of this name will be written; says whether the name is new.
    pub fn begin(&mut self, name: &str) -> Result<bool> {
        let is_new = self.names.insert(name.to_owned());
        if is_new {
            self.append(&Line::Begun(name.to_owned()))?;
        }
        Ok(is_new)
    }

    /// Notes a photo whose files are all there.
    pub fn keep(&mut self, photo: Rendered) -> Result<()> {
        self.append(&Line::Photo(photo.clone()))?;
        self.photos.insert(photo.source.clone(), photo);
        Ok(())
    }

    /// Writes a page, if it is another one than last time.
    pub fn write(&mut self, page: &str, content: &[u8]) -> Result<()> {
        let path = self.folder.join(page);
        let hash = blake3::hash(content).to_hex().to_string();
        match (fs::read(&path), self.pages.get(page)) {
            (Ok(there), Some(_)) if there == content => return Ok(()),
            (Ok(there), Some(known)) => ensure!(
                blake3::hash(&there).to_hex().as_str() == known,
                "{}: this page was changed by hand, so it is not overwritten\n\nMove it away; to change how pages look, name a stylesheet or HTML of your own under [gallery] in phototag.toml.",
                path.display()
            ),
            (Ok(_), None) => bail!(
                "{}: phototag did not write this file, so it is not overwritten\n\nMove it away, or choose another folder.",
                path.display()
            ),
            (Err(error), _) if error.kind() == ErrorKind::NotFound => {}
            (Err(error), _) => {
                return Err(error).with_context(|| format!("{}: cannot be read", path.display()));
            }
        }
        let put = || -> std::io::Result<()> {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let unfinished = path.with_file_name(format!("{FILE_NAME}-unfinished"));
            fs::write(&unfinished, content)?;
            fs::rename(&unfinished, &path)
        };
        // Noted first: a crash in between must not make a stranger of it.
        self.append(&Line::Page(page.to_owned(), hash.clone()))?;
        self.pages.insert(page.to_owned(), hash);
        put().with_context(|| format!("{}: cannot be written", path.display()))
    }

    /// The files that are there of photos.
    pub fn pictures(&self) -> Result<HashSet<String>> {
        let folder = self.folder.join(PICTURES);
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("{}: cannot be read", folder.display()))?;
        Ok(entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect())
    }

    /// Deletes what we wrote for photos and pages that are no more, and returns how many photos that
    /// were.
    pub fn clean(&mut self, sources: &HashSet<&str>, pages: &HashSet<String>) -> Result<usize> {
        let before = self.photos.len();
        self.photos
            .retain(|source, _| sources.contains(source.as_str()));
        let wanted: HashSet<String> = self.photos.values().flat_map(Rendered::files).collect();
        for file in self.pictures()? {
            let is_ours = file
                .rsplit_once('-')
                .is_some_and(|(name, _)| self.names.contains(name));
            if is_ours && !wanted.contains(&file) {
                self.delete(&format!("{PICTURES}/{file}"))?;
            }
        }
        let gone: Vec<String> = self
            .pages
            .keys()
            .filter(|page| !pages.contains(*page))
            .cloned()
            .collect();
        for page in gone {
            let there = fs::read(self.folder.join(&page)).unwrap_or_default();
            if self.pages.get(&page).map(String::as_str)
                == Some(blake3::hash(&there).to_hex().as_str())
            {
                self.delete(&page)?;
            }
            self.pages.remove(&page);
        }
        self.names = self
            .photos
            .values()
            .map(|photo| photo.name.clone())
            .collect();
        self.rewrite()?;
        Ok(before - self.photos.len())
    }

    fn delete(&self, file: &str) -> Result<()> {
        let path = self.folder.join(file);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{}: cannot be deleted", path.display()))
            }
            _ => Ok(()),
        }
    }

    fn append(&mut self, line: &Line) -> Result<()> {
        let text = serde_json::to_string(line)? + "\n";
        self.file
            .write_all(text.as_bytes())
            .with_context(|| format!("{}: cannot be written", self.path().display()))
    }

    /// The whole ledger, without lines that later ones made void.
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
        let pages = self.pages.iter();
        let pages = pages.map(|(page, hash)| Line::Page(page.clone(), hash.clone()));
        let mut text = String::new();
        for line in begun.chain(rendered).chain(pages) {
            text += &serde_json::to_string(&line)?;
            text.push('\n');
        }
        let path = self.path();
        let unfinished = self.folder.join(format!("{FILE_NAME}-unfinished"));
        let put = || -> std::io::Result<File> {
            fs::write(&unfinished, &text)?;
            fs::rename(&unfinished, &path)?;
            OpenOptions::new().append(true).open(&path)
        };
        self.file = put().with_context(|| format!("{}: cannot be written", path.display()))?;
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE_NAME)
    }
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
mod tests {
    use super::*;

    fn photo(source: &str, name: &str) -> Rendered {
        Rendered {
            source: source.to_owned(),
            size: 1,
            modified: 2,
            version: 1,
            keeps_gps: false,
            name: name.to_owned(),
            width: 300,
            height: 200,
            placeholder: String::new(),
            caption: Caption::default(),
            added: 3,
        }
    }

    #[test]
    fn strangers_files_stay_and_ours_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut ledger = Ledger::open(folder.path()).unwrap();
        assert!(ledger.begin("a-1").unwrap());
        fs::write(path("img/a-1-300.jpg"), "ours").unwrap();
        fs::write(path("img/b-1-300.jpg"), "theirs").unwrap();
        fs::write(path("about.html"), "theirs").unwrap();
        ledger.keep(photo("a.jpg", "a-1")).unwrap();
        ledger.write("index.html", b"one").unwrap();
        ledger.write("pages/2.html", b"two").unwrap();
        assert!(ledger.write("about.html", b"x").is_err());
        drop(ledger);

        let mut ledger = Ledger::open(folder.path()).unwrap();
        assert_eq!(ledger.photos["a.jpg"], photo("a.jpg", "a-1"));
        let pages = HashSet::from(["index.html".to_owned()]);
        assert_eq!(ledger.clean(&HashSet::new(), &pages).unwrap(), 1);
        assert!(!path("img/a-1-300.jpg").exists() && !path("pages/2.html").exists());
        assert!(path("img/b-1-300.jpg").exists() && path("about.html").exists());

        fs::write(path("index.html"), "by hand").unwrap();
        let error = ledger.write("index.html", b"two").unwrap_err().to_string();
        assert!(error.contains("changed by hand"), "{error}");
    }

    #[test]
    fn a_hostile_ledger_is_refused_and_half_a_line_is_not() {
        for line in [
            r#"{"page":["../x","00"]}"#,
            r#"{"begun":"../../x"}"#,
            r#"{"page":["/etc/passwd","00"]}"#,
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(FILE_NAME), format!("{line}\n{line}\n")).unwrap();
            assert!(Ledger::open(folder.path()).is_err(), "{line}");
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), "{\"begun\":\"a-1\"}\n{\"pho").unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        assert!(!ledger.begin("a-1").unwrap());
        drop(ledger);
        assert!(Ledger::open(folder.path()).is_ok());
    }
}
