//! Shares of a collection, estimated from photos that were drawn in strata.
//!
//! The estimate is the ratio of two weighted sums (Horvitz and Thompson 1952; Cochran, Sampling Techniques, 1977,
//! chapter 6). The interval is in the manner of Jeffreys' for a binomial share (Brown, Cai and DasGupta 2001): half a
//! success and half a failure are added in each stratum, the variance of the ratio is linearised, and the quantiles are
//! those of the beta distribution with that mean and variance. `evaluate` simulates how often it contains the truth.

use super::Interval;
use super::beta::beta_quantile;

/// The mass of the failure that is added where a stratum shows none and may have some: such strata are large, so half a
/// failure would say too much.
const HIDDEN: f64 = 0.25;

/// A drawn photo: `x` of its `y` count as successes.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    /// Its stratum.
    pub stratum: usize,
    /// Successes.
    pub x: f64,
    /// Successes and failures.
    pub y: f64,
}

/// What the drawn photos stand for.
#[derive(Clone, Debug)]
pub struct Population {
    /// How many photos each stratum has, without those that were counted outright.
    pub sizes: Vec<f64>,
    /// Whether a stratum that is drawn as a whole is known for certain.
    pub is_finite: bool,
    /// `x` and `y` over photos that were not drawn but are known.
    pub known: [f64; 2],
    /// Whether photos of a stratum without any `y` among the drawn ones may have some.
    pub may_hide: bool,
}

/// The share of `x` in `y` over a population, and its 95% interval. `None` if there is no `y`, or if nothing was drawn
/// from a stratum.
pub fn stratified_ratio(units: &[Unit], population: &Population) -> Option<(f64, Interval)> {
    let mut strata = Vec::new();
    for (stratum, &size) in population.sizes.iter().enumerate() {
        let members: Vec<Unit> = units
            .iter()
            .filter(|u| u.stratum == stratum)
            .copied()
            .collect();
        if size > 0.0 {
            strata.push(Stratum::of(members, size, population)?);
        }
    }
    let totals = |of: fn(&Stratum) -> [f64; 2]| {
        strata.iter().map(of).fold(population.known, |sum, add| {
            [sum[0] + add[0], sum[1] + add[1]]
        })
    };
    let [x, y] = totals(Stratum::observed);
    if y <= 0.0 {
        return None;
    }
    let value = x / y;
    let [smooth_x, smooth_y] = totals(Stratum::smoothed);
    let middle = smooth_x / smooth_y;
    let variance: f64 =
        strata.iter().map(|s| s.variance(middle)).sum::<f64>() / (smooth_y * smooth_y);
    let spread = middle * (1.0 - middle);
    if variance <= 1e-12 || spread <= 1e-12 {
        let interval = Interval {
            low: value,
            high: value,
        };
        return Some((value, interval));
    }
    let mass = (spread / variance - 1.0).max(0.1);
    let quantile = |share| beta_quantile(share, middle * mass, (1.0 - middle) * mass);
    let interval = Interval {
        low: if value <= 0.0 {
            0.0
        } else {
            quantile(0.025).min(value)
        },
        high: if value >= 1.0 {
            1.0
        } else {
            quantile(0.975).max(value)
        },
    };
    Some((value, interval))
}

struct Stratum {
    members: Vec<Unit>,
    size: f64,
    /// The part that was not drawn.
    rest: f64,
    /// The mass of an added success and of an added failure.
    added: [f64; 2],
}

impl Stratum {
    fn of(members: Vec<Unit>, size: f64, population: &Population) -> Option<Self> {
        if members.is_empty() {
            return None;
        }
        let drawn = members.len() as f64;
        let rest = if population.is_finite {
            (1.0 - drawn / size).max(0.0)
        } else {
            1.0
        };
        let added = match (members.iter().any(|unit| unit.y > 0.0), population.may_hide) {
            (true, _) => [0.5 * rest, 0.5 * rest],
            (false, true) => [0.0, HIDDEN * rest],
            (false, false) => [0.0, 0.0],
        };
        Some(Self {
            members,
            size,
            rest,
            added,
        })
    }

