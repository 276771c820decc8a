//! overrides.json: corrections by hand, which win over every score.
//!
//! `{"50": ["architecture"]}` replaces a photo's tags; `{"15": {"add": [...], "remove": [...]}}`
//! corrects them. phototag only reads the file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::written::{self, Pairs};
use crate::catalog::{Catalog, CategoryId};

/// The file's name in a photo folder.
pub(super) const FILE_NAME: &str = "overrides.json";

/// Corrections by photo key.
#[derive(Debug, Default)]
pub struct Overrides(BTreeMap<String, Correction>);

/// A correction of one photo's tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Correction {
    /// The photo has these categories and no others.
    Replace(BTreeSet<CategoryId>),
    /// The photo has some categories, and lacks others.
    Change {
        /// It has these.
        add: BTreeSet<CategoryId>,
        /// It lacks these. A category in both is added.
        remove: BTreeSet<CategoryId>,
    },
}

impl Overrides {
    /// Reads the file. A missing file is no corrections, unless the owner `named` it.
    ///
    /// # Errors
    /// A file that cannot be read, is of another shape, or names a category that the catalog lacks.
    pub fn open(path: &Path, named: bool, catalog: &Catalog) -> Result<Self> {
        match written::read(path)? {
            Some(written) => {
                Self::resolved(written, catalog).with_context(|| path.display().to_string())
            }
            None if named => bail!("{}: no such file of overrides", path.display()),
            None => Ok(Self::default()),
        }
    }

    /// Reads the text of an overrides.json.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn parse(text: &str, catalog: &Catalog) -> Result<Self> {
        Self::resolved(written::parse(text)?, catalog)
    }

    fn resolved(Pairs(written): Pairs<WrittenCorrection>, catalog: &Catalog) -> Result<Self> {
        let corrections = written.into_iter().map(|(key, written)| {
            let correction = written
                .resolved(catalog)
                .with_context(|| format!("photo {key:?}"))?;
            Ok((key, correction))
        });
        Ok(Self(corrections.collect::<Result<_>>()?))
    }

    /// A photo's correction.
    pub fn get(&self, key: &str) -> Option<&Correction> {
        self.0.get(key)
    }

    /// The keys of all corrected photos.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Correction {
    /// Whether the photo has a category; `None` if the correction does not speak of it.
    pub fn verdict(&self, category: CategoryId) -> Option<bool> {
        match self {
            Self::Replace(by) => Some(by.contains(&category)),
            Self::Change { add, .. } if add.contains(&category) => Some(true),
            Self::Change { remove, .. } if remove.contains(&category) => Some(false),
            Self::Change { .. } => None,
        }
    }

    /// Corrects a photo's tags.
    pub(super) fn apply(&self, tags: &mut BTreeSet<CategoryId>) {
        match self {
            Self::Replace(by) => tags.clone_from(by),
            Self::Change { add, remove } => {
                tags.retain(|tag| !remove.contains(tag));
                tags.extend(add);
            }
        }
    }
}

/// A correction as written: categories by name.
#[derive(serde::Deserialize)]
#[serde(
    untagged,
    expecting = "expected a list of categories, or {\"add\": [...], \"remove\": [...]}"
)]
enum WrittenCorrection {
    Replace(BTreeSet<String>),
    Change(Change),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default)]
    add: BTreeSet<String>,
    #[serde(default)]
    remove: BTreeSet<String>,
}

impl WrittenCorrection {
    fn resolved(&self, catalog: &Catalog) -> Result<Correction> {
        let ids = |names: &BTreeSet<String>| -> Result<BTreeSet<CategoryId>> {
            names.iter().map(|name| catalog.known(name)).collect()
        };
        Ok(match self {
            Self::Replace(by) => Correction::Replace(ids(by)?),
            Self::Change(change) => Correction::Change {
                add: ids(&change.add)?,
                remove: ids(&change.remove)?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Overrides> {
        Overrides::parse(text, &Catalog::builtin().unwrap())
    }

    #[test]
    fn replaces_adds_and_removes() {
        let catalog = Catalog::builtin().unwrap();
        let overrides =
            parse(r#"{"50": ["urban"], "15": {"add": ["winter"], "remove": ["bw"]}, "x": []}"#)
                .unwrap();
        let set = |names: &[&str]| -> BTreeSet<CategoryId> {
            names
                .iter()
                .map(|name| catalog.find(name).unwrap())
                .collect()
        };
        let mut tags = vec![
            ("15".to_owned(), set(&["bw", "nature"])),
            ("50".to_owned(), set(&["bw"])),
            ("7".to_owned(), set(&["bw"])),
        ];
        for (key, tags) in &mut tags {
            if let Some(correction) = overrides.get(key) {
                correction.apply(tags);
            }
        }
        assert_eq!(tags[0].1, set(&["nature", "winter"]));
        assert_eq!(tags[1].1, set(&["urban"]));
        assert_eq!(tags[2].1, set(&["bw"]));
        assert_eq!(overrides.keys().collect::<Vec<_>>(), ["15", "50", "x"]);
    }

    #[test]
    fn faults_are_named() {
        let cases = [
            (r#"{"1": ["wildlive"]}"#, "Did you mean \"wildlife\"?"),
            (
                r#"{"1": {"add": ["zebra crossing"]}}"#,
                "Its categories are: landscape",
            ),
            (r#"{"1": {"ad": ["bw"]}}"#, "expected a list of categories"),
            (r#"{"1": "bw"}"#, "expected a list of categories"),
            (r#"{"1": ["bw"], "1": []}"#, "\"1\" is named twice"),
            ("[]", "an object"),
            ("{", "line 1"),
        ];
        for (text, expected) in cases {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
