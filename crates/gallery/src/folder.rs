//! A site's folder on disk. Nothing here reads, writes or deletes through a link inside the folder, because what a link
//! points to is not part of the site.
//!
//! The folder itself may be a link, because the user named it. Paths are relative to the folder, with `/`.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use phototag_core::replace::replace;

/// What [`replace`] calls its temporary files: this, and six letters or digits.
const TEMPORARY: &str = ".phototag-";

/// A file of a site that cannot be used. `Display` starts with its path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// A folder cannot be created.
    #[error("{}: cannot be made", .0.display())]
    Make(PathBuf, #[source] io::Error),
    /// A file or folder cannot be read.
    #[error("{}: cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// A file cannot be written.
    #[error("{}: cannot be written", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// A file cannot be deleted.
    #[error("{}: cannot be deleted", .0.display())]
    Delete(PathBuf, #[source] io::Error),
    /// A link or a special file where phototag needs a file or a folder.
    #[error(
        "{}: this is a link or a special file, so phototag does not use it\n\nMove it away, or choose another folder.",
        .0.display()
    )]
    Link(PathBuf),
}

/// What is at a path.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    File(Vec<u8>),
    /// A link, a folder, or something special.
    Other,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct SiteFolder(PathBuf);

impl SiteFolder {
    /// The folder of a site, created if missing.
    pub fn open(root: &Path) -> Result<Self, FolderError> {
        fs::create_dir_all(root).map_err(|error| FolderError::Make(root.to_owned(), error))?;
        Ok(Self(root.to_owned()))
    }

    /// The full path of a file, for messages.
    pub fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// Reads a file.
    pub fn read(&self, file: &str) -> Result<Found, FolderError> {
        let path = self.path(file);
        match self.parents(file)?.then(|| fs::symlink_metadata(&path)) {
            None => Ok(Found::Nothing),
            Some(Err(error)) if error.kind() == ErrorKind::NotFound => Ok(Found::Nothing),
            Some(Ok(about)) if about.is_file() => fs::read(&path)
                .map(Found::File)
                .map_err(|error| FolderError::Read(path, error)),
            Some(Ok(_)) => Ok(Found::Other),
            Some(Err(error)) => Err(FolderError::Read(path, error)),
        }
    }

    /// Writes a file atomically; its folders are created. A link in its place is replaced.
    pub fn write(&self, file: &str, content: &[u8]) -> Result<(), FolderError> {
        if let Some((folder, _)) = file.rsplit_once('/') {
            self.make(folder)?;
        }
        let path = self.path(file);
        let is_link = fs::symlink_metadata(&path).is_ok_and(|about| about.is_symlink());
        let unlinked = if is_link {
            fs::remove_file(&path)
        } else {
            Ok(())
        };
        unlinked
            .and_then(|()| replace(&path, content))
            .map_err(|error| FolderError::Write(path, error))
    }

