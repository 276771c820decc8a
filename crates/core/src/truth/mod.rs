//! What the owner knows to be right: labels.json and overrides.json, opened and understood in one way.
//!
//! A label names all tags of a photo, so what it does not name is wrong there. A correction says only what it
//! says; the rest of a corrected photo's tags counts as seen and accepted where quality is judged, not where
//! something is learned.

mod labels;
mod overrides;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::catalog::{Catalog, CategoryId};
use crate::warning::Warning;

pub use labels::Labels;
pub use overrides::{Correction, Overrides};

/// Photos by key with their categories, in the order of a scan.
pub type TagSets = Vec<(String, BTreeSet<CategoryId>)>;

/// The files that the owner named; empty for those in the photo folder.
#[derive(Clone, Debug, Default)]
pub struct TruthFiles {
    /// Instead of labels.json in the photo folder.
    pub labels: Vec<PathBuf>,
    /// Instead of overrides.json in the photo folder.
    pub overrides: Option<PathBuf>,
}

/// Labels and corrections.
#[derive(Debug, Default)]
pub struct Truth {
    /// All tags of some photos.
    pub labels: Labels,
    /// Corrections of some photos' tags.
    pub overrides: Overrides,
}

impl Truth {
    /// Reads the files that were named, else those in the photo folder `base` if they exist.
    ///
    /// # Errors
    /// A file that was named and is missing, that is not of the right shape, or that names a category which
    /// the catalog lacks; two files of labels that disagree about a photo.
    pub fn open(files: &TruthFiles, base: &Path, catalog: &Catalog) -> Result<Self> {
        Ok(Self {
            labels: Labels::open(&files.labels, base, catalog)?,
            ..Self::corrections(files.overrides.as_deref(), base, catalog)?
        })
    }

    /// Reads the corrections alone, from the file that was named or the one in the photo folder.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn corrections(named: Option<&Path>, base: &Path, catalog: &Catalog) -> Result<Self> {
        let overrides = match named {
            Some(path) => Overrides::open(path, true, catalog)?,
            None => Overrides::open(&base.join(overrides::FILE_NAME), false, catalog)?,
        };
        Ok(Self {
            overrides,
            ..Self::default()
        })
    }

    /// A warning for each name of a photo that is not among `keys`.
    pub fn unknown_photos(&self, keys: &BTreeSet<&str>) -> Vec<Warning> {
        let labels = self.labels.keys().map(|key| ("labels", key));
        let overrides = self.overrides.keys().map(|key| ("overrides", key));
        labels
            .chain(overrides)
            .filter(|(_, key)| !keys.contains(key))
            .map(|(file, key)| Warning::UnknownPhoto {
                file,
                key: key.to_owned(),
            })
            .collect()
    }

    /// For judging: labels, and the tags of corrected photos as they are after the correction; `tags` are those
    /// that scores alone give. A warning for each photo about which labels and corrections disagree.
    pub fn judged(&self, tags: &TagSets) -> (Labels, Vec<Warning>) {
        let mut corrected: TagSets = tags
            .iter()
            .filter(|(key, _)| self.overrides.get(key).is_some())
            .map(|(key, tags)| (key.clone(), self.labels.get(key).unwrap_or(tags).clone()))
            .collect();
        self.overrides.apply(&mut corrected);
        let mut labels = self.labels.clone();
        let mut warnings = Vec::new();
        for (key, tags) in corrected {
            if labels.get(&key).is_some_and(|label| *label != tags) {
                warnings.push(Warning::Disagreement { key: key.clone() });
            }
            labels.insert(key, tags);
        }
        (labels, warnings)
    }

    /// For learning: what is certain about a photo, in catalog order. `None`: nothing.
    pub fn certain(&self, key: &str, catalog: &Catalog) -> Vec<Option<bool>> {
        let label = self.labels.get(key);
        let correction = self.overrides.get(key);
        catalog
            .categories()
            .map(|(category, _)| {
                correction
                    .and_then(|correction| correction.verdict(category))
                    .or_else(|| label.map(|tags| tags.contains(&category)))
            })
            .collect()
    }
}
