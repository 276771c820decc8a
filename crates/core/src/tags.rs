//! tags.json: the file that a gallery reads.
//!
//! One photo a line, keys in natural order, tags sorted; written beside itself and renamed, so that a
//! reader never sees half a file. Whatever already stands there and is not of this shape is left alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::replace::replace;

/// The file's name in a photo folder.
pub const FILE_NAME: &str = "tags.json";

/// Photos' keys with their tags.
pub type Tags = Vec<(String, BTreeSet<String>)>;

/// Reads tags.json at `path`; `None` if there is none. An error if what stands there is not ours to
/// overwrite.
pub fn read(path: &Path) -> Result<Option<Tags>> {
    parse(path).map_err(|error| {
        anyhow::anyhow!(
            "{error:#}, so it was not overwritten\n\nMove it away, or choose another file with --out.\n"
        )
    })
}

/// Reads a file of this shape; `None` if there is none.
pub fn parse(path: &Path) -> Result<Option<Tags>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("{}: cannot read the file", path.display()));
        }
    };
    let parsed: serde_json::Result<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_slice(&text);
    parsed
        .ok()
        .and_then(|map| {
            map.into_iter()
                .map(|(key, tags)| Some((key, serde_json::from_value(tags).ok()?)))
                .collect()
        })
        .map(Some)
        .with_context(|| format!("{}: not a tags.json file", path.display()))
}

/// Writes tags.json, whole or not at all.
pub fn write(path: &Path, tags: &Tags) -> Result<()> {
    // A link stays a link: what it points at is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    replace(&target, render(tags).as_bytes()).with_context(|| {
        format!(
            "{}: cannot write the file; it was not changed",
            path.display()
        )
    })
}

/// The text of tags.json.
pub fn render(tags: &Tags) -> String {
    let mut lines: Vec<_> = tags.iter().collect();
    lines.sort_by(|a, b| alphanumeric_sort::compare_str(&a.0, &b.0).then_with(|| a.0.cmp(&b.0)));
    let lines: Vec<String> = lines
        .into_iter()
        .map(|(key, tags)| {
            let tags: Vec<String> = tags.iter().map(|tag| quoted(tag)).collect();
            format!("  {}: [{}]", quoted(key), tags.join(", "))
        })
        .collect();
    if lines.is_empty() {
        "{}\n".to_owned()
    } else {
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(lines: &[(&str, &[&str])]) -> Tags {
        lines
            .iter()
            .map(|(key, tags)| {
                (
                    key.to_string(),
                    tags.iter().map(ToString::to_string).collect(),
                )
            })
            .collect()
    }

    #[test]
    fn exactly_the_promised_shape() {
        let tags = tags(&[
            ("15", &["bw", "abandoned"]),
            ("2", &[]),
            ("1", &["nature"]),
            ("a\"\n", &["x"]),
        ]);
        assert_eq!(
            render(&tags),
            "{\n  \"1\": [\"nature\"],\n  \"2\": [],\n  \"15\": [\"abandoned\", \"bw\"],\n  \"a\\\"\\n\": [\"x\"]\n}\n"
        );
        assert_eq!(render(&Tags::new()), "{}\n");
    }

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tags.json");
        assert_eq!(read(&path).unwrap(), None);
        let tags = tags(&[("1", &["nature"]), ("IMG 2", &["bw", "winter"])]);
        write(&path, &tags).unwrap();
        assert_eq!(read(&path).unwrap(), Some(tags));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tags.json");
        for text in [
            "",
            "[]",
            "{\"name\": \"site\"}",
            "{\"1\": [2]}",
            "{\"1\": [\"a\"]",
        ] {
            fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("not overwritten"), "{text}: {error}");
        }
    }

    #[test]
    fn only_a_missing_file_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(parse(&folder.path().join("missing.json")).unwrap(), None);
        let error = parse(folder.path()).unwrap_err().to_string();
        assert!(error.contains("cannot read the file"), "{error}");
    }
}
