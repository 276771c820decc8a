//! Learned heads with their provenance: kept in the index for one model, checked against the catalog
//! when they are read. How a head is learned is [`crate::learn`]'s business.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::catalog::{self, Catalog, Category};
use crate::index::Index;
use crate::learn::{Evidence, Head};

/// A head and where it comes from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    pub head: Head,
    pub evidence: Evidence,
    /// What the category was when it was learned: prompts or measure.
    asked: String,
}

/// The heads in force, in catalog order.
#[derive(Clone, Debug, Default)]
pub struct Heads {
    by_category: Vec<Option<Kept>>,
}

impl Heads {
    /// Reads the heads of a model, and says in warnings which are not used and why.
    pub fn open(index: &Index, model: &str, catalog: &Catalog) -> Result<(Self, Vec<String>)> {
        let mut by_category = vec![None; catalog.categories.len()];
        let mut stale = Vec::new();
        for (id, body) in index.heads(model)? {
            let kept = serde_json::from_str::<Kept>(&body).ok();
            match (catalog.find(&id), kept) {
                (Ok(at), Some(kept)) if kept.asked == asked(&catalog.categories[at]) => {
                    by_category[at] = Some(kept);
                }
                _ => stale.push(id),
            }
        }
        let mut warnings = Vec::new();
        if !stale.is_empty() {
            warnings.push(format!(
                "what was learned about {} is not used, since the catalog describes it otherwise now; run `phototag learn` again",
                stale.join(", ")
            ));
        }
        let others = index.heads_of_others(model)?;
        if others > 0 {
            warnings.push(format!(
                "what was learned about {others} categories is not used, since it was learned with another model; run `phototag learn` again"
            ));
        }
        Ok((Self { by_category }, warnings))
    }

    /// Replaces what the index keeps by `learned` heads: places in the catalog, and what to keep there.
    pub fn keep(
        index: &mut Index,
        model: &str,
        catalog: &Catalog,
        learned: &[(usize, Head, Evidence)],
    ) -> Result<()> {
        let bodies = learned
            .iter()
            .map(|(at, head, evidence)| {
                let category = &catalog.categories[*at];
                let kept = Kept {
                    head: head.clone(),
                    evidence: *evidence,
                    asked: asked(category),
                };
                Ok((category.id.as_str(), serde_json::to_string(&kept)?))
            })
            .collect::<Result<Vec<_>>>()?;
        index.keep_heads(model, &bodies)
    }

    /// The head of the category at this place.
    pub fn get(&self, at: usize) -> Option<&Kept> {
        self.by_category.get(at)?.as_ref()
    }

    pub fn is_empty(&self) -> bool {
        self.by_category.iter().all(Option::is_none)
    }

    /// Turns a photo's zero-shot scores into learned ones.
    pub fn apply(&self, scores: &mut [f32], vector: &[f32]) {
        for (score, kept) in scores.iter_mut().zip(&self.by_category) {
            if let Some(kept) = kept.as_ref().filter(|kept| kept.head.fits(vector.len())) {
                *score = kept.head.score(*score, vector);
            }
        }
    }

    /// Equal for equal heads; empty without any.
    pub fn fingerprint(&self) -> Result<String> {
        if self.is_empty() {
            return Ok(String::new());
        }
        let bodies = serde_json::to_string(&self.by_category.iter().collect::<Vec<_>>())?;
        Ok(format!("+{}", blake3::hash(bodies.as_bytes()).to_hex()))
    }
}

fn asked(category: &Category) -> String {
    match &category.evidence {
        catalog::Evidence::Prompts(prompts) => format!("prompts {prompts:?}"),
        catalog::Evidence::Measure(measure) => format!("measure {}", measure.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept is compared in later runs, so it must say nothing of this one, like an address.
    #[test]
    fn what_was_asked_reads_alike_in_every_run() {
        let text = "[[category]]\nid = \"bw\"\nmeasure = \"monochrome\"\n[[category]]\nid = \"snow\"\nprompts = [\"snow\", \"ice\"]\n";
        let catalog = Catalog::parse(text, "a test").unwrap();
        let asked: Vec<String> = catalog.categories.iter().map(asked).collect();
        assert_eq!(asked, ["measure monochrome", r#"prompts ["snow", "ice"]"#]);
    }
}
