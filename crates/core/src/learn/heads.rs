//! Learned heads with their provenance: stored in the index for one model, and checked against the catalog when
//! they are read. How a head is learned is [`learn`](super::learn)'s business.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{Evidence, Head};
use crate::catalog::{Catalog, Category, CategoryId, Definition};
use crate::index::Index;
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

/// A head as the index has it.
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
    /// Reads the heads of a model, with a warning for those that are not used.
    ///
    /// # Errors
    /// An error of the index.
    pub fn open(index: &Index, model: &str, catalog: &Catalog) -> Result<(Self, Vec<Warning>)> {
        let mut by_category = vec![None; catalog.len()];
        let mut outdated = Vec::new();
        for (id, body) in index.heads(model)? {
            let stored = serde_json::from_str::<StoredHead>(&body).ok();
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
        let categories = index.heads_of_others(model)?;
        if categories > 0 {
            warnings.push(Warning::HeadsOfAnotherModel { categories });
        }
        Ok((Self { by_category }, warnings))
    }

    /// Replaces all heads in the index, those of other models too, by `learned` ones.
    ///
    /// # Errors
    /// An error of the index.
    pub fn store(
        index: &mut Index,
        model: &str,
        catalog: &Catalog,
        learned: &[Learned],
    ) -> Result<()> {
        let bodies = learned
            .iter()
            .map(|learned| {
                let category = &catalog[learned.category];
                let stored = StoredHead {
                    head: learned.head.clone(),
                    evidence: learned.evidence,
                    definition: definition(category),
                };
                Ok((category.id.as_str(), serde_json::to_string(&stored)?))
            })
            .collect::<Result<Vec<_>>>()?;
        index.store_heads(model, &bodies)
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
}
