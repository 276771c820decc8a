//! The filter buttons as files for an existing page: a module, a stylesheet, and the data.
//!
//! A file is replaced only if its content is phototag's.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::categories::{self, Button};
use phototag_core::catalog::Catalog;
use phototag_core::replace::replace;
use phototag_core::tags::{self, Tags};

const SCRIPT: &str = include_str!("../web/filter.js");
const STYLE: &str = include_str!("../web/filter.css");

/// Why the filter buttons are not written. Messages name the file first; a way out follows a blank line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DropInError {
    /// A file that phototag did not write has the name of one of phototag's files.
    #[error(
        "{}: phototag did not write this file, so it is not overwritten\n\nMove it away, or choose another folder.",
        .0.display()
    )]
    NotOurs(PathBuf),
    /// The folder cannot be created.
    #[error("{}: cannot be made", .0.display())]
    Make(PathBuf, #[source] io::Error),
    /// A file cannot be read.
    #[error("{}: cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// A file cannot be written.
    #[error("{}: cannot be written", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// tags.json cannot be replaced.
    #[error(transparent)]
    Tags(Box<dyn Error + Send + Sync>),
    /// The categories do not fit into JSON.
    #[error("categories.json cannot be made")]
    Json(#[from] serde_json::Error),
}

/// Writes the drop-in into `folder` and returns the files written. Pass no `tags` if tags.json is in that folder
/// already.
///
/// # Errors
/// [`DropInError::NotOurs`] if one of the files exists and phototag did not write it. Nothing is written then.
pub fn write(
    folder: &Path,
    catalog: &Catalog,
    tags: Option<&Tags>,
) -> Result<Vec<PathBuf>, DropInError> {
    let script = folder.join("phototag-filter.js");
    let style = folder.join("phototag-filter.css");
    let buttons = folder.join("categories.json");
    let tags_path = folder.join(tags::FILE_NAME);

    check(&script, |text| first_words(text) == first_words(SCRIPT))?;
    check(&style, |text| first_words(text) == first_words(STYLE))?;
    check(&buttons, |text| {
        serde_json::from_str::<Vec<Button>>(text).is_ok()
    })?;
    if tags.is_some() {
        tags::read(&tags_path).map_err(|error| DropInError::Tags(error.into()))?;
    }

    fs::create_dir_all(folder).map_err(|error| DropInError::Make(folder.to_owned(), error))?;
    let categories = serde_json::to_string_pretty(&categories::of(catalog))? + "\n";
    let mut written = Vec::new();
    for (path, text) in [
        (script, SCRIPT),
        (style, STYLE),
        (buttons, categories.as_str()),
    ] {
        let replaced = replace(&path, text.as_bytes());
        replaced.map_err(|error| DropInError::Write(path.clone(), error))?;
        written.push(path);
    }
    if let Some(tags) = tags {
        tags::write(&tags_path, tags).map_err(|error| DropInError::Tags(error.into()))?;
        written.push(tags_path);
    }
    Ok(written)
}

/// Refuses to replace a file whose content is not phototag's.
fn check(path: &Path, is_ours: impl Fn(&str) -> bool) -> Result<(), DropInError> {
    match fs::read(path) {
        Ok(bytes) if std::str::from_utf8(&bytes).is_ok_and(&is_ours) => Ok(()),
        Ok(_) => Err(DropInError::NotOurs(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(DropInError::Read(path.to_owned(), error)),
    }
}

/// The start that the files of all versions share.
fn first_words(text: &str) -> Vec<&str> {
    text.split_whitespace().take(3).collect()
}

/// The HTML to paste into the page, for files in `folder`.
pub fn html(folder: &str) -> String {
    format!(
        r#"  <link rel="stylesheet" href="{folder}/phototag-filter.css">
  <script type="module" src="{folder}/phototag-filter.js"></script>

  <phototag-filter for="gallery" tags="{folder}/tags.json" categories="{folder}/categories.json"></phototag-filter>
  <div id="gallery">
    <a href="photos/15.jpg"><img src="photos/15.jpg" alt=""></a>
    <a href="photos/16.jpg" data-key="16"><img src="thumbs/t-0016.jpg" alt=""></a>
  </div>
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_and_not_ours_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::builtin().unwrap();
        let tags = Tags::new();
        assert_eq!(
            write(folder.path(), &catalog, Some(&tags)).unwrap().len(),
            4
        );
        assert_eq!(write(folder.path(), &catalog, None).unwrap().len(), 3);
        for name in [
            "phototag-filter.js",
            "phototag-filter.css",
            "categories.json",
        ] {
            let other = tempfile::tempdir().unwrap();
            fs::write(other.path().join(name), "[{\"id\": \"theirs\"}]").unwrap();
            let error = write(other.path(), &catalog, None).unwrap_err().to_string();
            assert!(error.contains("not overwritten"), "{name}: {error}");
            assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1);
        }
    }
}
