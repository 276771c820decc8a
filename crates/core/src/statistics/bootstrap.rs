//! Percentile bootstrap (Efron 1979): how a figure varies when the photos are resampled.

use fastrand::Rng;
use serde::Serialize;

/// Number of draws: the ends of a 95% interval then rest on 25 draws each.
const DRAWS: usize = 1000;

/// A figure's 95% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The 2.5th percentile.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
}

/// The interval of `statistic`, which gets the places of photos and may not exist for a draw: photos of each group are
/// drawn with replacement, those that are `known` stay. The same photos give the same interval. `None` if the statistic
/// hardly ever exists.
pub fn bootstrap(
    groups: &[Vec<usize>],
    known: &[usize],
    statistic: impl Fn(&[usize]) -> Option<f64>,
) -> Option<Interval> {
    let n: usize = groups.iter().map(Vec::len).sum();
    if n == 0 {
        return None;
    }
    let mut random = Rng::with_seed(n as u64);
    let mut drawn = Vec::with_capacity(n + known.len());
    let mut values: Vec<f64> = (0..DRAWS)
        .filter_map(|_| {
            drawn.clear();
            drawn.extend_from_slice(known);
            for group in groups {
                drawn.extend(group.iter().map(|_| group[random.usize(..group.len())]));
            }
            statistic(&drawn).filter(|value| value.is_finite())
        })
        .collect();
    if values.len() < DRAWS / 2 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    Some(Interval {
        low: at(0.025),
        high: at(0.975),
    })
}
