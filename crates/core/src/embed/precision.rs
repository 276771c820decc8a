//! In which precision a collection is embedded, where neither the owner nor `model check` has chosen it: what its
//! vectors have; for a large library that has none, what is measured on some of its photos; else what is
//! as good as exact.

use anyhow::Result;
use phototag_clip::{Precision, Preprocess};

use super::{Embedder, prepare};
use crate::index::Index;
use crate::models::measured::{LEAST_PHOTOS, fastest, measure};
use crate::progress::{Event, Watch, check};
use crate::scan::Scan;

/// From so many photos on, what a faster precision saves is more than it takes to measure it.
const LARGE_LIBRARY: usize = 1000;

/// Photos that are measured.
const SAMPLE: usize = 24;

/// The embedder whose vectors the index has, if it has those of one precision only.
pub fn as_before(embedder: Embedder, index: &Index) -> Result<Embedder> {
    if is_open(&embedder, index)? {
        let rounded = embedder.in_precision(Precision::Int8)?;
        if index.has_vectors(&rounded.fingerprint)? {
            return Ok(rounded);
        }
    }
    Ok(embedder)
}

/// Whether no precision was chosen, and the index has no exact vectors to go on with.
fn is_open(embedder: &Embedder, index: &Index) -> Result<bool> {
    Ok(!embedder.settled && !index.has_vectors(&embedder.fingerprint)?)
}

/// The model in the fastest precision that is exact enough for these photos, if it is worth to find that out.
pub fn settled(
    embedder: &Embedder,
    index: &Index,
    scan: &Scan,
    watch: &mut Watch,
) -> Result<Option<Embedder>> {
    if scan.photos.len() < LARGE_LIBRARY || !is_open(embedder, index)? {
        return Ok(None);
    }
    let rounded = embedder.in_precision(Precision::Int8)?;
    if rounded.fingerprint == embedder.fingerprint {
        return Ok(None);
    }
    let load = |precision| embedder.loaded_as(precision);
    let pictures = |preprocess: &Preprocess| {
        let some = scan.photos.iter().step_by(scan.photos.len() / SAMPLE);
        let prepared = some
            .take(SAMPLE)
            .map(|photo| prepare(preprocess, &photo.path));
        let readable: Vec<_> = prepared.filter_map(Result::ok).collect();
        Ok(if readable.len() < LEAST_PHOTOS {
            Vec::new()
        } else {
            readable
        })
    };
    let Some(measured) = measure(load, pictures, 1, watch)? else {
        return Ok(None);
    };
    let int8 = measured.iter().find(|one| one.precision == Precision::Int8);
    let (Precision::Int8, Some(int8)) = (fastest(&measured), int8) else {
        return Ok(None);
    };
    check(
        watch,
        Event::RoundedPrecision {
            mean: int8.mean,
            worst: int8.worst,
        },
    )?;
    Ok(Some(rounded))
}
