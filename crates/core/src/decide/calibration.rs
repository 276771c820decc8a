//! What a model's raw similarities mean for a catalog and a collection: each category's mean and
//! spread, and the one level at which all are cut.
//!
//! Each prompt set has its own mean and spread, so a category's score is centred and divided by the
//! square root of its spread (halfway between trusting the raw scale and forcing all spreads to be
//! equal). The level is then the one at which a photo gets `tags_per_photo` tags on average. A model's
//! bank of reference images, where it has one, steadies means and spreads as [`PRIOR`] photos would,
//! and fills the places of missing photos where fewer than [`ENOUGH_PHOTOS`] are to set the level.

use serde::{Deserialize, Serialize};

use super::{Cut, Rules};
use crate::catalog::Fallback;

/// From this number of photos on, a collection sets its level without reference images.
pub const ENOUGH_PHOTOS: usize = 40;

/// What the bank's means and spreads count for, in photos. On collections of 43 development photos,
/// the bank's alone tagged best (F1 0.85), a collection's own worst (0.82); a large collection still
/// outweighs them.
const PRIOR: f64 = 100.0;

/// How far beyond all comparable scores the level may lie.
const BEYOND: f64 = 0.01;

/// What summing the photos' weights may add to a mean number of tags.
const ROUNDING: f64 = 1e-9;

/// Smaller spreads count as this one: less does not distinguish photos.
const LEAST_SPREAD: f64 = 1e-4;

/// See the module. Kept in the index, so that adding photos never flips the tags of old ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// In catalog order; measured categories have one too and do not use it.
    pub categories: Vec<Scale>,
    /// Where comparable scores are cut.
    pub level: f64,
    /// How many photos of the collection it was made from.
    pub photos: usize,
    /// How many reference images filled the places of missing ones; 0 if none were needed or there.
    pub borrowed: usize,
    /// Whether the model has no reference images, so that means, spreads and level all come from
    /// this collection.
    #[serde(default)]
    pub alone: bool,
}

/// One category's place and spread on the raw scale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// The mean of the raw scores.
    pub mean: f64,
    /// Their standard deviation.
    pub spread: f64,
}

impl Scale {
    /// Mean and spread of a category's finite scores; zeros if there are none.
    fn of(rows: &[&[f32]], at: usize) -> Self {
        let finite = || {
            rows.iter()
                .map(|row| f64::from(row[at]))
                .filter(|score| score.is_finite())
        };
        let count = finite().count().max(1) as f64;
        let mean = finite().sum::<f64>() / count;
        let variance = finite().map(|score| (score - mean).powi(2)).sum::<f64>() / count;
        Self {
            mean,
            spread: variance.sqrt(),
        }
    }

    /// Between `other` (trust 0) and this (trust 1).
    fn mixed(&self, other: &Self, trust: f64) -> Self {
        let mix = |own: f64, other: f64| trust * own + (1.0 - trust) * other;
        let spread = mix(self.spread, other.spread).max(LEAST_SPREAD);
        Self {
            mean: mix(self.mean, other.mean),
            spread,
        }
    }

    /// A raw score as one that can be compared between categories.
    pub fn comparable(&self, score: f32) -> f64 {
        (f64::from(score) - self.mean) / self.spread.sqrt()
    }

    /// The raw score that a comparable one stands for.
    pub fn raw(&self, comparable: f64) -> f64 {
        self.mean + comparable * self.spread.sqrt()
    }
}

