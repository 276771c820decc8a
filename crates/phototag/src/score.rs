//! Photo vectors and measures into one score per photo and category.
//!
//! A prompted category's score is the cosine between the photo and the normalised mean of its prompts'
//! vectors; a measured one's is the measure. What a score is worth is [`crate::decide`]'s business.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul};

use phototag_clip::Reference;

use crate::catalog::{Catalog, Evidence};

/// Where each category's scores come from, in catalog order.
pub struct Scorer {
    sources: Vec<Source>,
}

enum Source {
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
        let mut sources = Vec::with_capacity(catalog.categories.len());
        for category in &catalog.categories {
            sources.push(match &category.evidence {
                Evidence::Measure(measure) => Source::Measure(measure.name),
                Evidence::Prompts(prompts) => {
                    let vectors = prompts
                        .iter()
                        .map(|prompt| text(prompt))
                        .collect::<Result<Vec<_>, E>>()?;
                    Source::Direction(mean_direction(&vectors))
                }
            });
        }
        Ok(Self { sources })
    }

    /// One photo's scores, in catalog order. `measured` gives the measure of a name; NaN stands for one
    /// that is not known.
    pub fn scores(&self, vector: &[f32], measured: impl Fn(&str) -> Option<f32>) -> Vec<f32> {
        self.sources
            .iter()
            .map(|source| match source {
                Source::Direction(direction) => dot(vector, direction),
                Source::Measure(name) => measured(name).unwrap_or(f32::NAN),
            })
            .collect()
    }

    /// The scores of a model's reference images.
    pub fn scores_of_reference(&self, bank: &Reference) -> Vec<Vec<f32>> {
        let monochrome = |at: usize| {
            bank.monochrome
                .as_ref()
                .and_then(|values| values.get(at))
                .copied()
        };
        bank.image_vectors
            .iter()
            .enumerate()
            .map(|(at, vector)| {
                self.scores(vector, |name| {
                    monochrome(at).filter(|_| name == "monochrome")
                })
            })
            .collect()
    }
}

/// The normalised mean of unit vectors; zeros if they cancel out.
pub fn mean_direction(vectors: &[Vec<f32>]) -> Vec<f32> {
    let mut sum = vec![0.0_f32; vectors.first().map_or(0, Vec::len)];
    for vector in vectors {
        for (total, x) in sum.iter_mut().zip(vector) {
            *total += x;
        }
    }
    let length = dot(&sum, &sum).sqrt();
    if length > 0.0 {
        sum.iter_mut().for_each(|x| *x /= length);
    }
    sum
}

/// The sum of products.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum_of_products::<f32, 8>(a, b)
}

/// The sum of products, as `LANES` sums that do not wait for each other, so that the compiler can use wide
/// registers.
pub fn sum_of_products<T, const LANES: usize>(a: &[T], b: &[T]) -> T
where
    T: Copy + Default + Sum + Mul<Output = T> + AddAssign + Add<Output = T>,
{
    let mut sums = [T::default(); LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: T = a_chunks
        .remainder()
        .iter()
        .zip(b_chunks.remainder())
        .map(|(x, y)| *x * *y)
        .sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.into_iter().sum::<T>() + rest
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

    #[test]
    fn dot_takes_any_length() {
        for length in [0, 1, 7, 8, 9, 31] {
            let a: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let expected: f32 = a.iter().map(|x| x * x).sum();
            assert_eq!(dot(&a, &a), expected, "{length}");
        }
    }
}
