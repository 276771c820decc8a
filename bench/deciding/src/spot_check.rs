//! How often the interval of a spot check contains the truth.

use phototag_core::catalog::CategoryId;
use phototag_core::evaluate::sample::{self, Candidate, Marked};

use crate::held_out::HeldOut;

pub fn spot_check(h: &HeldOut) {
    let decider = h.decider(&h.trained, 1.3);
    let chosen: Vec<Vec<CategoryId>> = h.trained.iter().map(|s| decider.tags(s)).collect();
    let right = |p: usize| chosen[p].iter().filter(|id| h.tags[p][id.index()]).count();
    let truth = (0..chosen.len()).map(right).sum::<usize>() as f64
        / chosen.iter().map(Vec::len).sum::<usize>() as f64;
    let candidates: Vec<Candidate> = chosen
        .iter()
        .enumerate()
        .map(|(p, tags)| {
            let margin = |id: CategoryId| decider.margin(&h.trained[p], id);
            let weakest = tags
                .iter()
                .copied()
                .min_by(|&a, &b| margin(a).total_cmp(&margin(b)));
            Candidate {
                key: p.to_string(),
                weakest: weakest.map(CategoryId::index),
                margin: weakest.map_or(0.0, margin),
            }
        })
        .collect();
    let (mut covered, mut width, mut middle, mut drawn) = (0, 0.0, 0.0, 0);
    for seed in 0..200 {
        let marked: Vec<Marked> = sample::draw(&candidates, 60, seed)
            .into_iter()
            .map(|(p, stratum, of)| Marked {
                stratum,
                of,
                given: chosen[p].len(),
                right: right(p),
            })
            .collect();
        drawn = marked.len();
        let estimate = sample::estimate(&marked).expect("tags were drawn");
        covered += usize::from(estimate.interval.low <= truth && truth <= estimate.interval.high);
        width += (estimate.interval.high - estimate.interval.low) / 200.0;
        middle += estimate.precision / 200.0;
    }
    println!(
        "true precision {truth:.3}; mean estimate {middle:.3}; {drawn} photos; covered {covered} of 200; mean width {width:.3}"
    );
}
