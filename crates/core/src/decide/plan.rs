//! Thresholds to write into a catalog: for a number of tags a photo, from labels, or for a share of the photos.
//!
//! They are given with the five digits that a catalog keeps, and moved off the scores beside them, so that
//! rounding changes no photo's tags. A catalog accepts all of them: one that nothing reaches is infinite ("never").

use super::tune::{Aim, Labelled, Tuned, tune};
use super::{Calibration, Cut, Rules};
use crate::catalog::{CategoryId, Fallback, Threshold};

/// How many photos a category should have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    /// A part of all photos, 0 to 1.
    Part(f64),
    /// A number of photos.
    Count(usize),
}

/// What the thresholds are for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// The mean number of tags a photo, for categories that no label and no share speaks about.
    pub tags_per_photo: f64,
    /// What labels are used for; `None` uses no labels.
    pub aim: Option<Aim>,
    /// Categories whose number of photos is given.
    pub shares: Vec<(CategoryId, Share)>,
}

/// Thresholds for a catalog.
#[derive(Debug)]
pub struct Plan {
    /// In catalog order; `None` leaves a category as it is, infinity: no photo gets it.
    pub thresholds: Vec<Option<f64>>,
    /// What labels were good for; `None` without labels.
    pub tuned: Option<Tuned>,
}

impl Plan {
    /// Plans thresholds for photos with the scores `own`, given the scores of reference images and labelled
    /// photos; all in catalog order. Measured categories keep their thresholds unless a share names them.
    pub fn new(
        own: &[&[f32]],
        reference: &[&[f32]],
        rules: &Rules,
        labelled: &[Labelled],
        wish: &Wish,
    ) -> Self {
        let rules = rules.levelled();
        let level = Calibration::of(own, reference, &rules, wish.tags_per_photo);
        let levelled = rules.cuts.iter().enumerate();
        let mut thresholds: Vec<Option<f32>> = levelled
            .map(|(at, cut)| matches!(cut, Cut::Level).then(|| level.threshold(at) as f32))
            .collect();
        let aim = wish.aim.filter(|_| !labelled.is_empty());
        let tuned = aim.map(|aim| tune(labelled, &thresholds, aim));
        if let Some(tuned) = &tuned {
            for (threshold, from_labels) in thresholds.iter_mut().zip(&tuned.thresholds) {
                *threshold = from_labels.or(*threshold);
            }
        }
        for (at, threshold) in thresholds.iter_mut().enumerate() {
            *threshold = threshold.map(|threshold| between_scores(threshold, own, at));
        }
        for (category, share) in &wish.shares {
            let at = category.index();
            thresholds[at] = Some(threshold_for(*share, own, at));
        }
        let thresholds = thresholds.into_iter().enumerate();
        let thresholds = thresholds.map(|(at, threshold)| {
            let measured = matches!(rules.cuts[at], Cut::Measured(_));
            // With a fallback, even a threshold that no score reaches ranks the categories.
            let ranks = rules.fallback == Fallback::Best && !measured;
            let threshold = threshold?;
            let reached = own.iter().any(|row| row[at] >= threshold);
            let beyond = threshold > 1.0 && !reached && !ranks;
            Some(match beyond {
                true => f64::INFINITY,
                false => for_catalog(threshold, measured),
            })
        });
        Self {
            thresholds: thresholds.collect(),
            tuned,
        }
    }

    /// The rules with these thresholds.
    pub fn rules(&self, before: &Rules) -> Rules {
        let thresholds = self.thresholds.iter();
        let thresholds: Vec<Option<f32>> = thresholds
            .map(|threshold| threshold.map(|threshold| threshold as f32))
            .collect();
        before.with_thresholds(&thresholds)
    }
}

/// The threshold as a catalog accepts it, with its five digits.
fn for_catalog(threshold: f32, measured: bool) -> f64 {
    let range = if measured {
        Threshold::MEASURED
    } else {
        Threshold::PROMPTED
    };
    let rounded = (f64::from(threshold) * 1e5).round() / 1e5;
    if rounded > *range.end() {
        f64::INFINITY
    } else {
        rounded.max(*range.start())
    }
}

