//! Photo vectors and measures into one score per photo and category.
//!
//! A prompted category's score is the cosine between the photo and the normalised mean of its prompts'
//! vectors; a measured one's is the measure. What a score is worth is [`crate::decide`]'s business.

use phototag_clip::Reference;

use crate::catalog::{Catalog, Definition};
use crate::vectors::{dot, mean_direction};

/// Where each category's scores come from, in catalog order.
pub struct Scorer {
    scorings: Vec<Scoring>,
}

enum Scoring {
    /// The category's unit vector.
    Direction(Vec<f32>),
    /// The measure of this name.
    Measure(&'static str),
}

impl Scorer {
    /// `text` gives a prompt's unit vector.
    pub fn new<E>(
        catalog: &Catalog,
        mut text: impl FnMut(&str) -> Result<Vec<f32>, E>,
    ) -> Result<Self, E> {
        let mut scorings = Vec::with_capacity(catalog.len());
        for (_, category) in catalog.categories() {
            scorings.push(match &category.definition {
                Definition::Measure(measure) => Scoring::Measure(measure.name),
                Definition::Prompts(prompts) => {
                    let vectors = prompts
                        .iter()
                        .map(|prompt| text(prompt))
                        .collect::<Result<Vec<_>, E>>()?;
                    Scoring::Direction(mean_direction(&vectors))
                }
            });
        }
        Ok(Self { scorings })
    }

    /// One photo's scores, in catalog order. `measured` gives the measure of a name; NaN stands for one
    /// that is not known.
    pub fn scores(&self, vector: &[f32], measured: impl Fn(&str) -> Option<f32>) -> Vec<f32> {
        self.scorings
            .iter()
            .map(|scoring| match scoring {
                Scoring::Direction(direction) => dot(vector, direction),
                Scoring::Measure(name) => measured(name).unwrap_or(f32::NAN),
            })
            .collect()
    }

    /// The scores of a model's reference images.
    pub fn scores_of_reference(&self, bank: &Reference) -> Vec<Vec<f32>> {
        let vectors = bank.image_vectors.iter().enumerate();
        vectors
            .map(|(at, vector)| {
                self.scores(vector, |name| bank.measures.get(name)?.get(at).copied())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_is_the_normalised_mean_of_its_prompts() {
        let text = "[[category]]\nid = \"a\"\nprompts = [\"x\", \"y\"]\n[[category]]\nid = \"b\"\nmeasure = \"monochrome\"";
        let catalog = Catalog::parse(text, "t").unwrap();
        let scorer = Scorer::new(&catalog, |prompt| {
            Ok::<_, ()>(if prompt == "x" {
                vec![1.0, 0.0]
            } else {
                vec![0.0, 1.0]
            })
        })
        .unwrap();
        let scores = scorer.scores(&[0.6, 0.8], |name| (name == "monochrome").then_some(0.25));
        assert!((scores[0] - 1.4 / 2.0_f32.sqrt()).abs() < 1e-6);
        assert_eq!(scores[1], 0.25);
    }
}