    fn sums(&self) -> [f64; 2] {
        let members = self.members.iter();
        members.fold([0.0, 0.0], |sum, unit| [sum[0] + unit.x, sum[1] + unit.y])
    }

    fn observed(&self) -> [f64; 2] {
        let weight = self.size / self.members.len() as f64;
        self.sums().map(|sum| sum * weight)
    }

    fn mass(&self) -> f64 {
        self.members.len() as f64 + self.added[0] + self.added[1]
    }

    fn smoothed(&self) -> [f64; 2] {
        let [x, y] = self.sums();
        let weight = self.size / self.mass();
        [
            (x + self.added[0]) * weight,
            (y + self.added[0] + self.added[1]) * weight,
        ]
    }

    /// Of the stratum's total of `x - ratio * y`.
    fn variance(&self, ratio: f64) -> f64 {
        let members = self
            .members
            .iter()
            .map(|unit| (unit.x - ratio * unit.y, 1.0));
        let added = [(1.0 - ratio, self.added[0]), (-ratio, self.added[1])];
        let (mut sum, mut squares) = (0.0, 0.0);
        for (residual, mass) in members.chain(added) {
            sum += residual * mass;
            squares += residual * residual * mass;
        }
        let mass = self.mass();
        let spread = squares / mass - (sum / mass) * (sum / mass);
        self.size * self.size * self.rest * spread.max(0.0) / mass
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn population(sizes: &[f64], is_finite: bool) -> Population {
        Population {
            sizes: sizes.to_vec(),
            is_finite,
            known: [0.0, 0.0],
            may_hide: true,
        }
    }

    fn units(stratum: usize, answers: &[(usize, f64, f64)]) -> Vec<Unit> {
        let repeated = answers
            .iter()
            .flat_map(|&(n, x, y)| std::iter::repeat_n((x, y), n));
        repeated.map(|(x, y)| Unit { stratum, x, y }).collect()
    }

    #[test]
    fn one_stratum_gives_nearly_jeffreys_interval() {
        let units = units(0, &[(9, 1.0, 1.0), (1, 0.0, 1.0)]);
        let (value, interval) = stratified_ratio(&units, &population(&[1e6], false)).unwrap();
        assert_eq!(value, 0.9);
        assert!(
            (interval.low - beta_quantile(0.025, 9.5 / 1.1, 1.5 / 1.1)).abs() < 1e-9,
            "{interval:?}"
        );
        assert!(
            (interval.high - beta_quantile(0.975, 9.5 / 1.1, 1.5 / 1.1)).abs() < 1e-9,
            "{interval:?}"
        );
    }

    #[test]
    fn strata_weigh_as_many_photos_as_they_stand_for() {
        // All 10 tagged photos are right; of 200 untagged ones, 1 of 20 lacks a tag that it should have.
        let mut drawn = units(0, &[(10, 1.0, 1.0)]);
        drawn.extend(units(1, &[(1, 0.0, 1.0), (19, 0.0, 0.0)]));
        let (value, interval) =
            stratified_ratio(&drawn, &population(&[10.0, 200.0], true)).unwrap();
        assert!((value - 0.5).abs() < 1e-12, "{value}");
        assert!(interval.low < 0.25 && interval.high > 0.75, "{interval:?}");
    }

    #[test]
    fn what_was_not_drawn_is_not_measured_and_what_is_known_is_certain() {
        let drawn = units(0, &[(10, 1.0, 1.0)]);
        assert!(stratified_ratio(&drawn, &population(&[10.0, 200.0], true)).is_none());
        assert!(stratified_ratio(&[], &population(&[], true)).is_none());
        let (value, interval) = stratified_ratio(&drawn, &population(&[10.0], true)).unwrap();
        assert_eq!((value, interval.low, interval.high), (1.0, 1.0, 1.0));
        let none_missed = units(0, &[(10, 1.0, 1.0), (10, 0.0, 0.0)]);
        let (value, interval) =
            stratified_ratio(&none_missed, &population(&[200.0], true)).unwrap();
        assert!(
            value == 1.0 && interval.high == 1.0 && interval.low < 0.9,
            "{interval:?}"
        );
    }
}
