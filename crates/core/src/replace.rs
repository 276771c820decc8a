//! Writing a file atomically: a reader sees the old content or the new, and a crash loses neither.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::paths::folder_of;

/// What temporary files' names begin with; [`RANDOM`] letters and digits follow.
const PREFIX: &str = ".phototag-tmp-";

/// How many random characters end a temporary file's name.
const RANDOM: usize = 6;

/// From this age on, a temporary file belongs to a run that was killed.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Writes `content` to a temporary file beside `target`, syncs it, and renames it over `target`.
///
/// A file that exists keeps its permissions; a new one is readable by everyone, as far as the umask allows.
///
/// # Errors
/// [`io::ErrorKind::PermissionDenied`] if `target` exists and is read-only; else an error of the file
/// system. `target` is unchanged in every case.
pub fn replace(target: &Path, content: &[u8]) -> io::Result<()> {
    let before = fs::metadata(target).ok().map(|before| before.permissions());
    if before.as_ref().is_some_and(fs::Permissions::readonly) {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the file is read-only",
        ));
    }
    let file = written(target, content, before)?;
    file.persist(target)?;
    Ok(())
}

/// As [`replace`], but never over a file that exists, not even one that appears while this one is written.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if `target` exists; else an error of the file system.
pub fn create(target: &Path, content: &[u8]) -> io::Result<()> {
    let file = written(target, content, None)?;
    file.persist_noclobber(target)?;
    Ok(())
}

/// A temporary file beside `target` with this content, synced.
fn written(
    target: &Path,
    content: &[u8],
    permissions: Option<fs::Permissions>,
) -> io::Result<NamedTempFile> {
    let folder = folder_of(target);
    sweep_once(&folder);
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).rand_bytes(RANDOM);
    #[cfg(unix)]
    {
        // The default for temporary files is private, and a web server has to read ours.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Sweeps a folder at the first write to it.
fn sweep_once(folder: &Path) {
    static SWEPT: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);
    let mut swept = SWEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if swept.get_or_insert_default().insert(folder.to_owned()) {
        sweep(folder);
    }
}

/// Deletes temporary files that runs left behind when they were killed. What cannot be deleted stays.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_stale = || {
            let metadata = entry.metadata().ok()?;
            let age = metadata.modified().ok()?.elapsed().ok()?;
            Some(metadata.is_file() && age > STALE)
        };
        if is_temporary(&entry.file_name().to_string_lossy()) && is_stale() == Some(true) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_temporary(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|random| {
        random.len() == RANDOM && random.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_created_once_and_replaced_often() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        create(&file, b"one").unwrap();
        let error = create(&file, b"two").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&file).unwrap(), b"one");
        replace(&file, b"three").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"three");
        assert_eq!(names(folder.path()), ["a.toml"]);
    }

    #[test]
    fn a_read_only_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        create(&file, b"one").unwrap();
        let mut permissions = fs::metadata(&file).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&file, permissions).unwrap();
        let error = replace(&file, b"two").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(fs::read(&file).unwrap(), b"one");
        assert_eq!(names(folder.path()), ["a.toml"]);
    }

    #[test]
    fn only_old_temporary_files_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - 2 * STALE;
        let kept = [
            ".phototag-gallery",
            ".phototag-tmp-mine",
            ".phototag-tmp-my_own",
            "a.jpg",
        ];
        for name in kept.iter().chain(&[".phototag-tmp-aB3xYz"]) {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            file.set_modified(old).unwrap();
        }
        fs::write(folder.path().join(".phototag-tmp-fresh1"), "").unwrap();
        replace(&folder.path().join("new.json"), b"{}").unwrap();
        assert_eq!(
            names(folder.path()),
            [
                ".phototag-gallery",
                ".phototag-tmp-fresh1",
                ".phototag-tmp-mine",
                ".phototag-tmp-my_own",
                "a.jpg",
                "new.json"
            ]
        );
    }
}
