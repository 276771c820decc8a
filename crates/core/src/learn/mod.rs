//! Corrections into better scores: for each category a logistic head on the vectors.
//!
//! A head is a linear correction of the category's zero-shot score. The fit starts from that score: it
//! is one of the inputs, and the vector's own weights are held to zero by an L2 penalty against a sum
//! over examples, so that its hold fades as examples grow (as in CLAP, Silva-Rodriguez et al. 2024, and
//! LP++, Huang et al. 2024, whose starting point is the text direction too). Vectors are centred on the
//! collection's mean. Photos without labels stand in for negatives where too few are labelled, as the
//! owner mostly says what is missing. A head is kept only where cross-validation says that it ranks
//! better than the zero-shot score.

mod cross_validation;
mod head;
pub mod heads;
mod logistic;

pub use head::Head;

use cross_validation::Verdict;
use logistic::{Examples, Gram};
use rayon::prelude::*;

/// A photo to learn from.
#[derive(Clone, Debug)]
pub struct Example {
    /// Unit length.
    pub vector: Vec<f32>,
    /// Zero-shot scores, in catalog order.
    pub scores: Vec<f32>,
    /// What the owner says, in catalog order. `None`: nothing.
    pub truth: Vec<Option<bool>>,
}

/// What became of one category.
#[derive(Debug)]
pub enum Outcome {
    /// Too few examples to say anything: positives, negatives.
    TooFew(usize, usize),
    /// Cross-validation does not say that a head is better.
    Unchanged(Evidence),
    /// A head that ranks better.
    Learned(Head, Evidence),
}

/// What an outcome rests on.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Evidence {
    /// Photos that have the category.
    pub positives: usize,
    /// Photos that lack it.
    pub negatives: usize,
    /// Photos without a label that stood in for negatives.
    pub unlabelled: usize,
    /// Cross-validated average precision of the zero-shot score, and of the head.
    pub before: f64,
    /// Of the head.
    pub after: f64,
    /// The strength of the L2 penalty that was chosen.
    pub penalty: f64,
}

/// Fewer positives tell nothing.
pub const LEAST_POSITIVES: usize = 3;

/// At most so many photos without labels stand in for negatives.
const STAND_INS: usize = 300;

/// The share of the zero-shot score among the inputs, beside a vector of unit spread.
const PRIOR: f64 = 0.3;

/// The strengths of the penalty that cross-validation chooses from, strongest first.
const PENALTIES: &[f64] = &[3.0, 1.0, 0.3, 0.1];

/// Learns from `labelled` photos. `others` are photos without labels, evenly drawn from the collection;
/// both together say what is usual. One outcome a category, in catalog order.
pub fn learn(labelled: &[Example], others: &[Example]) -> Vec<Outcome> {
    let Some(first) = labelled.first() else {
        return Vec::new();
    };
    let space = Space::of(labelled, others);
    let step = others.len().div_ceil(STAND_INS).max(1);
    let photos: Vec<&Example> = labelled.iter().chain(others.iter().step_by(step)).collect();
    let centred: Vec<Vec<f32>> = photos
        .iter()
        .map(|photo| space.centred(&photo.vector))
        .collect();
    let gram = gram(&centred);
    (0..first.scores.len())
        .into_par_iter()
        .map(|category| {
            let all = labelled.iter().chain(others);
            learn_one(category, &photos, &centred, &gram, &space, all)
        })
        .collect()
}

fn learn_one<'a>(
    category: usize,
    photos: &[&Example],
    centred: &[Vec<f32>],
    vectors: &Gram,
    space: &Space,
    all: impl Iterator<Item = &'a Example> + Clone,
) -> Outcome {
    let told = |truth: bool| {
        photos
            .iter()
            .filter(|photo| photo.truth[category] == Some(truth))
            .count()
    };
    let (positives, negatives) = (told(true), told(false));
    let lacking = positives.saturating_sub(negatives);
    let unlabelled = photos
        .iter()
        .filter(|photo| photo.truth[category].is_none())
        .count();
    let stand_ins = if lacking == 0 { 0 } else { unlabelled };
    if positives < LEAST_POSITIVES || negatives + stand_ins < LEAST_POSITIVES {
        return Outcome::TooFew(positives, negatives);
    }
    let usual = Usual::of(all.clone().map(|photo| photo.scores[category]));
    let known: Vec<f64> = photos
        .iter()
        .map(|photo| usual.standard(photo.scores[category]))
        .collect();
    // The zero-shot score and a constant, appended to the centred vector.
    let with_prior = Gram {
        n: vectors.n,
        values: (0..vectors.values.len())
            .map(|at| {
                let (i, j) = (at / vectors.n, at % vectors.n);
                vectors.values[at] + PRIOR * PRIOR * (known[i] * known[j] + 1.0)
            })
            .collect(),
    };
    let rows: Vec<usize> = (0..photos.len())
        .filter(|&at| photos[at].truth[category].is_some() || stand_ins > 0)
        .collect();
    let positive: Vec<bool> = rows
        .iter()
        .map(|&at| photos[at].truth[category] == Some(true))
        .collect();
    // Stand-ins count together for the negatives that lack; then both sides weigh the same.
    let against = negatives as f64 + if stand_ins > 0 { lacking as f64 } else { 0.0 };
    let half = (positives as f64 + against) / 2.0;
    let weight: Vec<f64> = rows
        .iter()
        .map(|&at| match photos[at].truth[category] {
            Some(true) => half / positives as f64,
            Some(false) => half / against,
            None => half / against * lacking as f64 / stand_ins as f64,
        })
        .collect();
    let examples = Examples {
        gram: &with_prior,
        rows: &rows,
        positive: &positive,
        weight: &weight,
    };
    let scores: Vec<f32> = rows.iter().map(|&at| photos[at].scores[category]).collect();
    let Verdict {
        penalty,
        before,
        after,
        better,
    } = cross_validation::choose(&examples, &scores, PENALTIES);
    let evidence = Evidence {
        positives,
        negatives,
        unlabelled: stand_ins,
        before,
        after,
        penalty,
    };
    if !better {
        return Outcome::Unchanged(evidence);
    }
    let alpha = logistic::fit(&examples, penalty, None);
    let mut direction = vec![0.0; space.centre.len()];
    let mut gain = 0.0;
    for (&at, alpha) in rows.iter().zip(&alpha) {
        gain += alpha * PRIOR * PRIOR * known[at];
        for (sum, x) in direction.iter_mut().zip(&centred[at]) {
            *sum += alpha * f64::from(*x) / space.spread;
        }
    }
    match Head::on_the_scale_of(usual, gain, &direction, category, all) {
        Some(head) => Outcome::Learned(head, evidence),
        None => Outcome::Unchanged(evidence),
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
