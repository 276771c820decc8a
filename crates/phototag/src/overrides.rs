//! What the owner said by hand, which wins over every score.
//!
//! `{"50": ["architecture"]}` replaces a photo's tags; `{"15": {"add": [...], "remove": [...]}}`
//! corrects them. The file is only ever read.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use crate::catalog::Catalog;
use crate::tags::Tags;

/// The file's name in a photo folder.
pub const FILE_NAME: &str = "overrides.json";

/// Corrections by photo key, in the file's order.
#[derive(Debug, Default)]
pub struct Overrides(Vec<(String, Correction)>);

/// What is said about one photo.
#[derive(Debug, serde::Deserialize)]
#[serde(
    untagged,
    expecting = "expected a list of categories, or {\"add\": [...], \"remove\": [...]}"
)]
pub enum Correction {
    Replace(BTreeSet<String>),
    Change(Change),
}

/// Tags to add and to remove.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    #[serde(default)]
    add: BTreeSet<String>,
    #[serde(default)]
    remove: BTreeSet<String>,
}

impl Overrides {
    /// Reads the file; none there means no corrections, unless the owner `named` it.
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

    fn parse(text: &str, catalog: &Catalog) -> Result<Self> {
        let overrides: Self =
            serde_json::from_str(text).context("not overrides as phototag reads them")?;
        for (key, correction) in &overrides.0 {
            for id in correction.categories() {
                catalog
                    .known(id)
                    .with_context(|| format!("photo {key:?}"))?;
            }
        }
        Ok(overrides)
    }

    /// What is said about a photo.
    pub fn get(&self, key: &str) -> Option<&Correction> {
        self.0
            .iter()
            .find(|(named, _)| named == key)
            .map(|(_, correction)| correction)
    }

    /// Keys that name none of these photos.
    pub fn strangers<'a>(&'a self, photos: &BTreeSet<&str>) -> Vec<&'a str> {
        let keys = self.0.iter().map(|(key, _)| key.as_str());
        keys.filter(|key| !photos.contains(key)).collect()
    }

    /// Corrects tags in place. Returns how many photos were corrected, and the keys that name no photo.
    pub fn apply(&self, tags: &mut Tags) -> (usize, Vec<&str>) {
        let mut open: HashMap<&str, &Correction> = self
            .0
            .iter()
            .map(|(key, correction)| (key.as_str(), correction))
            .collect();
        for (key, tags) in tags.iter_mut() {
            let Some(correction) = open.remove(key.as_str()) else {
                continue;
            };
            match correction {
                Correction::Replace(by) => tags.clone_from(by),
                Correction::Change(change) => {
                    tags.retain(|tag| !change.remove.contains(tag));
                    tags.extend(change.add.iter().cloned());
                }
            }
        }
        let missing = self
            .0
            .iter()
            .map(|(key, _)| key.as_str())
            .filter(|key| open.contains_key(key))
            .collect();
        (self.0.len() - open.len(), missing)
    }
}

impl Correction {
    /// Whether the photo has a tag; `None` if nothing is said about it.
    pub fn says(&self, id: &str) -> Option<bool> {
        match self {
            Self::Replace(by) => Some(by.contains(id)),
            Self::Change(change) if change.add.contains(id) => Some(true),
            Self::Change(change) if change.remove.contains(id) => Some(false),
            Self::Change(_) => None,
        }
    }

    fn categories(&self) -> impl Iterator<Item = &String> {
        let (first, second) = match self {
            Self::Replace(by) => (by, None),
            Self::Change(change) => (&change.add, Some(&change.remove)),
        };
        first.iter().chain(second.into_iter().flatten())
    }
}

/// As a map, but a key that comes twice is an error: one of the two corrections would be lost.
impl<'de> Deserialize<'de> for Overrides {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Overrides;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of photos, like {\"50\": [\"architecture\"]}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Overrides, A::Error> {
                let mut pairs = Vec::new();
                let mut seen = HashSet::new();
                while let Some((key, correction)) = map.next_entry::<String, Correction>()? {
                    if !seen.insert(key.clone()) {
                        return Err(A::Error::custom(format!("photo {key:?} is named twice")));
                    }
                    pairs.push((key, correction));
                }
                Ok(Overrides(pairs))
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
    fn replaces_adds_removes_and_names_strangers() {
        let overrides =
            parse(r#"{"50": ["urban"], "15": {"add": ["winter"], "remove": ["bw"]}, "x": []}"#)
                .unwrap();
        let set = |tags: &[&str]| {
            tags.iter()
                .map(ToString::to_string)
                .collect::<BTreeSet<_>>()
        };
        let mut tags = vec![
            ("15".to_owned(), set(&["bw", "nature"])),
            ("50".to_owned(), set(&["bw"])),
            ("7".to_owned(), set(&["bw"])),
        ];
        let (corrected, missing) = overrides.apply(&mut tags);
        assert_eq!((corrected, missing), (2, vec!["x"]));
        assert_eq!(tags[0].1, set(&["nature", "winter"]));
        assert_eq!(tags[1].1, set(&["urban"]));
        assert_eq!(tags[2].1, set(&["bw"]));
    }

    #[test]
    fn faults_are_named() {
        let cases = [
            (r#"{"1": ["wildlive"]}"#, "Did you mean \"wildlife\"?"),
            (
                r#"{"1": {"add": ["zebra crossing"]}}"#,
                "The catalog has: landscape",
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
