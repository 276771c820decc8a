//! How often the intervals of a spot check contain the truth.

use phototag_core::catalog::{Catalog, CategoryId};
use phototag_core::evaluate::sample::{self, Candidate, Stratum};
use phototag_core::statistics::{Population, Unit, stratified_ratio};

use crate::held_out::HeldOut;

const DRAWS: u64 = 1000;

pub fn spot_check(h: &HeldOut) {
    let decider = h.decider(&h.trained, 1.3);
    let chosen: Vec<Vec<CategoryId>> = h.trained.iter().map(|s| decider.tags(s)).collect();
    let catalog = Catalog::builtin().expect("it is built in");
    let ids = h.categories.iter().map(|name| catalog.find(name));
    let categories: Vec<CategoryId> = ids.map(|id| id.expect("a built-in category")).collect();
    let candidates: Vec<Candidate> = chosen
        .iter()
        .enumerate()
        .map(|(p, tags)| {
            let distance = |id: &CategoryId| decider.margin(&h.trained[p], *id).abs();
            let nearest = categories
                .iter()
                .min_by(|a, b| distance(a).total_cmp(&distance(b)))
                .expect("there are categories");
            Candidate {
                key: p.to_string(),
                is_tagged: !tags.is_empty(),
                nearest: nearest.index(),
                distance: distance(nearest),
            }
        })
        .collect();
    let right = |p: usize| chosen[p].iter().filter(|id| h.tags[p][id.index()]).count() as f64;
    let given = |p: usize| chosen[p].len() as f64;
    let wanted = |p: usize| h.tags[p].iter().filter(|has| **has).count() as f64;
    let strata = sample::strata(&candidates);
    let sizes = Stratum::ALL.map(|stratum| strata.iter().filter(|s| **s == stratum).count() as f64);
    for (name, may_hide) in [("precision", false), ("recall", true)] {
        let of = |p: usize| if may_hide { wanted(p) } else { given(p) };
        let all = 0..chosen.len();
        let truth = all.clone().map(right).sum::<f64>() / all.map(of).sum::<f64>();
        let (mut covered, mut width, mut middle) = (0, 0.0, 0.0);
        for seed in 0..DRAWS {
            let drawn = sample::draw(&candidates, 60, seed);
            let units: Vec<Unit> = drawn
                .iter()
                .map(|drawn| {
                    let p = drawn.key.parse().expect("a key is a place");
                    Unit {
                        stratum: drawn.stratum as usize,
                        x: right(p),
                        y: of(p),
                    }
                })
                .collect();
            let population = Population {
                sizes: sizes.to_vec(),
                is_finite: true,
                known: [0.0, 0.0],
                may_hide,
            };
            let (value, interval) = stratified_ratio(&units, &population).expect("tags were drawn");
            covered += usize::from(interval.low <= truth && truth <= interval.high);
            width += (interval.high - interval.low) / DRAWS as f64;
            middle += value / DRAWS as f64;
        }
        println!(
            "true {name} {truth:.3}; mean estimate {middle:.3}; covered {covered} of {DRAWS}; mean width {width:.3}"
        );
    }
}
