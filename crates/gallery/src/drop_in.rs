//! The filter buttons as files to put beside a page that exists: a module, a stylesheet, and the data.
//!
//! Only files that are ours by their content are replaced.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::categories::{self, Button};
use phototag_core::catalog::Catalog;
use phototag_core::tags::{self, Tags};

const SCRIPT: &str = include_str!("../web/filter.js");
const STYLE: &str = include_str!("../web/filter.css");

/// Writes the drop-in into `folder` and returns the files written. `tags` is left out where the
/// folder is the one that tags.json lies in already.
pub fn write(folder: &Path, catalog: &Catalog, tags: Option<&Tags>) -> Result<Vec<PathBuf>> {
    let script = folder.join("phototag-filter.js");
    let style = folder.join("phototag-filter.css");
    let buttons = folder.join("categories.json");
    let tags_path = folder.join(tags::FILE_NAME);

    ours(&script, |text| first_words(text) == first_words(SCRIPT))?;
    ours(&style, |text| first_words(text) == first_words(STYLE))?;
    ours(&buttons, |text| {
        serde_json::from_str::<Vec<Button>>(text).is_ok()
    })?;
    if tags.is_some() {
        tags::read(&tags_path)?;
    }

    fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    let categories = serde_json::to_string_pretty(&categories::of(catalog))? + "\n";
    let mut written = Vec::new();
    for (path, text) in [
        (script, SCRIPT),
        (style, STYLE),
        (buttons, categories.as_str()),
    ] {
        fs::write(&path, text).with_context(|| format!("{}: cannot be written", path.display()))?;
        written.push(path);
    }
    if let Some(tags) = tags {
        tags::write(&tags_path, tags)?;
        written.push(tags_path);
    }
    Ok(written)
}

/// An error if something stands at `path` that is not what we would write there.
fn ours(path: &Path, is_ours: impl Fn(&str) -> bool) -> Result<()> {
    match fs::read(path) {
        Ok(bytes) if std::str::from_utf8(&bytes).is_ok_and(&is_ours) => Ok(()),
        Ok(_) => bail!(
            "{}: phototag did not write this file, so it is not overwritten\n\nMove it away, or choose another folder.",
            path.display()
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("{}: cannot be read", path.display())),
    }
}

/// What the files of every version start with.
fn first_words(text: &str) -> Vec<&str> {
    text.split_whitespace().take(3).collect()
}

/// What the owner puts into the page, for files in `folder`.
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
