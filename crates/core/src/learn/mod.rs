//! Corrections into better scores: for each category, a correction of its zero-shot score.
//!
//! `fit` says how one is learned, `estimate` how good it is on photos that it has not seen. A head is used unless
//! the estimate speaks against it; where there is none, because only corrections were made, the prior keeps it near
//! the zero-shot score.

mod estimate;
mod fit;
mod head;
pub mod heads;
mod logistic;

pub use estimate::Estimate;
pub use head::Head;

use fit::Problem;
use logistic::Gram;
use rayon::prelude::*;

/// A photo to learn from.
#[derive(Clone, Debug)]
pub struct Example {
    /// `[dimensions]`, of unit length.
    pub vector: Vec<f32>,
    /// Zero-shot scores, in catalog order.
    pub scores: Vec<f32>,
    /// What the owner says, in catalog order. `None`: nothing.
    pub truth: Vec<Option<bool>>,
    /// Whether the owner labelled the photo as a whole, so that it is a fair sample of the collection; a photo of
    /// which only some tags were corrected is not.
    pub is_sampled: bool,
}

/// What became of one category.
#[derive(Debug)]
pub enum Outcome {
    /// Too few examples to learn from: positives, negatives.
    TooFew(usize, usize),
    /// A head would rank no better, as far as can be told.
    Unchanged(Evidence),
    /// A head that ranks better, or should.
    Learned(Head, Evidence),
}

/// What an outcome rests on.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Evidence {
    /// Photos that have the category.
    pub positives: usize,
    /// Photos that lack it.
    pub negatives: usize,
    /// Photos without a label that took part.
    pub unlabelled: usize,
    /// How good the head is; `None` if too few photos were labelled as a whole to tell.
    #[serde(default)]
    pub estimate: Option<Estimate>,
}

/// Fewer positives tell nothing.
pub const LEAST_POSITIVES: usize = 3;

/// The most photos without labels that take part.
const UNLABELLED: usize = 500;

/// Learns from `labelled` photos. `others` are photos without labels, evenly drawn from the collection; both
/// together give each category's mean and spread. One outcome a category, in catalog order.
pub fn learn(labelled: &[Example], others: &[Example]) -> Vec<Outcome> {
    let Some(first) = labelled.first() else {
        return Vec::new();
    };
    let space = Space::of(labelled, others);
    let step = others.len().div_ceil(UNLABELLED).max(1);
    let photos: Vec<&Example> = labelled.iter().chain(others.iter().step_by(step)).collect();
    let centred: Vec<Vec<f32>> = photos
        .iter()
        .map(|photo| space.centred(&photo.vector))
        .collect();
    let learner = Learner {
        photos: &photos,
        centred: &centred,
        vectors: gram(&centred),
        space: &space,
    };
    (0..first.scores.len())
        .into_par_iter()
        .map(|category| learner.learn(category, labelled.iter().chain(others)))
        .collect()
}

/// What all categories are learned from.
struct Learner<'a> {
    photos: &'a [&'a Example],
    /// Their embeddings, centred and of unit spread.
    centred: &'a [Vec<f32>],
    vectors: Gram,
    space: &'a Space,
}

impl Learner<'_> {
    fn learn<'a>(
        &self,
        category: usize,
        all: impl Iterator<Item = &'a Example> + Clone,
    ) -> Outcome {
        let usual = Usual::of(all.clone().map(|photo| photo.scores[category]));
        let photos = self.photos.iter();
        let problem = Problem {
            vectors: &self.vectors,
            zero_shot: photos
                .clone()
                .map(|photo| usual.standard(photo.scores[category]))
                .collect(),
            truth: photos.clone().map(|photo| photo.truth[category]).collect(),
        };
        let count = |truth| problem.truth.iter().filter(|t| **t == truth).count();
        let (positives, negatives) = (count(Some(true)), count(Some(false)));
        let unlabelled = count(None);
        if positives < LEAST_POSITIVES || negatives + unlabelled < LEAST_POSITIVES {
            return Outcome::TooFew(positives, negatives);
        }
        let is_sampled: Vec<bool> = photos.map(|photo| photo.is_sampled).collect();
        let estimate = Estimate::of(&problem, &is_sampled);
        let evidence = Evidence {
            positives,
            negatives,
            unlabelled,
            estimate,
        };
        if estimate.is_some_and(|estimate| estimate.speaks_against()) {
            return Outcome::Unchanged(evidence);
        }
        let fitted = problem.fit(&vec![true; problem.truth.len()]);
        let mut direction = vec![0.0; self.space.centre.len()];
        for (&at, alpha) in fitted.rows.iter().zip(&fitted.alpha) {
            for (sum, x) in direction.iter_mut().zip(&self.centred[at]) {
                *sum += alpha * f64::from(*x) / self.space.spread;
            }
        }
        if direction.iter().all(|x| *x == 0.0) {
            return Outcome::Unchanged(evidence);
        }
        match Head::on_the_scale_of(usual, &direction, category, all) {
            Some(head) => Outcome::Learned(head, evidence),
            None => Outcome::Unchanged(evidence),
        }
    }
}

/// The mean and the spread of one category's scores.
#[derive(Clone, Copy)]
pub(in crate::learn) struct Usual {
    mean: f64,
    spread: f64,
}

impl Usual {
    fn of(scores: impl Iterator<Item = f32>) -> Self {
        let finite: Vec<f64> = scores
            .map(f64::from)
            .filter(|score| score.is_finite())
            .collect();
        let n = finite.len().max(1) as f64;
        let mean = finite.iter().sum::<f64>() / n;
        let variance = finite
            .iter()
            .map(|score| (score - mean).powi(2))
            .sum::<f64>()
            / n;
        Self {
            mean,
            spread: variance.sqrt().max(1e-6),
        }
    }

    /// In spreads from the mean; one that is no number is taken for usual.
    fn standard(&self, score: f32) -> f64 {
        let standard = (f64::from(score) - self.mean) / self.spread;
        if standard.is_finite() { standard } else { 0.0 }
    }
}

/// Where the collection's vectors lie.
struct Space {
    centre: Vec<f32>,
    /// The root of the mean squared distance from the centre.
    spread: f64,
}

impl Space {
    fn of(labelled: &[Example], others: &[Example]) -> Self {
        let vectors = || labelled.iter().chain(others).map(|photo| &photo.vector);
        let count = vectors().count().max(1) as f64;
        let mut sum = vec![0.0_f64; vectors().next().map_or(0, Vec::len)];
        for vector in vectors() {
            for (total, x) in sum.iter_mut().zip(vector) {
                *total += f64::from(*x);
            }
        }
        let centre: Vec<f32> = sum.iter().map(|x| (x / count) as f32).collect();
        let mut space = Self {
            centre,
            spread: 1.0,
        };
        let squares: f64 = vectors()
            .map(|vector| {
                space
                    .centred(vector)
                    .iter()
                    .map(|x| f64::from(*x).powi(2))
                    .sum::<f64>()
            })
            .sum();
        space.spread = (squares / count).sqrt().max(1e-6);
        space
    }

    fn centred(&self, vector: &[f32]) -> Vec<f32> {
        let spread = self.spread as f32;
        vector
            .iter()
            .zip(&self.centre)
            .map(|(x, c)| (x - c) / spread)
            .collect()
    }
}

fn gram(vectors: &[Vec<f32>]) -> Gram {
    let n = vectors.len();
    let mut values = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let product = f64::from(crate::vectors::dot(&vectors[i], &vectors[j]));
            values[i * n + j] = product;
            values[j * n + i] = product;
        }
    }
    Gram { n, values }
}

#[cfg(test)]
mod tests;
