//! Learned heads with their provenance: kept in a file beside the catalog for one model, and checked against the catalog
//! when they are read. How a head is learned is [`learn`](super::learn)'s business.
//!
//! Earlier versions kept heads in the index; they are used from there until something is learned again.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{Evidence, Head};
use crate::catalog::{Catalog, Category, CategoryId, Definition};
use crate::index::Index;
use crate::replace::replace;
use crate::warning::Warning;

/// A head that was learned for a category, to be stored.
pub struct Learned {
    /// The category.
    pub category: CategoryId,
    /// What corrects its scores.
    pub head: Head,
    /// What the head rests on.
    pub evidence: Evidence,
}

/// A head as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredHead {
    /// What corrects the category's scores.
    pub head: Head,
    /// What the head rests on.
    pub evidence: Evidence,
    /// The category's definition when the head was learned.
    #[serde(rename = "asked")]
    definition: String,
}

/// The heads in force, in catalog order.
#[derive(Clone, Debug, Default)]
pub struct Heads {
    by_category: Vec<Option<StoredHead>>,
}

impl Heads {
    /// Reads the heads of a model from `file`, or from the index if there is no such file, with a warning for those that
    /// are not used.
    ///
    /// # Errors
    /// A file that cannot be read or holds something else; an error of the index.
    pub fn open(
        file: &Path,
        index: &Index,
        model: &str,
        catalog: &Catalog,
    ) -> Result<(Self, Vec<Warning>)> {
        let (kept, of_others) = match Portable::read(file)? {
            Some(portable) if portable.model == model => (portable.categories, 0),
            Some(portable) => (BTreeMap::new(), portable.categories.len()),
            None => (
                in_index(index, model)?,
                index.heads_of_others(model)? as usize,
            ),
        };
        let mut by_category = vec![None; catalog.len()];
        let mut outdated = Vec::new();
        for (id, stored) in kept {
            match (catalog.find(&id), stored) {
                (Ok(at), Some(stored)) if stored.definition == definition(&catalog[at]) => {
                    by_category[at.index()] = Some(stored);
                }
                _ => outdated.push(id),
            }
        }
        let mut warnings = Vec::new();
        if !outdated.is_empty() {
            warnings.push(Warning::OutdatedHeads {
                categories: outdated,
            });
        }
        if of_others > 0 {
            warnings.push(Warning::HeadsOfAnotherModel {
                categories: of_others as u32,
            });
        }
        Ok((Self { by_category }, warnings))
    }

    /// Replaces all heads in `file`, those of other models too, by `learned` ones; without any, the file is deleted. The
    /// index keeps none.
    ///
    /// # Errors
    /// A file that cannot be written; an error of the index.
    pub fn store(
        file: &Path,
        index: &mut Index,
        model: &str,
        catalog: &Catalog,
        learned: &[Learned],
    ) -> Result<()> {
        let categories = learned.iter().map(|learned| {
            let category = &catalog[learned.category];
            let stored = StoredHead {
                head: learned.head.clone(),
                evidence: learned.evidence,
                definition: definition(category),
            };
            (category.id.clone(), Some(stored))
        });
        let portable = Portable {
            model: model.to_owned(),
            categories: categories.collect(),
        };
        portable.write(file)?;
        index.forget_heads()
    }

    /// A category's head.
    pub fn get(&self, category: CategoryId) -> Option<&StoredHead> {
        self.by_category.get(category.index())?.as_ref()
    }

    /// Whether nothing was learned.
    pub fn is_empty(&self) -> bool {
        self.by_category.iter().all(Option::is_none)
    }

    /// Turns a photo's zero-shot scores, in catalog order, into learned ones.
    pub fn apply(&self, scores: &mut [f32], vector: &[f32]) {
        for (score, stored) in scores.iter_mut().zip(&self.by_category) {
            if let Some(stored) = stored.as_ref().filter(|s| s.head.fits(vector.len())) {
                *score = stored.head.score(*score, vector);
            }
        }
    }

    /// Equal for equal heads; empty without any.
    ///
    /// # Errors
    /// None in practice: heads are numbers and texts.
    pub fn fingerprint(&self) -> Result<String> {
        if self.is_empty() {
            return Ok(String::new());
        }
        let bodies = serde_json::to_string(&self.by_category.iter().collect::<Vec<_>>())?;
        Ok(format!("+{}", blake3::hash(bodies.as_bytes()).to_hex()))
    }
}