    /// Opens a file to append to it, or to lock it. It is created if missing.
    pub fn append(&self, file: &str) -> Result<File, FolderError> {
        let path = self.path(file);
        match fs::symlink_metadata(&path) {
            Ok(about) if !about.is_file() => return Err(FolderError::Link(path)),
            _ => {}
        }
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|error| FolderError::Write(path, error))
    }

    /// Deletes a file, or the link in its place. A missing file is not an error.
    pub fn delete(&self, file: &str) -> Result<(), FolderError> {
        if !self.parents(file)? {
            return Ok(());
        }
        let path = self.path(file);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(FolderError::Delete(path, error))
            }
            _ => Ok(()),
        }
    }

    /// The names of the files in a folder, which is created if missing. Links do not count.
    pub fn files(&self, folder: &str) -> Result<HashSet<String>, FolderError> {
        self.make(folder)?;
        let path = self.path(folder);
        let entries = fs::read_dir(&path).map_err(|error| FolderError::Read(path, error))?;
        let names = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            let is_file = entry.file_type().ok()?.is_file();
            is_file.then(|| entry.file_name().into_string().ok())?
        });
        Ok(names.collect())
    }

    /// Deletes temporary files that runs left behind when they were killed.
    pub fn sweep(&self, folders: &[&str]) -> Result<(), FolderError> {
        for folder in folders {
            if !self.parents(&format!("{folder}/_"))? {
                continue;
            }
            for name in self.files(folder)? {
                let random = name.strip_prefix(TEMPORARY);
                if random.is_some_and(|it| {
                    it.len() == 6 && it.bytes().all(|b| b.is_ascii_alphanumeric())
                }) {
                    self.delete(&format!("{folder}/{name}"))?;
                }
            }
        }
        Ok(())
    }

    /// Creates a folder and its parents if they are missing.
    fn make(&self, folder: &str) -> Result<(), FolderError> {
        for part in prefixes(folder) {
            let path = self.path(part);
            match fs::create_dir(&path) {
                Ok(()) => {}
                Err(_) if is_folder(&path)? => {}
                Err(error) => return Err(FolderError::Make(path, error)),
            }
        }
        Ok(())
    }

    /// Whether all folders above a file exist.
    fn parents(&self, file: &str) -> Result<bool, FolderError> {
        let Some((folder, _)) = file.rsplit_once('/') else {
            return Ok(true);
        };
        for part in prefixes(folder) {
            if !is_folder(&self.path(part))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// "a", "a/b" and "a/b/c" of "a/b/c". "." is the site's folder itself.
fn prefixes(folder: &str) -> impl Iterator<Item = &str> {
    let ends = folder.match_indices('/').map(|(at, _)| at);
    ends.chain([folder.len()]).map(|end| &folder[..end])
}

/// Whether the path is a real folder.
fn is_folder(path: &Path) -> Result<bool, FolderError> {
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => Ok(true),
        Ok(_) => Err(FolderError::Link(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(FolderError::Read(path.to_owned(), error)),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A site's folder, and a folder with one file outside of it.
    fn folders() -> (tempfile::TempDir, SiteFolder, PathBuf) {
        let base = tempfile::tempdir().unwrap();
        let outside = base.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("a.txt"), "theirs").unwrap();
        let site = SiteFolder::open(&base.path().join("site")).unwrap();
        (base, site, outside)
    }

    #[test]
    fn a_link_to_a_file_is_replaced_or_refused_but_never_followed() {
        let (_base, site, outside) = folders();
        let theirs = outside.join("a.txt");
        symlink(&theirs, site.path("a.txt")).unwrap();
        assert_eq!(site.read("a.txt").unwrap(), Found::Other);
        assert!(matches!(site.append("a.txt"), Err(FolderError::Link(_))));
        assert!(site.files(".").unwrap().is_empty());
        site.write("a.txt", b"ours").unwrap();
        assert_eq!(site.read("a.txt").unwrap(), Found::File(b"ours".to_vec()));
        symlink(&theirs, site.path("b.txt")).unwrap();
        site.delete("b.txt").unwrap();
        assert_eq!(site.read("b.txt").unwrap(), Found::Nothing);
        assert_eq!(fs::read_to_string(theirs).unwrap(), "theirs");
    }

    #[test]
    fn a_link_to_a_folder_is_refused() {
        let (_base, site, outside) = folders();
        symlink(&outside, site.path("img")).unwrap();
        assert!(matches!(site.read("img/a.txt"), Err(FolderError::Link(_))));
        assert!(matches!(
            site.write("img/b.txt", b""),
            Err(FolderError::Link(_))
        ));
        assert!(matches!(
            site.delete("img/a.txt"),
            Err(FolderError::Link(_))
        ));
        assert!(matches!(site.files("img"), Err(FolderError::Link(_))));
        assert_eq!(fs::read_dir(outside).unwrap().count(), 1);
    }

    #[test]
    fn temporary_files_of_dead_runs_go() {
        let (_base, site, _) = folders();
        for name in [
            ".phototag-a1B2c3",
            ".phototag-gallery",
            "img/.phototag-a1B2c3",
            "img/mine.jpg",
        ] {
            site.write(name, b"").unwrap();
        }
        site.sweep(&[".", "img", "data"]).unwrap();
        assert_eq!(
            site.files(".").unwrap(),
            HashSet::from([".phototag-gallery".to_owned()])
        );
        assert_eq!(
            site.files("img").unwrap(),
            HashSet::from(["mine.jpg".to_owned()])
        );
    }
}
