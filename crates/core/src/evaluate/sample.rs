//! A spot check: which photos to look at, and what they say about the whole collection.
//!
//! Photos are drawn in strata: by the tag that a photo holds most weakly, since that is the likeliest to
//! be wrong, and within a stratum at even steps of that tag's margin. Each stratum is drawn from in
//! proportion to its size, but twice at least, so each photo stands for as many as its stratum has for
//! each drawn one. The precision is the ratio of two weighted sums; its variance is that of a stratified
//! ratio estimate (Cochran, Sampling Techniques, 1977, chapter 6), and the interval is Wilson's for as
//! many tags as would have that variance.

use serde::{Deserialize, Serialize};

use crate::statistics::{DEVIATIONS_95, Interval};

/// A photo that may be drawn.
pub struct Candidate {
    /// Its name in tags.json.
    pub key: String,
    /// The tag that it holds most weakly, if it has any.
    pub weakest: Option<usize>,
    /// By how much that tag reaches its threshold, on a scale that can be compared.
    pub margin: f64,
}

/// A drawn photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// Its name in tags.json.
    pub key: String,
    /// Which stratum it was drawn from.
    pub stratum: usize,
    /// How many photos its stratum has.
    pub of: usize,
    /// The ids of the tags that it had when it was drawn: those that are marked.
    pub tags: Vec<String>,
}

/// A marked photo.
pub struct Marked {
    /// Which stratum it was drawn from.
    pub stratum: usize,
    /// How many photos its stratum has.
    pub of: usize,
    /// Tags that it was given.
    pub given: usize,
    /// Of those, the tags that are right.
    pub right: usize,
}

/// A precision for the whole collection.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// How many photos were marked.
    pub photos: usize,
    /// The share of tags that are right.
    pub precision: f64,
    /// The 95% interval.
    pub interval: Interval,
}

/// Draws about `wanted` photos: each one's place, stratum, and the stratum's size. The same collection
/// gives the same sample for the same `seed`.
pub fn draw(photos: &[Candidate], wanted: usize, seed: u64) -> Vec<(usize, usize, usize)> {
    let mut strata: std::collections::BTreeMap<Option<usize>, Vec<usize>> =
        std::collections::BTreeMap::new();
    for (at, photo) in photos
        .iter()
        .enumerate()
        .filter(|(_, photo)| photo.weakest.is_some())
    {
        strata.entry(photo.weakest).or_default().push(at);
    }
    let total: usize = strata.values().map(Vec::len).sum();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut drawn = Vec::new();
    for (stratum, mut members) in strata.into_values().enumerate() {
        members.sort_by(|&a, &b| {
            photos[a]
                .margin
                .total_cmp(&photos[b].margin)
                .then_with(|| photos[a].key.cmp(&photos[b].key))
        });
        let share = (wanted * members.len()) as f64 / total.max(1) as f64;
        let count = (share.round() as usize).max(2).min(members.len());
        // One photo from each of `count` equal stretches of margins.
        for part in 0..count {
            let (from, to) = (
                part * members.len() / count,
                (part + 1) * members.len() / count,
            );
            drawn.push((members[random.usize(from..to)], stratum, members.len()));
        }
    }
    drawn
}

