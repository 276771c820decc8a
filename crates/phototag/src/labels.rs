//! What the owner says is right: labels.json, in the shape of tags.json, and the photos named in
//! overrides.json, which count as labelled.
//!
//! A label names all tags of a photo, so what it does not name is wrong there. A correction by `add` or
//! `remove` says only that much for certain; that the rest of the photo's tags was seen and left is
//! taken for a label where quality is judged, not where something is learned.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::catalog::Catalog;
use crate::overrides::Overrides;
use crate::tags::{self, Tags};

/// The file's name in a photo folder.
pub const FILE_NAME: &str = "labels.json";

/// Labels by photo key; every category is one of the catalog's.
#[derive(Debug, Default)]
pub struct Labels(BTreeMap<String, BTreeSet<String>>);

impl Labels {
    /// Reads label files: those that were named, else labels.json in the photo folder if it is there.
    /// An error if two files disagree about a photo, or if one names a category that the catalog lacks.
    pub fn open(named: &[PathBuf], base: &Path, catalog: &Catalog) -> Result<Self> {
        let default = [base.join(FILE_NAME)];
        let files = if named.is_empty() {
            &default[..]
        } else {
            named
        };
        let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut origin: HashMap<String, &Path> = HashMap::new();
        for path in files {
            let read = match tags::parse(path)? {
                Some(read) => read,
                None if named.is_empty() => continue,
                None => bail!("{}: there is no such file of labels", path.display()),
            };
            for (key, tags) in read {
                for id in &tags {
                    catalog
                        .known(id)
                        .with_context(|| format!("{}: photo {key:?}", path.display()))?;
                }
                if let Some(before) = labels.get(&key).filter(|before| **before != tags) {
                    let first = origin.get(&key).copied().unwrap_or(path);
                    bail!(
                        "photo {key:?}: {} says {}, but {} says {}\n\nKeep the right line in one of them.",
                        first.display(),
                        listed(before),
                        path.display(),
                        listed(&tags)
                    );
                }
                origin.insert(key.clone(), path);
                labels.insert(key, tags);
            }
        }
        Ok(Self(labels))
    }

    /// All of them.
    pub fn all(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.0
    }

    /// The labels of a photo.
    pub fn get(&self, key: &str) -> Option<&BTreeSet<String>> {
        self.0.get(key)
    }

    /// Keys that name none of these photos.
    pub fn strangers<'a>(&'a self, photos: &BTreeSet<&str>) -> Vec<&'a str> {
        let strange = |key: &&str| !photos.contains(key);
        self.0.keys().map(String::as_str).filter(strange).collect()
    }

    /// For judging: labels, and the tags of corrected photos as they are after the correction. Where both
    /// speak of a photo the correction wins; those photos are returned if the two disagree.
    pub fn with_corrected(mut self, tags: &Tags, overrides: &Overrides) -> (Self, Vec<String>) {
        let mut corrected: Tags = tags
            .iter()
            .filter(|(key, _)| overrides.get(key).is_some())
            .map(|(key, tags)| (key.clone(), self.0.get(key).unwrap_or(tags).clone()))
            .collect();
        overrides.apply(&mut corrected);
        let mut disagree = Vec::new();
        for (key, tags) in corrected {
            if self.0.get(&key).is_some_and(|label| *label != tags) {
                disagree.push(key.clone());
            }
            self.0.insert(key, tags);
        }
        (self, disagree)
    }

    /// For learning: what is certain about a photo, in catalog order.
    pub fn certain(
        &self,
        key: &str,
        overrides: &Overrides,
        catalog: &Catalog,
    ) -> Vec<Option<bool>> {
        let label = self.0.get(key);
        let correction = overrides.get(key);
        catalog
            .categories
            .iter()
            .map(|category| {
                correction
                    .and_then(|correction| correction.says(&category.id))
                    .or_else(|| label.map(|tags| tags.contains(&category.id)))
            })
            .collect()
    }

    /// The truth about a labelled photo, in catalog order.
    pub fn truth(&self, key: &str, catalog: &Catalog) -> Option<Vec<bool>> {
        let tags = self.0.get(key)?;
        Some(
            catalog
                .categories
                .iter()
                .map(|category| tags.contains(&category.id))
                .collect(),
        )
    }
}

fn listed(tags: &BTreeSet<String>) -> String {
    if tags.is_empty() {
        "no tags".to_owned()
    } else {
        tags.iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(files: &[&str]) -> Result<Labels> {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = files
            .iter()
            .enumerate()
            .map(|(at, text)| {
                let path = folder.path().join(format!("{at}.json"));
                std::fs::write(&path, text).unwrap();
                path
            })
            .collect();
        Labels::open(&paths, folder.path(), &Catalog::builtin().unwrap())
    }

    #[test]
    fn faults_are_named() {
        let cases: [(&[&str], &str); 4] = [
            (&[r#"{"1": ["wildlive"]}"#], "Did you mean \"wildlife\"?"),
            (
                &[r#"{"1": ["bw"]}"#, r#"{"1": ["urban"], "2": []}"#],
                "says bw, but",
            ),
            (&["[]"], "something else than photos with their tags"),
            (&[r#"{"1": [7]}"#], "something else"),
        ];
        for (files, expected) in cases {
            let error = format!("{:#}", open(files).unwrap_err());
            assert!(error.contains(expected), "{files:?}: {error}");
        }
        assert!(open(&[]).unwrap().all().is_empty());
        assert!(open(&[r#"{"1": ["bw"]}"#, r#"{"1": ["bw"]}"#]).is_ok());
    }
}
