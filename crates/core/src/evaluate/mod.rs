//! How good the tags are, given what the owner says is right: figures for each category and over all,
//! with intervals, and where the tags fail.
//!
//! A figure uses only what was said: a category that nobody was asked about is not measured. What a photo stands for
//! depends on how it was chosen ([`Basis`]). Reading labels and drawing pages is not done here.

mod basis;
pub mod sample;

use serde::Serialize;

pub use basis::{Basis, Judged, candidates, judged};

use crate::statistics::{
    Interval, Population, Ranked, Unit, bootstrap, stratified_ratio, weighted_average_precision,
    weighted_curve,
};
use basis::Weights;

/// A figure with its 95% interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// `None` if resampling says too little.
    pub interval: Option<Interval>,
}

/// The figures of one category, or of all. `None`: cannot be said, for want of answers, positives or tags.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Photos about which it is known.
    pub asked: usize,
    /// Whether they are enough to say something about the photos that they stand for.
    pub is_measured: bool,
    /// Of those, photos that should have the category.
    pub wanted: usize,
    /// Photos that were given it.
    pub given: usize,
    /// The share of given photos that should have it.
    pub precision: Option<Figure>,
    /// The share of photos that should have it and were given it.
    pub recall: Option<Figure>,
    /// The harmonic mean of precision and recall.
    pub f1: Option<Figure>,
    /// The mean of precision over recall, as scikit-learn computes it.
    pub average_precision: Option<Figure>,
    /// From which score on F1 would be best on these photos.
    pub best_threshold: Option<f32>,
}

/// Photos of one category that were given another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confusion {
    /// Places in the catalog: wanted and not given; given and not wanted.
    pub wanted: usize,
    /// The category that was given instead, by place in the catalog.
    pub given: usize,
    /// How many photos.
    pub photos: usize,
}

/// See the module.
#[derive(Debug, Serialize)]
pub struct Report {
    /// How many labelled photos.
    pub photos: usize,
    /// In catalog order.
    pub categories: Vec<Figures>,
    /// Over all tags together; its average precision is that of all scores in one list, so it is left out.
    pub micro: Figures,
    /// The mean over the categories that can be judged.
    pub macro_f1: Option<f64>,
    /// The mean over the categories that can be judged.
    pub mean_average_precision: Option<Figure>,
    /// Most frequent first.
    pub confusions: Vec<Confusion>,
}

/// The number of confused pairs that are named.
const CONFUSIONS: usize = 10;

/// Judges photos that were chosen as `basis` says.
pub fn judge(photos: &[Judged], basis: &Basis) -> Report {
    let n = photos.first().map_or(0, |photo| photo.truth.len());
    let jury = Jury::new(photos, basis, n);
    let categories: Vec<Figures> = (0..n).map(|at| jury.figures(&[at])).collect();
    let all: Vec<usize> = (0..n).collect();
    let mean_ap = |drawn: &[usize]| mean(all.iter().filter_map(|at| jury.ap(drawn, *at)));
    Report {
        photos: photos.len(),
        macro_f1: mean(categories.iter().filter_map(|f| Some(f.f1?.value))),
        mean_average_precision: jury.resampled(&all, mean_ap),
        micro: jury.figures(&all),
        categories,
        confusions: confusions(photos, n),
    }
}

/// Judged photos with what each counts for.
struct Jury<'a> {
    photos: &'a [Judged],
    basis: &'a Basis,
    /// By category; `None` for one that is not measured.
    weights: Vec<Option<Weights>>,
}

impl<'a> Jury<'a> {
    fn new(photos: &'a [Judged], basis: &'a Basis, categories: usize) -> Self {
        let is_asked = |at: usize| photos.iter().any(|photo| photo.truth[at].is_some());
        let weights = (0..categories)
            .map(|at| {
                let weights = || basis.weights(photos, |photo| photo.truth[at].is_some());
                is_asked(at).then(weights).flatten()
            })
            .collect();
        Self {
            photos,
            basis,
            weights,
        }
    }

    fn figures(&self, categories: &[usize]) -> Figures {
        let answers = || {
            let photos = self.photos.iter();
            photos.flat_map(|photo| {
                let at = categories.iter();
                at.filter_map(|&at| Some((photo.given[at], photo.truth[at]?)))
            })
        };
        let single = (categories.len() == 1).then(|| categories[0]);
        let number = f64::from;
        Figures {
            asked: answers().count(),
            is_measured: categories.iter().any(|&at| self.weights[at].is_some()),
            wanted: answers().filter(|(_, wanted)| *wanted).count(),
            given: answers().filter(|(given, _)| *given).count(),
            precision: self.ratio(categories, false, |given, wanted| {
                [number(given && wanted), number(given)]
            }),
            recall: self.ratio(categories, true, |given, wanted| {
                [number(given && wanted), number(wanted)]
            }),
            f1: self.ratio(categories, true, |given, wanted| {
                let right = number(given && wanted);
                [2.0 * right, number(given) + number(wanted)]
            }),
            average_precision: single
                .and_then(|at| self.resampled(&[at], |drawn| self.ap(drawn, at))),
            best_threshold: single.and_then(|at| self.best_threshold(at)),
        }
    }