impl Calibration {
    /// Calibrates on `own` photos' scores, with `bank` the reference images' (rows in catalog order).
    pub fn of(own: &[&[f32]], bank: &[&[f32]], rules: &Rules, tags_per_photo: f64) -> Self {
        let prior = if bank.is_empty() { 0.0 } else { PRIOR };
        let trust = own.len() as f64 / (own.len() as f64 + prior).max(1.0);
        let alone = bank.is_empty();
        let categories = (0..rules.cuts.len())
            .map(|at| Scale::of(own, at).mixed(&Scale::of(bank, at), trust))
            .collect();

        // Weights that sum to one: each photo stands for itself, the bank for those lacking.
        let lacking = ENOUGH_PHOTOS.saturating_sub(own.len());
        let bank = if lacking == 0 { &[] } else { bank };
        let total = (own.len() + if bank.is_empty() { 0 } else { lacking }).max(1) as f64;
        let weight_bank = lacking as f64 / total / bank.len().max(1) as f64;
        let rows = own
            .iter()
            .map(|row| (*row, 1.0 / total))
            .chain(bank.iter().map(|row| (*row, weight_bank)));
        let mut calibration = Self {
            categories,
            level: 0.0,
            photos: own.len(),
            borrowed: bank.len(),
            alone,
        };
        calibration.level = calibration.level_for(rows, rules, tags_per_photo);
        calibration
    }

