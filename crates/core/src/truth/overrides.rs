//! overrides.json: corrections by hand, which win over every score.
//!
//! `{"50": ["architecture"]}` replaces a photo's tags; `{"15": {"add": [...], "remove": [...]}}`
//! corrects them. phototag only reads the file.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use super::TagSets;
use crate::catalog::{Catalog, CategoryId};

/// The file's name in a photo folder.
pub(super) const FILE_NAME: &str = "overrides.json";

/// Corrections by photo key, in the file's order.
#[derive(Debug, Default)]
pub struct Overrides(Vec<(String, Correction)>);

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
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => {
                return Ok(Self::default());
            }
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("{}: the overrides cannot be read", path.display()));
            }
        };
        Self::parse(&text, catalog).with_context(|| path.display().to_string())
    }

    /// Reads the text of an overrides.json.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn parse(text: &str, catalog: &Catalog) -> Result<Self> {
        let written: Written =
            serde_json::from_str(text).context("not overrides as phototag reads them")?;
        let corrections = written.0.into_iter().map(|(key, written)| {
            let correction = written
                .resolved(catalog)
                .with_context(|| format!("photo {key:?}"))?;
            Ok((key, correction))
        });
        Ok(Self(corrections.collect::<Result<_>>()?))
    }

    /// A photo's correction.
    pub fn get(&self, key: &str) -> Option<&Correction> {
        self.0
            .iter()
            .find(|(named, _)| named == key)
            .map(|(_, correction)| correction)
    }

    /// The keys of all corrected photos, in the file's order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// Corrects tags in place. Returns how many photos have a correction.
    pub fn apply(&self, tags: &mut TagSets) -> usize {
        let by_key: HashMap<&str, &Correction> = self
            .0
            .iter()
            .map(|(key, correction)| (key.as_str(), correction))
            .collect();
        let mut corrected = 0;
        for (key, tags) in tags {
            let Some(correction) = by_key.get(key.as_str()) else {
                continue;
            };
            corrected += 1;
            match correction {
                Correction::Replace(by) => tags.clone_from(by),
                Correction::Change { add, remove } => {
                    tags.retain(|tag| !remove.contains(tag));
                    tags.extend(add);
                }
            }
        }
        corrected
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
}

/// The file as written: categories by name.
struct Written(Vec<(String, WrittenCorrection)>);

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

/// As a map, but a key that comes twice is an error: one of the two corrections would be lost.
impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of photos, like {\"50\": [\"architecture\"]}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
                let mut pairs = Vec::new();
                let mut seen = HashSet::new();
                while let Some((key, correction)) = map.next_entry::<String, WrittenCorrection>()? {
                    if !seen.insert(key.clone()) {
                        return Err(A::Error::custom(format!("photo {key:?} is named twice")));
                    }
                    pairs.push((key, correction));
                }
                Ok(Written(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
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
        assert_eq!(overrides.apply(&mut tags), 2);
        assert_eq!(tags[0].1, set(&["nature", "winter"]));
        assert_eq!(tags[1].1, set(&["urban"]));
        assert_eq!(tags[2].1, set(&["bw"]));
        assert_eq!(overrides.keys().collect::<Vec<_>>(), ["50", "15", "x"]);
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
            (r#"{"1": ["bw"], "1": []}"#, "photo \"1\" is named twice"),
            ("[]", "an object of photos"),
            ("{", "line 1"),
        ];
        for (text, expected) in cases {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
