//! How good the tags are, given what the owner says is right: figures for each category and over all,
//! with intervals, and where the tags fail.
//!
//! Knows scores, tags and truth; reading labels and drawing pages is not its business.

pub mod sample;

use serde::Serialize;

use crate::catalog::Catalog;
use crate::collection::Scored;
use crate::statistics::{Counts, Interval, average_precision, bootstrap, precision_recall_curve};
use crate::truth::{Labels, TagSets};

/// A labelled photo; all in catalog order.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Its name in tags.json.
    pub key: String,
    /// Its scores.
    pub scores: Vec<f32>,
    /// The categories that scores alone give.
    pub given: Vec<bool>,
    /// The categories that it should have.
    pub truth: Vec<bool>,
}

/// A figure with its 95% interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// `None` if resampling says too little.
    pub interval: Option<Interval>,
}

/// The figures of one category, or of all. `None`: cannot be said, for want of positives or tags.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Photos that should have the category.
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

/// Scored photos that are labelled, with the tags that scores alone give, to be judged.
pub fn labelled(
    scored: &Scored,
    tags: &TagSets,
    labels: &Labels,
    catalog: &Catalog,
) -> Vec<Judged> {
    let photos = scored.photos.iter().zip(tags);
    photos
        .filter_map(|(photo, (_, tags))| {
            let given = catalog.categories().map(|(id, _)| tags.contains(&id));
            Some(Judged {
                key: photo.key.clone(),
                scores: photo.scores.clone(),
                given: given.collect(),
                truth: labels.answers(&photo.key, catalog)?,
            })
        })
        .collect()
}

/// So many confused pairs are named.
const CONFUSIONS: usize = 10;

/// Judges labelled photos.
pub fn judge(photos: &[Judged]) -> Report {
    let all: Vec<usize> = (0..photos.len()).collect();
    let n = photos.first().map_or(0, |photo| photo.truth.len());
    let categories: Vec<Figures> = (0..n).map(|at| figures(photos, &[at])).collect();
    let mean_ap = |drawn: &[usize]| mean((0..n).filter_map(|at| ap(photos, drawn, at)));
    Report {
        photos: photos.len(),
        macro_f1: mean(categories.iter().filter_map(|f| Some(f.f1?.value))),
        mean_average_precision: figure(photos.len(), &all, mean_ap),
        micro: figures(photos, &(0..n).collect::<Vec<_>>()),
        categories,
        confusions: confusions(photos, n),
    }
}

fn figures(photos: &[Judged], categories: &[usize]) -> Figures {
    let all: Vec<usize> = (0..photos.len()).collect();
    let counts = |drawn: &[usize]| {
        let mut counts = Counts::default();
        for &at in drawn {
            for &category in categories {
                counts.add(photos[at].given[category], photos[at].truth[category], 1.0);
            }
        }
        counts
    };
    let whole = counts(&all);
    let of = |statistic: fn(&Counts) -> Option<f64>| {
        figure(photos.len(), &all, |drawn| statistic(&counts(drawn)))
    };
    let single = (categories.len() == 1).then(|| categories[0]);
    Figures {
        wanted: whole.wanted as usize,
        given: whole.given as usize,
        precision: of(Counts::precision),
        recall: of(Counts::recall),
        f1: of(Counts::f1),
        average_precision: single
            .and_then(|at| figure(photos.len(), &all, |drawn| ap(photos, drawn, at))),
        best_threshold: single.and_then(|at| best_threshold(photos, at)),
    }
}

fn figure(n: usize, all: &[usize], statistic: impl Fn(&[usize]) -> Option<f64>) -> Option<Figure> {
    let value = statistic(all)?;
    Some(Figure {
        value,
        interval: bootstrap(n, statistic),
    })
}

fn answers(photos: &[Judged], drawn: &[usize], category: usize) -> Vec<(f32, bool)> {
    drawn
        .iter()
        .map(|&at| (photos[at].scores[category], photos[at].truth[category]))
        .collect()
}

fn ap(photos: &[Judged], drawn: &[usize], category: usize) -> Option<f64> {
    average_precision(&answers(photos, drawn, category))
}

fn best_threshold(photos: &[Judged], category: usize) -> Option<f32> {
    let all: Vec<usize> = (0..photos.len()).collect();
    let curve = precision_recall_curve(&answers(photos, &all, category));
    let f1 = |at: usize| {
        curve[at].precision * curve[at].recall / (curve[at].precision + curve[at].recall).max(1e-9)
    };
    (!curve.is_empty()).then(|| {
        curve[(0..curve.len()).fold(0, |best, at| if f1(at) > f1(best) { at } else { best })].score
    })
}

fn confusions(photos: &[Judged], n: usize) -> Vec<Confusion> {
    let mut found = Vec::new();
    for wanted in 0..n {
        for given in 0..n {
            let confused = |p: &&Judged| {
                p.truth[wanted] && !p.given[wanted] && p.given[given] && !p.truth[given]
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
mod tests {
    use super::*;

    fn photo(scores: [f32; 2], given: [bool; 2], truth: [bool; 2]) -> Judged {
        Judged {
            key: String::new(),
            scores: scores.to_vec(),
            given: given.to_vec(),
            truth: truth.to_vec(),
        }
    }

    #[test]
    fn figures_and_confusions() {
        let report = judge(&[
            photo([0.9, 0.1], [true, false], [true, false]),
            photo([0.2, 0.8], [false, true], [true, false]),
            photo([0.1, 0.7], [false, true], [false, true]),
        ]);
        let value = |figure: Option<Figure>| figure.unwrap().value;
        assert_eq!(value(report.categories[0].precision), 1.0);
        assert_eq!(value(report.categories[0].recall), 0.5);
        assert_eq!(value(report.categories[1].average_precision), 0.5);
        assert!((value(report.micro.f1) - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(
            report.confusions,
            [Confusion {
                wanted: 0,
                given: 1,
                photos: 1
            }]
        );
        assert_eq!(report.categories[0].best_threshold, Some(0.2));
    }

    #[test]
    fn what_cannot_be_judged_is_left_open() {
        let report = judge(&[photo([f32::NAN, 0.1], [false, false], [false, true])]);
        assert!(
            report.categories[0].average_precision.is_none() && report.categories[0].f1.is_none()
        );
        assert_eq!(report.categories[1].recall.map(|f| f.value), Some(0.0));
        assert_eq!(judge(&[]).photos, 0);
    }
}
