//! labels.json: all tags of some photos, in the shape of tags.json.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::written::{self, Pairs};
use crate::catalog::{Catalog, CategoryId};

/// The file's name in a photo folder.
const FILE_NAME: &str = "labels.json";

/// Labels by photo key.
#[derive(Clone, Debug, Default)]
pub struct Labels(BTreeMap<String, BTreeSet<CategoryId>>);

impl Labels {
    /// Reads label files: those that were `named`, else labels.json in the photo folder if it exists.
    ///
    /// # Errors
    /// A named file that is missing, one that is not of the right shape or names a category which the catalog
    /// lacks, or two files that disagree about a photo.
    pub fn open(named: &[PathBuf], base: &Path, catalog: &Catalog) -> Result<Self> {
        let default = [base.join(FILE_NAME)];
        let files = if named.is_empty() {
            &default[..]
        } else {
            named
        };
        let mut labels: BTreeMap<String, BTreeSet<CategoryId>> = BTreeMap::new();
        let mut origin: HashMap<String, &Path> = HashMap::new();
        for path in files {
            let Pairs(read) = match written::read::<Pairs<Vec<String>>>(path)? {
                Some(read) => read,
                None if named.is_empty() => continue,
                None => bail!("{}: no such file of labels", path.display()),
            };
            for (key, names) in read {
                let ids = names.iter().map(|name| catalog.known(name));
                let tags: BTreeSet<CategoryId> = ids
                    .collect::<Result<_>>()
                    .with_context(|| format!("{}: photo {key:?}", path.display()))?;
                if let Some(before) = labels.get(&key).filter(|before| **before != tags) {
                    let first = origin.get(&key).copied().unwrap_or(path);
                    bail!(
                        "photo {key:?}: {} says {}, but {} says {}\n\nKeep the right line in one of them.",
                        first.display(),
                        listed(before, catalog),
                        path.display(),
                        listed(&tags, catalog)
                    );
                }
                origin.insert(key.clone(), path);
                labels.insert(key, tags);
            }
        }
        Ok(Self(labels))
    }

    /// The keys of all labelled photos.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A photo's labels.
    pub fn get(&self, key: &str) -> Option<&BTreeSet<CategoryId>> {
        self.0.get(key)
    }
}

fn listed(tags: &BTreeSet<CategoryId>, catalog: &Catalog) -> String {
    if tags.is_empty() {
        return "no tags".to_owned();
    }
    let names: Vec<&str> = tags.iter().map(|id| catalog[*id].id.as_str()).collect();
    names.join(", ")
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
            (&["[]"], "an object"),
            (&[r#"{"1": [7]}"#], "line 1: invalid type: integer `7`"),
        ];
        for (files, expected) in cases {
            let error = format!("{:#}", open(files).unwrap_err());
            assert!(error.contains(expected), "{files:?}: {error}");
        }
        assert!(open(&[]).unwrap().0.is_empty());
        assert!(open(&[r#"{"1": ["bw"]}"#, r#"{"1": ["bw"]}"#]).is_ok());
    }
}
