//! Thresholds from labels: one a category, for the best F1 or a wanted precision.
//!
//! The best threshold on a few labelled photos is mostly luck, so it is shrunk toward the one that is
//! set without labels: with `p` positives it gets the weight `p / (p + hold)`. The hold is chosen by
//! cross-validation over photos, an infinite one (labels change nothing) included, and so the precision
//! and recall that are promised come from photos that the thresholds have not seen.

use crate::statistics::{Counts, precision_recall_curve};

/// What thresholds are for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// The best F1.
    F1,
    /// As much recall as this precision leaves.
    Precision(f64),
}

/// A labelled photo: scores and truth, in catalog order.
pub struct Labelled {
    /// Scores.
    pub scores: Vec<f32>,
    /// Whether the photo has each category; `None`: it was not asked.
    pub truth: Vec<Option<bool>>,
}

/// Thresholds and what to expect of them on new photos.
#[derive(Debug)]
pub struct Tuned {
    /// `None` where labels decide nothing: no positive, no negative, or nothing to tune.
    pub thresholds: Vec<Option<f32>>,
    /// Cross-validated, over the tuned categories; before with the thresholds of before.
    pub before: Counts,
    /// Cross-validated, with the new thresholds.
    pub after: Counts,
}

const FOLDS: usize = 5;
const HOLDS: &[f64] = &[f64::INFINITY, 80.0, 20.0, 5.0, 0.0];

/// Tunes the categories that have a threshold in `before`.
pub fn tune(photos: &[Labelled], before: &[Option<f32>], aim: Aim) -> Tuned {
    let judged: Vec<Counts> = HOLDS
        .iter()
        .map(|&hold| cross_validated(photos, before, aim, hold))
        .collect();
    // The first is the one that changes nothing, and a later one has to beat it.
    let best = (1..HOLDS.len()).fold(0, |best, at| {
        if better(judged[at], judged[best], aim) {
            at
        } else {
            best
        }
    });
    let all: Vec<&Labelled> = photos.iter().collect();
    Tuned {
        thresholds: before
            .iter()
            .enumerate()
            .map(|(at, before)| {
                let best_here = best_threshold(&all, at, aim)?;
                Some(shrunk((*before)?, best_here, HOLDS[best]))
            })
            .collect(),
        before: judged[0],
        after: judged[best],
    }
}

fn better(new: Counts, old: Counts, aim: Aim) -> bool {
    let f1 = |counts: Counts| counts.f1().unwrap_or(0.0);
    match aim {
        Aim::F1 => f1(new) > f1(old),
        Aim::Precision(wanted) => {
            let (new_precision, old_precision) = (
                new.precision().unwrap_or(1.0),
                old.precision().unwrap_or(1.0),
            );
            match (new_precision >= wanted, old_precision >= wanted) {
                (true, true) => new.recall() > old.recall(),
                (new_reaches, old_reaches) if new_reaches != old_reaches => new_reaches,
                _ => new_precision > old_precision,
            }
        }
    }
}

fn cross_validated(photos: &[Labelled], before: &[Option<f32>], aim: Aim, hold: f64) -> Counts {
    let mut counts = Counts::default();
    for fold in 0..FOLDS {
        let of = |inside: bool| -> Vec<&Labelled> {
            photos
                .iter()
                .enumerate()
                .filter(|(at, _)| (at % FOLDS == fold) == inside)
                .map(|(_, p)| p)
                .collect()
        };
        let (test, train) = (of(true), of(false));
        for (at, before) in before.iter().enumerate() {
            let Some(before) = *before else { continue };
            let threshold =
                best_threshold(&train, at, aim).map_or(before, |best| shrunk(before, best, hold));
            for photo in &test {
                if let Some(wanted) = photo.truth[at] {
                    counts.add(photo.scores[at] >= threshold, wanted, 1.0);
                }
            }
        }
    }
    counts
}