/// The file beside the catalog.
#[derive(Serialize, Deserialize)]
struct Portable {
    /// The fingerprint of the model that was learned with.
    model: String,
    /// Heads by category; `None` for one of an unknown form.
    categories: BTreeMap<String, Option<StoredHead>>,
}

impl Portable {
    fn read(file: &Path) -> Result<Option<Self>> {
        let text = match std::fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("{}: cannot read the file", file.display()));
            }
        };
        let read = serde_json::from_slice(&text).with_context(|| {
            format!(
                "{}: not a file that `phototag learn` wrote\n\nDelete it and run `phototag learn` again.\n",
                file.display()
            )
        });
        read.map(Some)
    }

    fn write(&self, file: &Path) -> Result<()> {
        let failed = || format!("{}: cannot write what was learned", file.display());
        if !self.categories.is_empty() {
            let text = serde_json::to_string(self)? + "\n";
            return replace(file, text.as_bytes()).with_context(failed);
        }
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(failed),
            _ => Ok(()),
        }
    }
}

/// The heads that an earlier version kept in the index.
fn in_index(index: &Index, model: &str) -> Result<BTreeMap<String, Option<StoredHead>>> {
    let heads = index.heads(model)?.into_iter();
    Ok(heads
        .map(|(id, body)| (id, serde_json::from_str(&body).ok()))
        .collect())
}

/// A category's definition as stored heads have it. It is compared in later runs, so its spelling must not change.
fn definition(category: &Category) -> String {
    match &category.definition {
        Definition::Prompts(prompts) => {
            let quoted = prompts
                .iter()
                .map(|prompt| serde_json::Value::from(prompt.as_str()).to_string());
            format!("prompts [{}]", quoted.collect::<Vec<_>>().join(", "))
        }
        Definition::Measure(measure) => format!("measure {}", measure.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_keep_their_spelling() {
        let text = "[[category]]\nid = \"bw\"\nmeasure = \"monochrome\"\n[[category]]\nid = \"snow\"\nprompts = [\"snow\", \"a \\\"cold\\\" day\"]\n";
        let catalog = Catalog::parse(text, "a test").unwrap();
        let spelled: Vec<String> = catalog
            .categories()
            .map(|(_, category)| definition(category))
            .collect();
        assert_eq!(
            spelled,
            [
                "measure monochrome",
                r#"prompts ["snow", "a \"cold\" day"]"#
            ]
        );
    }

    #[test]
    fn heads_of_an_earlier_version_are_read_from_the_index_until_something_is_learned() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::parse(
            "[[category]]\nid = \"snow\"\nprompts = [\"snow\"]\n",
            "a test",
        )
        .unwrap();
        let file = folder.path().join("phototag.learned");
        let path = folder.path().join("index.sqlite");
        let (mut index, _) = Index::open(&path, folder.path()).unwrap();
        let body = r#"{"head": {"keep": 0.5, "direction": [0.1, -0.2], "shift": 0.25},
            "evidence": {"positives": 3, "negatives": 1, "unlabelled": 9},
            "asked": "prompts [\"snow\"]"}"#;
        let insert = "INSERT INTO heads (model, category, body) VALUES ('m', 'snow', ?1)";
        let earlier = rusqlite::Connection::open(&path).unwrap();
        earlier.execute(insert, [body]).unwrap();
        let (old, warnings) = Heads::open(&file, &index, "m", &catalog).unwrap();
        assert!(!old.is_empty() && warnings.is_empty());

        let category = catalog.find("snow").unwrap();
        let stored = old.get(category).unwrap();
        let learned = Learned {
            category,
            head: stored.head.clone(),
            evidence: stored.evidence,
        };
        Heads::store(&file, &mut index, "m", &catalog, &[learned]).unwrap();
        assert!(index.heads("m").unwrap().is_empty());
        let (new, _) = Heads::open(&file, &index, "m", &catalog).unwrap();
        assert_eq!(new.fingerprint().unwrap(), old.fingerprint().unwrap());
        let (none, warnings) = Heads::open(&file, &index, "another", &catalog).unwrap();
        assert!(none.is_empty());
        assert_eq!(warnings, [Warning::HeadsOfAnotherModel { categories: 1 }]);

        Heads::store(&file, &mut index, "m", &catalog, &[]).unwrap();
        assert!(!file.exists());
    }
}