/// The score that this share of the photos reaches; infinity for no photo.
fn threshold_for(share: Share, own: &[&[f32]], at: usize) -> f32 {
    let mut scores: Vec<f32> = own
        .iter()
        .map(|row| row[at])
        .filter(|score| score.is_finite())
        .collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    let count = match share {
        Share::Part(part) => (part * scores.len() as f64).round() as usize,
        Share::Count(count) => count.min(scores.len()),
    };
    match (
        count.checked_sub(1).and_then(|last| scores.get(last)),
        scores.get(count),
    ) {
        (Some(last), Some(next)) => f32::midpoint(*last, *next),
        (Some(last), None) => *last - 1e-4,
        (None, _) => f32::INFINITY,
    }
}

/// The threshold, moved off the scores beside it, so that neither it nor they need more than the catalog's five
/// digits to separate them.
fn between_scores(threshold: f32, own: &[&[f32]], at: usize) -> f32 {
    // A level is right above or below a score, as far as its arithmetic goes.
    const STEP: f32 = 1e-6;
    let scores = || {
        own.iter()
            .map(|row| row[at])
            .filter(|score| score.is_finite())
    };
    let above = scores()
        .filter(|score| *score >= threshold - STEP)
        .fold(f32::MAX, f32::min);
    let below = scores()
        .filter(|score| *score < threshold - STEP)
        .fold(f32::MIN, f32::max);
    if above == f32::MAX || below == f32::MIN {
        return threshold;
    }
    let room = (above - below) / 4.0;
    threshold.clamp(below + room, above - room)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::edit::with_thresholds;
    use crate::catalog::{BUILTIN, Catalog};

    #[test]
    fn a_share_is_reached_exactly() {
        let scores: Vec<[f32; 1]> = (0..10)
            .map(|i| [i as f32 / 10.0])
            .chain([[f32::NAN]])
            .collect();
        let own: Vec<&[f32]> = scores.iter().map(<[f32; 1]>::as_slice).collect();
        let reached = |share| {
            let threshold = threshold_for(share, &own, 0);
            own.iter().filter(|row| row[0] >= threshold).count()
        };
        assert_eq!(reached(Share::Part(0.2)), 2);
        assert_eq!(
            (reached(Share::Part(0.0)), reached(Share::Part(1.0))),
            (0, 10)
        );
        assert_eq!(
            (reached(Share::Count(3)), reached(Share::Count(99))),
            (3, 10)
        );
        assert_eq!(threshold_for(Share::Part(0.5), &[], 0), f32::INFINITY);
        assert_eq!(threshold_for(Share::Count(0), &own, 0), f32::INFINITY);
    }

    /// Collections of 1 to 60 photos, targets from far too few tags to all of them, both fallbacks: the catalog that
    /// comes of a plan is read again and means what was planned.
    #[test]
    fn a_catalog_with_any_planned_thresholds_is_read_again() {
        let mut random = fastrand::Rng::with_seed(19);
        for round in 0..300 {
            let fallback = ["best", "none"][round % 2];
            let text = BUILTIN.replace("fallback = \"best\"", &format!("fallback = {fallback:?}"));
            let catalog = Catalog::parse(&text, "builtin").unwrap();
            let rules = Rules::of(&catalog);
            let spreads: Vec<f32> = (0..catalog.len()).map(|_| random.f32().powi(3)).collect();
            let rows: Vec<Vec<f32>> = (0..random.usize(1..=60))
                .map(|_| {
                    let score = |spread: &f32| (random.f32() - 0.5) * spread * 2.2;
                    spreads.iter().map(score).collect()
                })
                .collect();
            let own: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            let monochrome = catalog.find("bw").unwrap();
            let wish = Wish {
                tags_per_photo: [0.01, 0.2, 0.999, 1.0, 1.3, 5.0, 10.0, 11.0][random.usize(..8)],
                aim: None,
                shares: vec![(monochrome, Share::Part(f64::from(random.u8(..3)) / 2.0))],
            };
            let plan = Plan::new(&own, &[], &rules, &[], &wish);
            let thresholds: Vec<(&str, f64)> = catalog
                .categories()
                .zip(&plan.thresholds)
                .map(|((_, category), threshold)| (category.id.as_str(), threshold.unwrap()))
                .collect();
            let edited = with_thresholds(&text, &thresholds).unwrap();
            let edited = Catalog::parse(&edited, "edited").unwrap();
            assert_eq!(Rules::of(&edited), plan.rules(&rules), "{wish:?}");
        }
    }
}
