//! Which penalty, and whether the head is better than no head: five folds, judged by average precision
//! on photos that the fit has not seen.

use super::logistic::{Examples, dot, fit};
use crate::statistics::{DEVIATIONS_95, average_precision, bootstrap};

const FOLDS: usize = 5;

/// A smaller gain in average precision is not worth a head.
const LEAST_GAIN: f64 = 0.01;

/// What cross-validation says.
pub(super) struct Verdict {
    pub penalty: f64,
    /// Average precision of the zero-shot score, and of the head.
    pub before: f64,
    pub after: f64,
    /// Whether the gain is more than its standard error.
    pub better: bool,
}

/// Chooses among `penalties`, strongest first; the stronger wins a tie.
pub(super) fn choose(examples: &Examples, zero_shot: &[f32], penalties: &[f64]) -> Verdict {
    let folds = folds(examples.positive);
    let mut held_out = vec![vec![0.0_f32; zero_shot.len()]; penalties.len()];
    for fold in 0..FOLDS {
        let train: Vec<usize> = (0..folds.len()).filter(|&at| folds[at] != fold).collect();
        let rows: Vec<usize> = train.iter().map(|&at| examples.rows[at]).collect();
        let positive: Vec<bool> = train.iter().map(|&at| examples.positive[at]).collect();
        let weight: Vec<f64> = train.iter().map(|&at| examples.weight[at]).collect();
        let part = Examples {
            gram: examples.gram,
            rows: &rows,
            positive: &positive,
            weight: &weight,
        };
        let mut alpha: Option<Vec<f64>> = None;
        for (penalty, scores) in penalties.iter().zip(&mut held_out) {
            let fitted = fit(&part, *penalty, alpha.as_deref());
            for at in (0..folds.len()).filter(|&at| folds[at] == fold) {
                let row = &examples.gram.values[examples.rows[at] * examples.gram.n..];
                let products: Vec<f64> = rows.iter().map(|&other| row[other]).collect();
                scores[at] = dot(&products, &fitted) as f32;
            }
            alpha = Some(fitted);
        }
    }
    let answers = |scores: &[f32]| -> Vec<(f32, bool)> {
        scores
            .iter()
            .copied()
            .zip(examples.positive.iter().copied())
            .collect()
    };
    let judged = |scores: &[f32]| average_precision(&answers(scores)).unwrap_or(0.0);
    let before = judged(zero_shot);
    let (mut best, mut after) = (0, f64::MIN);
    for (at, scores) in held_out.iter().enumerate() {
        let found = judged(scores);
        if found > after {
            (best, after) = (at, found);
        }
    }
    let (old, new) = (answers(zero_shot), answers(&held_out[best]));
    let gain = |drawn: &[usize]| {
        let of = |answers: &[(f32, bool)]| {
            average_precision(&drawn.iter().map(|&at| answers[at]).collect::<Vec<_>>())
        };
        Some(of(&new)? - of(&old)?)
    };
    // Two ends of a 95% interval lie as many deviations apart.
    let deviation = bootstrap(old.len(), gain)
        .map(|interval| (interval.high - interval.low) / (2.0 * DEVIATIONS_95));
    let better = deviation.is_some_and(|deviation| after - before > deviation.max(LEAST_GAIN));
    Verdict {
        penalty: penalties[best],
        before,
        after,
        better,
    }
}

/// A fold for each example, positives and negatives dealt out evenly.
fn folds(positive: &[bool]) -> Vec<usize> {
    let mut dealt = [0, FOLDS / 2];
    positive
        .iter()
        .map(|&side| {
            let next = &mut dealt[usize::from(side)];
            *next += 1;
            *next % FOLDS
        })
        .collect()
}