    /// The level at which the weighted mean of tags a photo comes nearest to the wish.
    fn level_for<'a>(
        &self,
        rows: impl Iterator<Item = (&'a [f32], f64)>,
        rules: &Rules,
        wish: f64,
    ) -> f64 {
        // A photo's count is what it has whatever the level, plus the comparable scores above it.
        struct Photo {
            weight: f64,
            fixed: usize,
            comparable: Vec<f64>,
        }
        let photos: Vec<Photo> = rows
            .map(|(row, weight)| {
                let mut photo = Photo {
                    weight,
                    fixed: 0,
                    comparable: Vec::new(),
                };
                for ((&score, scale), rule) in row.iter().zip(&self.categories).zip(&rules.cuts) {
                    match rule {
                        Cut::At(threshold) | Cut::Measured(threshold) => {
                            photo.fixed += usize::from(score >= *threshold)
                        }
                        Cut::Level => photo.comparable.push(scale.comparable(score)),
                    }
                }
                photo
            })
            .collect();
        let least = usize::from(rules.fallback == Fallback::Best);
        let tags_at = |level: f64| -> f64 {
            photos
                .iter()
                .map(|photo| {
                    let above = photo.comparable.iter().filter(|&&x| x >= level).count();
                    photo.weight * (photo.fixed + above).max(least) as f64
                })
                .sum()
        };
        let highest = photos
            .iter()
            .flat_map(|photo| &photo.comparable)
            .copied()
            .fold(f64::MIN, f64::max);
        let lowest = photos
            .iter()
            .flat_map(|photo| &photo.comparable)
            .copied()
            .fold(f64::MAX, f64::min);
        if lowest > highest {
            return 0.0;
        }
        // Tags fall as the level rises: halve the bracket until it holds one step. The bracket ends where nothing
        // changes any more, so that a wish that cannot be met gives thresholds near the scores.
        let (mut low, mut high) = (lowest - BEYOND, highest + BEYOND);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if tags_at(middle) > wish + ROUNDING {
                low = middle
            } else {
                high = middle
            }
        }
        if (tags_at(low) - wish).abs() < (tags_at(high) - wish).abs() {
            low
        } else {
            high
        }
    }

    /// The raw threshold of a category that is cut at the level.
    pub fn threshold(&self, at: usize) -> f64 {
        self.categories[at].raw(self.level)
    }

    /// Whether a collection that has grown to `photos` should be calibrated again: only while the old
    /// one had to borrow and is outgrown by half, so that tags settle early and then stay.
    pub fn outgrown(&self, photos: usize) -> bool {
        self.photos < ENOUGH_PHOTOS && photos >= 2 * self.photos.max(1)
    }

    /// Whether it can be one for these rules at all: what is read from an index is checked first.
    pub fn fits(&self, rules: &Rules) -> bool {
        self.categories.len() == rules.cuts.len()
            && self.level.is_finite()
            && self
                .categories
                .iter()
                .all(|scale| scale.mean.is_finite() && scale.spread >= LEAST_SPREAD)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decider;
    use super::*;

    fn rules(categories: usize, fallback: Fallback) -> Rules {
        Rules {
            cuts: vec![Cut::Level; categories],
            fallback,
        }
    }

    fn tags(row: &[f32], calibration: &Calibration, rules: &Rules) -> usize {
        let decider = Decider::new(rules.clone(), calibration.clone()).unwrap();
        decider.tags(row).len()
    }

    fn calibrate(own: &[Vec<f32>], bank: &[Vec<f32>], rules: &Rules, wish: f64) -> Calibration {
        fn rows(rows: &[Vec<f32>]) -> Vec<&[f32]> {
            rows.iter().map(Vec::as_slice).collect()
        }
        Calibration::of(&rows(own), &rows(bank), rules, wish)
    }

    /// `n` photos of two categories whose scores lie on very different scales.
    fn photos(n: usize) -> Vec<Vec<f32>> {
        (0..n)
            .map(|i| {
                let a = (i * 37 % n) as f32 / n as f32;
                let b = (i * 53 % n) as f32 / n as f32;
                vec![0.2 + 0.01 * a, -0.4 + 0.3 * b]
            })
            .collect()
    }

    #[test]
    fn the_level_gives_the_wished_number_of_tags() {
        for wish in [0.3, 1.0, 1.3, 1.9] {
            let rules = rules(2, Fallback::None);
            let own = photos(200);
            let calibration = calibrate(&own, &[], &rules, wish);
            let tags: usize = own.iter().map(|row| tags(row, &calibration, &rules)).sum();
            assert!(
                (tags as f64 / 200.0 - wish).abs() <= 0.011,
                "{wish}: {tags}"
            );
        }
    }

    #[test]
    fn fallback_counts_towards_the_wish() {
        let rules = rules(2, Fallback::Best);
        let own = photos(200);
        let calibration = calibrate(&own, &[], &rules, 1.3);
        let tags: Vec<usize> = own
            .iter()
            .map(|row| tags(row, &calibration, &rules))
            .collect();
        assert!(tags.iter().all(|&n| n >= 1));
        assert!((tags.iter().sum::<usize>() as f64 / 200.0 - 1.3).abs() <= 0.011);
    }

    #[test]
    fn the_bank_gives_way_smoothly() {
        let rules = rules(2, Fallback::Best);
        let bank = photos(100);
        let shifted: Vec<Vec<f32>> = photos(10_000)
            .iter()
            .map(|row| vec![row[0] + 0.5, row[1]])
            .collect();
        let of = |n: usize| calibrate(&shifted[..n], &bank, &rules, 1.3);
        let means: Vec<f64> = [0, 10, 39, 40, 100, 10_000]
            .map(|n| of(n).categories[0].mean)
            .to_vec();
        assert!((means[0] - 0.205).abs() < 1e-3, "{means:?}");
        assert!(means.windows(2).all(|pair| pair[0] < pair[1]), "{means:?}");
        assert!(means[3] - means[2] < 0.01 && means[5] > 0.695, "{means:?}");
        assert_eq!((of(39).borrowed, of(40).borrowed), (100, 0));
    }

    #[test]
    fn without_a_bank_the_collection_stands_alone() {
        let rules = rules(2, Fallback::Best);
        let mean = calibrate(&photos(10), &[], &rules, 1.3).categories[0].mean;
        assert!((mean - 0.2045).abs() < 1e-6, "{mean}");
    }

    #[test]
    fn nothing_to_calibrate_on_is_survived() {
        let rules = rules(2, Fallback::Best);
        for own in [vec![], vec![vec![0.1, 0.2]], vec![vec![f32::NAN, 0.2]]] {
            let calibration = calibrate(&own, &[], &rules, 1.3);
            assert!(calibration.fits(&rules), "{calibration:?}");
        }
    }

    #[test]
    fn renewed_only_while_small_and_doubled() {
        let rules = rules(2, Fallback::Best);
        let of = |n: usize| calibrate(&photos(n), &[], &rules, 1.3);
        assert!(of(10).outgrown(20) && !of(10).outgrown(19));
        assert!(!of(40).outgrown(4000));
    }
}