/// The precision of the collection's tags, from the marked ones. `None` if no marked photo has a tag.
pub fn estimate(marked: &[Marked]) -> Option<Estimate> {
    let mut strata: std::collections::BTreeMap<usize, Vec<&Marked>> =
        std::collections::BTreeMap::new();
    for photo in marked {
        strata.entry(photo.stratum).or_default().push(photo);
    }
    let weight = |members: &[&Marked]| members[0].of as f64 / members.len() as f64;
    let sum = |of: fn(&Marked) -> usize| -> f64 {
        strata
            .values()
            .map(|m| weight(m) * m.iter().map(|p| of(p) as f64).sum::<f64>())
            .sum()
    };
    let (right, given) = (sum(|p| p.right), sum(|p| p.given));
    if given <= 0.0 {
        return None;
    }
    let precision = right / given;
    let mut variance = 0.0;
    for members in strata.values() {
        let n = members.len() as f64;
        let residuals: Vec<f64> = members
            .iter()
            .map(|p| p.right as f64 - precision * p.given as f64)
            .collect();
        let mean = residuals.iter().sum::<f64>() / n;
        let spread = residuals.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        let size = members[0].of as f64;
        variance += size * size * (1.0 - n / size).max(0.0) * spread / n;
    }
    variance /= given * given;
    let marked_tags: f64 = marked.iter().map(|p| p.given as f64).sum();
    // Without a wrong tag the variance is zero, which would say too much: as many tags as were marked.
    let effective = if variance > 0.0 {
        precision * (1.0 - precision) / variance
    } else {
        marked_tags
    };
    Some(Estimate {
        photos: marked.len(),
        precision,
        interval: wilson(precision, effective),
    })
}

/// Wilson's interval (1927) for a share seen in `n` answers.
fn wilson(share: f64, n: f64) -> Interval {
    let z2 = DEVIATIONS_95 * DEVIATIONS_95;
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half =
        DEVIATIONS_95 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    Interval {
        low: (middle - half).max(0.0),
        high: (middle + half).min(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(n: usize) -> Vec<Candidate> {
        (0..n)
            .map(|at| Candidate {
                key: at.to_string(),
                weakest: (at % 9 != 8).then_some(at % 3),
                margin: (at * 37 % n) as f64,
            })
            .collect()
    }

    #[test]
    fn every_stratum_and_every_margin_is_drawn_from() {
        let photos = candidates(900);
        let drawn = draw(&photos, 60, 1);
        assert!((58..=62).contains(&drawn.len()), "{}", drawn.len());
        for stratum in 0..3 {
            let mut margins: Vec<f64> = drawn
                .iter()
                .filter(|d| d.1 == stratum)
                .map(|d| photos[d.0].margin)
                .collect();
            margins.sort_by(f64::total_cmp);
            assert!(
                margins[0] < 100.0 && margins[margins.len() - 1] > 800.0,
                "{margins:?}"
            );
        }
        assert_eq!(drawn, draw(&photos, 60, 1));
        assert_ne!(drawn, draw(&photos, 60, 2));
        assert_eq!(draw(&photos[..1], 60, 1).len(), 1);
        assert!(draw(&[], 60, 1).is_empty());
    }

    #[test]
    fn the_interval_covers_the_truth_as_often_as_it_says() {
        // Weak tags are wrong more often.
        let photos = candidates(900);
        let right = |at: usize| photos[at].margin > 250.0 || at.is_multiple_of(2);
        let tagged: Vec<usize> = (0..900)
            .filter(|&at| photos[at].weakest.is_some())
            .collect();
        let truth = tagged.iter().filter(|&&at| right(at)).count() as f64 / tagged.len() as f64;
        let covered = (0..200)
            .filter(|&seed| {
                let marked: Vec<Marked> = draw(&photos, 60, seed)
                    .into_iter()
                    .map(|(at, stratum, of)| Marked {
                        stratum,
                        of,
                        given: 1,
                        right: usize::from(right(at)),
                    })
                    .collect();
                let interval = estimate(&marked).unwrap().interval;
                interval.low <= truth && truth <= interval.high
            })
            .count();
        assert!((180..=200).contains(&covered), "{covered}");
    }

    #[test]
    fn nothing_marked_says_nothing_and_no_mistake_does_not_say_all() {
        assert_eq!(estimate(&[]), None);
        assert_eq!(
            estimate(&[Marked {
                stratum: 0,
                of: 5,
                given: 0,
                right: 0
            }]),
            None
        );
        let marked: Vec<Marked> = (0..20)
            .map(|_| Marked {
                stratum: 0,
                of: 100,
                given: 1,
                right: 1,
            })
            .collect();
        let interval = estimate(&marked).unwrap().interval;
        assert!(interval.low < 0.9 && interval.high == 1.0, "{interval:?}");
    }
}
