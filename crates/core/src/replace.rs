//! Replacing a file atomically: a reader sees the old content or the new, and a crash loses neither.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Writes `content` to a temporary file beside `target`, syncs it, and renames it over `target`.
///
/// A file that exists keeps its permissions; a new one is readable by everyone, as far as the umask allows.
///
/// # Errors
/// [`io::ErrorKind::PermissionDenied`] if `target` exists and is read-only; else whatever the file
/// system says. `target` is unchanged in every case.
pub fn replace(target: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".phototag-");
    #[cfg(unix)]
    {
        // The default for temporary files is private, and a web server has to read ours.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    if let Ok(before) = fs::metadata(target) {
        if before.permissions().readonly() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the file is read-only",
            ));
        }
        file.as_file().set_permissions(before.permissions())?;
    }
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(target)?;
    Ok(())
}