    /// The ratio of two sums over answers, from given and wanted.
    fn ratio(
        &self,
        categories: &[usize],
        may_hide: bool,
        of: impl Fn(bool, bool) -> [f64; 2],
    ) -> Option<Figure> {
        let measured: Vec<(usize, &Weights)> = categories
            .iter()
            .filter_map(|&at| Some((at, self.weights[at].as_ref()?)))
            .collect();
        let is_known = |photo: &Judged| measured.iter().any(|(at, _)| photo.truth[*at].is_some());
        let all = self.basis.weights(self.photos, is_known)?;
        let mut units = Vec::new();
        let mut known = [0.0, 0.0];
        for (place, photo) in self.photos.iter().enumerate() {
            if !is_known(photo) {
                continue;
            }
            let (mut x, mut y) = (0.0, 0.0);
            for (at, weights) in &measured {
                let Some(wanted) = photo.truth[*at] else {
                    continue;
                };
                let part = of(photo.given[*at], wanted);
                let weight = weights.of[place] / all.of[place];
                x += weight * part[0];
                y += weight * part[1];
            }
            if photo.is_drawn {
                let stratum = photo.stratum;
                units.push(Unit { stratum, x, y });
            } else {
                known = [known[0] + x, known[1] + y];
            }
        }
        let population = Population {
            sizes: all.sizes,
            is_finite: self.basis.is_finite(),
            known,
            may_hide,
        };
        let (value, interval) = stratified_ratio(&units, &population)?;
        Some(Figure {
            value,
            interval: Some(interval),
        })
    }

    /// A statistic of photos' places, with the interval that resampling gives.
    fn resampled(
        &self,
        categories: &[usize],
        statistic: impl Fn(&[usize]) -> Option<f64>,
    ) -> Option<Figure> {
        let is_known = |photo: &Judged| categories.iter().any(|at| photo.truth[*at].is_some());
        let known = |of: &dyn Fn(&Judged) -> bool| -> Vec<usize> {
            let photos = self.photos.iter().enumerate();
            let photos = photos.filter(|(_, photo)| is_known(photo) && of(photo));
            photos.map(|(place, _)| place).collect()
        };
        let strata = self.photos.iter().map(|photo| photo.stratum).max()? + 1;
        let groups: Vec<Vec<usize>> = (0..strata)
            .map(|stratum| known(&|photo| photo.is_drawn && photo.stratum == stratum))
            .collect();
        let chosen = known(&|photo| !photo.is_drawn);
        Some(Figure {
            value: statistic(&known(&|_| true))?,
            interval: bootstrap(&groups, &chosen, statistic),
        })
    }

    fn ranked(&self, places: &[usize], at: usize) -> Option<Vec<Ranked>> {
        let weights = self.weights[at].as_ref()?;
        let ranked = places.iter().filter_map(|&place| {
            Some(Ranked {
                score: self.photos[place].scores[at],
                is_right: self.photos[place].truth[at]?,
                weight: weights.of[place],
            })
        });
        Some(ranked.collect())
    }

    fn ap(&self, places: &[usize], at: usize) -> Option<f64> {
        weighted_average_precision(&self.ranked(places, at)?)
    }

    fn best_threshold(&self, at: usize) -> Option<f32> {
        let all: Vec<usize> = (0..self.photos.len()).collect();
        let curve = weighted_curve(&self.ranked(&all, at)?);
        let f1 = |at: usize| {
            let point = curve[at];
            point.precision * point.recall / (point.precision + point.recall).max(1e-9)
        };
        (!curve.is_empty()).then(|| {
            curve[(0..curve.len()).fold(0, |best, at| if f1(at) > f1(best) { at } else { best })]
                .score
        })
    }
}

fn confusions(photos: &[Judged], n: usize) -> Vec<Confusion> {
    let mut found = Vec::new();
    for wanted in 0..n {
        for given in 0..n {
            let confused = |p: &&Judged| {
                p.truth[wanted] == Some(true)
                    && !p.given[wanted]
                    && p.given[given]
                    && p.truth[given] == Some(false)
            };
            let photos = photos.iter().filter(confused).count();
            if photos > 0 {
                found.push(Confusion {
                    wanted,
                    given,
                    photos,
                });
            }
        }
    }
    found.sort_by_key(|c| std::cmp::Reverse(c.photos));
    found.truncate(CONFUSIONS);
    found
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests;
