//! How good a head is on photos that it has not seen: average precision, by five folds.
//!
//! Only photos that were labelled as a whole are judged. Corrections are no fair sample: a person adds what was
//! missed and removes what scores best and is wrong, so average precision over corrections says nothing about the
//! ranking of a folder.

use serde::{Deserialize, Serialize};

use super::LEAST_POSITIVES;
use super::fit::Problem;
use crate::statistics::average_precision;

const FOLDS: usize = 5;

/// Fewer labelled photos without the category than this are no estimate.
const LEAST_NEGATIVES: usize = 10;

/// The part of what is missing to a perfect ranking that a head may seem to lose: with few labels, an estimate is
/// off by that much either way.
const TOLERANCE: f64 = 0.1;

/// Average precision on photos that were not learned from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Of the zero-shot score.
    pub before: f64,
    /// Of the head.
    pub after: f64,
}

impl Estimate {
    /// Judges what would be learned from `problem` on the photos that are a fair sample; `None` if they are too
    /// few.
    pub(super) fn of(problem: &Problem, is_sampled: &[bool]) -> Option<Self> {
        let sampled = |positive: bool| {
            let rows = (0..is_sampled.len()).filter(|&at| is_sampled[at]);
            rows.filter(|&at| problem.truth[at] == Some(positive))
                .count()
        };
        if sampled(true) < LEAST_POSITIVES || sampled(false) < LEAST_NEGATIVES {
            return None;
        }
        let folds = folds(&problem.truth);
        let mut held_out = vec![0.0_f32; folds.len()];
        for fold in 0..FOLDS {
            let kept: Vec<bool> = folds.iter().map(|of| *of != Some(fold)).collect();
            let fitted = problem.fit(&kept);
            for at in (0..folds.len()).filter(|&at| folds[at] == Some(fold)) {
                held_out[at] = fitted.score(problem, at) as f32;
            }
        }
        let answers = |score: &dyn Fn(usize) -> f32| {
            let rows = (0..folds.len()).filter(|&at| is_sampled[at]);
            let answers: Vec<(f32, bool)> = rows
                .filter_map(|at| Some((score(at), problem.truth[at]?)))
                .collect();
            average_precision(&answers)
        };
        Some(Self {
            before: answers(&|at| problem.zero_shot[at] as f32)?,
            after: answers(&|at| held_out[at])?,
        })
    }

    /// Whether the head ranks worse than the zero-shot score, as far as can be told, or has nothing to gain.
    pub(super) fn speaks_against(&self) -> bool {
        self.after <= self.before - TOLERANCE * (1.0 - self.before)
    }
}

/// A fold for each labelled photo, positives and negatives dealt out evenly; `None` for the unlabelled.
fn folds(truth: &[Option<bool>]) -> Vec<Option<usize>> {
    let mut dealt = [0, FOLDS / 2];
    truth
        .iter()
        .map(|truth| {
            let next = &mut dealt[usize::from((*truth)?)];
            *next += 1;
            Some(*next % FOLDS)
        })
        .collect()
}
