//! One category's fit: a correction of the zero-shot score, learned from few and biased examples.
//!
//! The zero-shot score is a fixed part of the model (the prior), and the embedding's weights correct it, held small by
//! an L2 penalty that fades as positives grow (as in CLAP, Silva-Rodriguez et al. 2024, and LP++, Huang et al. 2024).
//! Unlabelled photos always take part, as negatives of little weight: logistic regression of positives against
//! unlabelled photos ranks as one against true negatives would, if the labelled positives are a fair sample of all
//! (Elkan and Noto, "Learning classifiers from only positive and unlabeled data", 2008). So the few labelled
//! negatives, which are the best-scoring wrong photos where a person corrects a ranking, push on what distinguishes
//! them and never stand for everything that lacks the category.

use super::logistic::{self, Examples, Gram};

/// What the penalty of one positive is, and its bounds; measured in `bench/learning`.
const PENALTY: f64 = 0.06;
const LEAST_PENALTY: f64 = 0.004;
const MOST_PENALTY: f64 = 0.02;

/// What a labelled negative counts for, in unlabelled photos, if it is the best-scoring photo; and by how much more
/// if it is the worst-scoring one. Labels at random have negatives everywhere, corrections have them at the top.
const NEGATIVE: f64 = 8.0;
const NEGATIVE_AT_RANDOM: f64 = 48.0;

/// The inner product of two constants: large, so that the penalty leaves the bias free.
const BIAS: f64 = 30.0;

/// What is learned from, one row a photo.
pub(super) struct Problem<'a> {
    /// Inner products of the centred embeddings.
    pub(super) vectors: &'a Gram,
    /// Standardised zero-shot scores.
    pub(super) zero_shot: Vec<f64>,
    /// What the owner says; `None` for unlabelled photos.
    pub(super) truth: Vec<Option<bool>>,
}

/// The coefficients of the photos that were learned from.
pub(super) struct Fitted {
    /// Their places.
    pub(super) rows: Vec<usize>,
    /// A coefficient each.
    pub(super) alpha: Vec<f64>,
}

impl Problem<'_> {
    /// Learns from the photos that are `kept`.
    pub(super) fn fit(&self, kept: &[bool]) -> Fitted {
        let rows: Vec<usize> = (0..kept.len()).filter(|&at| kept[at]).collect();
        let count = |truth: bool| {
            let labelled = rows.iter().filter(|&&at| self.truth[at] == Some(truth));
            labelled.count() as f64
        };
        let positives = count(true).max(1.0);
        let others = (rows.len() as f64 - positives).max(1.0);
        let negative = NEGATIVE + NEGATIVE_AT_RANDOM * (1.0 - self.place_of_negatives(&rows));
        let weight: Vec<f64> = rows
            .iter()
            .map(|&at| match self.truth[at] {
                Some(true) => 1.0 / positives,
                Some(false) => negative / others,
                None => 1.0 / others,
            })
            .collect();
        let positive: Vec<bool> = rows
            .iter()
            .map(|&at| self.truth[at] == Some(true))
            .collect();
        let offset: Vec<f64> = rows.iter().map(|&at| self.zero_shot[at]).collect();
        let examples = Examples {
            gram: self.vectors,
            bias: BIAS,
            rows: &rows,
            positive: &positive,
            weight: &weight,
            offset: &offset,
        };
        let alpha = logistic::fit(&examples, penalty(positives));
        Fitted { rows, alpha }
    }

    /// The mean place of the labelled negatives among all zero-shot scores: 1 if they score best, 0.5 if they are
    /// drawn at random.
    fn place_of_negatives(&self, rows: &[usize]) -> f64 {
        let negatives = rows.iter().filter(|&&at| self.truth[at] == Some(false));
        let places: Vec<f64> = negatives
            .map(|&at| {
                let below = rows
                    .iter()
                    .filter(|&&other| self.zero_shot[other] < self.zero_shot[at]);
                below.count() as f64 / rows.len() as f64
            })
            .collect();
        if places.is_empty() {
            return 1.0;
        }
        places.iter().sum::<f64>() / places.len() as f64
    }
}

impl Fitted {
    /// The score of a photo of the problem, seen or not.
    pub(super) fn score(&self, problem: &Problem, at: usize) -> f64 {
        let row = &problem.vectors.values[at * problem.vectors.n..];
        let correction = self.rows.iter().zip(&self.alpha);
        let correction = correction.map(|(&other, alpha)| alpha * (row[other] + BIAS));
        problem.zero_shot[at] + correction.sum::<f64>()
    }
}

/// The strength of the L2 penalty for this many positives, whose weights sum to one.
fn penalty(positives: f64) -> f64 {
    (PENALTY / positives).clamp(LEAST_PENALTY, MOST_PENALTY)
}
