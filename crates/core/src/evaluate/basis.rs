//! What judged photos stand for: a spot check's for the photos of their stratum, labelled ones for the collection,
//! corrected ones for themselves.

use std::collections::HashMap;

use super::sample::{Candidate, Drawn, Stratum};
use crate::catalog::Catalog;
use crate::collection::Scored;
use crate::decide::Decider;
use crate::truth::{TagSets, Truth};

/// A photo about which something is known; all in catalog order.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Its name in tags.json.
    pub key: String,
    /// Its scores.
    pub scores: Vec<f32>,
    /// The categories that scores alone give.
    pub given: Vec<bool>,
    /// Whether it should have each category; `None`: it was not asked.
    pub truth: Vec<Option<bool>>,
    /// The stratum that it belongs to.
    pub stratum: usize,
    /// Whether it stands for other photos of its stratum; one that the owner chose for its tags stands for itself.
    pub is_drawn: bool,
}

/// How the judged photos were chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Drawn in strata of these sizes.
    SpotCheck(Vec<usize>),
    /// Labelled as a whole, taken as drawn at random from this many photos.
    Labels(usize),
    /// Corrected one by one: no sample of anything.
    Corrections,
}

/// What each photo counts for in a figure about some categories.
pub(super) struct Weights {
    /// By photo; 0 if its answer is not known.
    pub(super) of: Vec<f64>,
    /// How many photos each stratum has, without those that stand for themselves.
    pub(super) sizes: Vec<f64>,
}

/// All photos of a collection, as a sample is drawn from them.
pub fn candidates(scored: &Scored, decider: &Decider, catalog: &Catalog) -> Vec<Candidate> {
    let photos = scored.photos.iter();
    photos
        .map(|photo| {
            let distances = catalog.categories().map(|(id, _)| {
                let distance = decider.margin(&photo.scores, id).abs();
                (
                    id.index(),
                    if distance.is_nan() {
                        f64::INFINITY
                    } else {
                        distance
                    },
                )
            });
            let nearest = distances.min_by(|a, b| a.1.total_cmp(&b.1));
            let (nearest, distance) = nearest.unwrap_or((0, f64::INFINITY));
            Candidate {
                key: photo.key.clone(),
                is_tagged: !decider.tags(&photo.scores).is_empty(),
                nearest,
                distance,
            }
        })
        .collect()
}

/// The photos about which something is known, and how they were chosen. `tags` are those that scores alone give,
/// `strata` each photo's stratum now, and `drawn` the sample of the last spot check.
pub fn judged(
    (scored, tags): (&Scored, &TagSets),
    truth: &Truth,
    catalog: &Catalog,
    strata: &[Stratum],
    drawn: &[Drawn],
) -> (Vec<Judged>, Basis) {
    let drawn: HashMap<&str, &Drawn> = drawn
        .iter()
        .filter(|drawn| truth.is_sampled(&drawn.key))
        .map(|drawn| (drawn.key.as_str(), drawn))
        .collect();
    let keys = || scored.photos.iter().map(|photo| photo.key.as_str());
    let basis = if keys().any(|key| drawn.contains_key(key)) {
        let sizes = Stratum::ALL.map(|stratum| {
            let mut of = drawn.values().filter(|drawn| drawn.stratum == stratum);
            let now = || strata.iter().filter(|now| **now == stratum).count();
            of.next().map_or_else(now, |drawn| drawn.of)
        });
        Basis::SpotCheck(sizes.to_vec())
    } else if keys().any(|key| truth.is_sampled(key)) {
        Basis::Labels(scored.photos.len())
    } else {
        Basis::Corrections
    };
    let photos = scored.photos.iter().zip(tags).zip(strata);
    let judged = photos.filter_map(|((photo, (_, tags)), now)| {
        let known = truth.known(&photo.key, catalog);
        known.iter().any(Option::is_some).then(|| {
            let place = drawn.get(photo.key.as_str());
            let (stratum, is_drawn) = match basis {
                Basis::SpotCheck(_) => {
                    let stratum = place.map_or(*now, |drawn| drawn.stratum);
                    (stratum as usize, place.is_some())
                }
                Basis::Labels(_) => (0, truth.is_sampled(&photo.key)),
                Basis::Corrections => (0, true),
            };
            let given = catalog.categories().map(|(id, _)| tags.contains(&id));
            Judged {
                key: photo.key.clone(),
                scores: photo.scores.clone(),
                given: given.collect(),
                truth: known,
                stratum,
                is_drawn,
            }
        })
    });
    (judged.collect(), basis)
}

impl Basis {
    /// Whether a stratum that was drawn as a whole is known for certain.
    pub(super) fn is_finite(&self) -> bool {
        matches!(self, Self::SpotCheck(_))
    }

    /// What photos count for if these are the ones whose answer is known. `None`: nothing was drawn from a stratum.
    pub(super) fn weights(
        &self,
        photos: &[Judged],
        is_known: impl Fn(&Judged) -> bool,
    ) -> Option<Weights> {
        let sizes = match self {
            Self::SpotCheck(sizes) => sizes.clone(),
            Self::Labels(all) => vec![*all],
            Self::Corrections => vec![0],
        };
        let (mut drawn, mut chosen) = (vec![0_usize; sizes.len()], vec![0_usize; sizes.len()]);
        for photo in photos.iter().filter(|photo| is_known(photo)) {
            let count = if photo.is_drawn {
                &mut drawn
            } else {
                &mut chosen
            };
            count[photo.stratum] += 1;
        }
        let strata = sizes.iter().zip(&drawn).zip(&chosen);
        let sizes: Vec<f64> = strata
            .map(|((size, drawn), chosen)| size.saturating_sub(*chosen).max(*drawn) as f64)
            .collect();
        if sizes
            .iter()
            .zip(&drawn)
            .any(|(size, drawn)| *size > 0.0 && *drawn == 0)
        {
            return None;
        }
        let weight = |photo: &Judged| match (is_known(photo), photo.is_drawn) {
            (false, _) => 0.0,
            (true, false) => 1.0,
            (true, true) => sizes[photo.stratum] / drawn[photo.stratum] as f64,
        };
        let of = photos.iter().map(weight).collect();
        Some(Weights { of, sizes })
    }
}
