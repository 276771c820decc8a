//! The hub's cache on disk, laid out as Python's client lays it out, so that both find the other's.
//!
//! ```text
//! models--owner--name/blobs/ETAG                   content, under the name of its checksum
//! models--owner--name/blobs/ETAG.incomplete        as far as it has come
//! models--owner--name/snapshots/COMMIT/FILE        a link to the blob, or a copy of it
//! models--owner--name/refs/REVISION                the commit that a branch or tag stands for
//! .locks/models--owner--name/ETAG.lock             held while the blob is fetched
//! ```
//!
//! A blob or a link appears by a rename or not at all: what is there under its final name is whole.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::checksum::Etag;
use super::retry;
use super::{Event, HubError, Repository, Watch};

const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// One repository's place in the cache.
pub(super) struct Place {
    root: PathBuf,
    folder: PathBuf,
    name: String,
    symlinks: bool,
}

impl Place {
    pub(super) fn new(root: &Path, repository: &Repository, symlinks: bool) -> Self {
        let name = repository.folder();
        Self {
            root: root.to_owned(),
            folder: root.join(&name),
            name,
            symlinks,
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn blob(&self, etag: &Etag) -> PathBuf {
        self.folder.join("blobs").join(etag.as_str())
    }

    pub(super) fn part(&self, etag: &Etag) -> PathBuf {
        self.folder
            .join("blobs")
            .join(format!("{}.incomplete", etag.as_str()))
    }

    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// The snapshots in which the repository may be found, the likeliest first: the one that its
    /// revision stands for; if none was asked for, then all others too, the newest first.
    pub(super) fn candidates(&self, repository: &Repository) -> Vec<PathBuf> {
        let revision = repository.revision();
        let mut found = Vec::new();
        if let Some(commit) = self.reference(revision) {
            found.push(self.snapshot(&commit));
        }
        if repository.is_pinned() && !revision.contains('/') {
            found.push(self.snapshot(revision));
        }
        if !repository.is_pinned()
            && let Ok(entries) = fs::read_dir(self.folder.join("snapshots"))
        {
            let age = |entry: &fs::DirEntry| entry.metadata().and_then(|m| m.modified()).ok();
            let mut others: Vec<_> = entries.flatten().map(|e| (age(&e), e.path())).collect();
            others.sort_by(|a, b| b.cmp(a));
            found.extend(others.into_iter().map(|(_, path)| path));
        }
        found.retain(|path| path.is_dir());
        found
    }

    /// The commit that is kept for a revision.
    pub(super) fn reference(&self, revision: &str) -> Option<String> {
        let text = fs::read_to_string(self.folder.join("refs").join(revision)).ok()?;
        let commit = text.trim();
        let is_commit = !commit.is_empty() && commit.bytes().all(|b| b.is_ascii_alphanumeric());
        is_commit.then(|| commit.to_owned())
    }

    /// Keeps which commit a revision stands for.
    pub(super) fn keep_reference(&self, revision: &str, commit: &str) -> Result<(), HubError> {
        if revision == commit || self.reference(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        let path = self.folder.join("refs").join(revision);
        create_parent(&path)?;
        let new = with_suffix(&path, &format!(".{}.tmp", std::process::id()));
        fs::write(&new, commit).map_err(|e| HubError::cache(&new, e))?;
        fs::rename(&new, &path).map_err(|e| HubError::cache(&path, e))
    }

    /// Waits until nobody else fetches this blob; the blob may be there then.
    pub(super) fn lock(&self, etag: &Etag, watch: Watch<'_>) -> Result<File, HubError> {
        let name = format!("{}.lock", etag.as_str());
        let path = self.root.join(".locks").join(&self.name).join(name);
        create_parent(&path)?;
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(|e| HubError::cache(&path, e))?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => {
                    if !std::mem::replace(&mut told, true) {
                        retry::tell(watch, Event::Other)?;
                    }
                    retry::pause(BETWEEN_LOOKS, watch)?;
                }
                // Some network drives have no locks; then the last rename wins, whole either way.
                Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => {
                    return Ok(file);
                }
                Err(TryLockError::Error(e)) => return Err(HubError::cache(&path, e)),
            }
        }
    }

    /// Makes a file of a snapshot out of its blob: a relative link; where there are no links the
    /// blob itself, moved there, as Python's client does it.
    pub(super) fn link(&self, commit: &str, file: &str, etag: &Etag) -> Result<(), HubError> {
        let path = self.snapshot(commit).join(file);
        if path.is_file() {
            return Ok(());
        }
        create_parent(&path)?;
        // A link to a blob that is gone.
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(HubError::cache(path, e)),
            _ => {}
        }
        let up = "../".repeat(file.split('/').count() + 1);
        let target = format!("{up}blobs/{}", etag.as_str());
        if self.symlinks && symlink(&target, &path).is_ok() {
            return Ok(());
        }
        if path.is_file() {
            // Another run was quicker.
            return Ok(());
        }
        fs::rename(self.blob(etag), &path).map_err(|e| HubError::cache(&path, e))
    }
}

#[cfg(unix)]
fn symlink(target: &str, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(windows)]
fn symlink(target: &str, path: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target.replace('/', "\\"), path)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_: &str, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn create_parent(path: &Path) -> Result<(), HubError> {
    match path.parent() {
        Some(parent) => fs::create_dir_all(parent).map_err(|e| HubError::cache(parent, e)),
        None => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