/// The best threshold on these photos, and the number of positives it rests on.
fn best_threshold(photos: &[&Labelled], category: usize, aim: Aim) -> Option<(f32, usize)> {
    let answers: Vec<(f32, bool)> = photos
        .iter()
        .filter_map(|photo| Some((photo.scores[category], photo.truth[category]?)))
        .filter(|(score, _)| score.is_finite())
        .collect();
    let positives = answers.iter().filter(|(_, right)| *right).count();
    if positives == 0 || positives == answers.len() {
        return None;
    }
    let curve = precision_recall_curve(&answers);
    let worth = |precision: f64, recall: f64| match aim {
        Aim::F1 => 2.0 * precision * recall / (precision + recall).max(1e-9),
        Aim::Precision(wanted) if precision >= wanted => 1.0 + recall,
        Aim::Precision(_) => precision,
    };
    let best = (0..curve.len()).fold(0, |best, at| {
        let of = |at: usize| worth(curve[at].precision, curve[at].recall);
        if of(at) > of(best) { at } else { best }
    });
    // Halfway to the next photo below, so that neither stands on the edge.
    let below = curve
        .get(best + 1)
        .map_or(curve[best].score, |next| next.score);
    Some((f32::midpoint(curve[best].score, below), positives))
}

fn shrunk(before: f32, (best, positives): (f32, usize), hold: f64) -> f32 {
    let positives = positives as f64;
    let weight = if hold.is_infinite() {
        0.0
    } else {
        positives / (positives + hold)
    };
    before + (best - before) * weight as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Positives score 0.3 and more, negatives less, but for some noise.
    fn photos(n: usize) -> Vec<Labelled> {
        let mut random = fastrand::Rng::with_seed(3);
        (0..n)
            .map(|at| {
                let right = at % 4 == 1;
                let score = random.f32() * 0.2 + if right { 0.28 } else { 0.12 };
                Labelled {
                    scores: vec![score, score],
                    truth: vec![Some(right), Some(right)],
                }
            })
            .collect()
    }

    #[test]
    fn labels_move_a_bad_threshold_and_say_what_to_expect() {
        let tuned = tune(&photos(200), &[Some(0.1), None], Aim::F1);
        let threshold = tuned.thresholds[0].unwrap();
        assert!((0.25..0.33).contains(&threshold), "{threshold}");
        assert_eq!(tuned.thresholds[1], None);
        assert!(
            tuned.after.f1() > Some(0.8) && tuned.before.f1() < Some(0.5),
            "{tuned:?}"
        );
    }

    #[test]
    fn a_category_that_was_not_asked_about_keeps_its_threshold() {
        let mut photos = photos(200);
        photos.iter_mut().for_each(|photo| photo.truth[1] = None);
        let tuned = tune(&photos, &[None, Some(0.1)], Aim::F1);
        assert_eq!(tuned.thresholds[1], None);
        assert_eq!(tuned.after, Counts::default());
    }

    #[test]
    fn a_wanted_precision_is_reached_on_photos_not_seen() {
        let tuned = tune(&photos(400), &[Some(0.1), None], Aim::Precision(0.95));
        assert!(tuned.after.precision() >= Some(0.95), "{tuned:?}");
        assert!(tuned.after.recall() > Some(0.6), "{tuned:?}");
    }

    #[test]
    fn few_labels_hardly_move_it_and_one_sided_ones_not_at_all() {
        let one_sided = |right: bool| {
            let photos: Vec<Labelled> = photos(40)
                .into_iter()
                .filter(|p| p.truth[0] == Some(right))
                .collect();
            tune(&photos, &[Some(0.2), None], Aim::F1).thresholds[0]
        };
        assert_eq!((one_sided(true), one_sided(false)), (None, None));
        assert_eq!(tune(&[], &[Some(0.2)], Aim::F1).thresholds, [None]);
        assert!((shrunk(0.1, (0.3, 1), 20.0) - 0.1095).abs() < 1e-4);
    }
}
