//! In which precision a collection is embedded, where neither the owner nor `model check` has said it: what its
//! vectors have; for a large library that has none, what is measured on some of its photos; else what is
//! as good as exact.

use anyhow::Result;
use phototag_clip::{Precision, Preprocess};

use crate::console::Console;
use crate::encoder::{Encoder, prepare};
use crate::index::Index;
use crate::models::measured::{LEAST_PHOTOS, fastest, measure};
use crate::scan::Scan;

/// From so many photos on, what a faster precision saves is more than it takes to measure it.
const LARGE_LIBRARY: usize = 1000;

/// Photos that are measured.
const SAMPLE: usize = 24;

/// The encoder whose vectors the index has, if it has those of one precision only.
pub fn as_before(encoder: Encoder, index: &Index) -> Result<Encoder> {
    if is_open(&encoder, index)? {
        let rounded = encoder.in_precision(Precision::Int8)?;
        if index.has_vectors(&rounded.fingerprint)? {
            return Ok(rounded);
        }
    }
    Ok(encoder)
}

/// Whether nobody said the precision, and the index has no exact vectors to go on with.
fn is_open(encoder: &Encoder, index: &Index) -> Result<bool> {
    Ok(!encoder.settled && !index.has_vectors(&encoder.fingerprint)?)
}

/// The model in the fastest precision that is exact enough for these photos, if it is worth to find that out.
pub fn settled(
    encoder: &Encoder,
    index: &Index,
    scan: &Scan,
    console: &Console,
) -> Result<Option<Encoder>> {
    if scan.photos.len() < LARGE_LIBRARY || !is_open(encoder, index)? {
        return Ok(None);
    }
    let rounded = encoder.in_precision(Precision::Int8)?;
    if rounded.fingerprint == encoder.fingerprint {
        return Ok(None);
    }
    let load = |precision| encoder.loaded_as(precision);
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
    let Some(measured) = measure(load, pictures, 1)? else {
        return Ok(None);
    };
    let int8 = measured.iter().find(|one| one.precision == Precision::Int8);
    let (Precision::Int8, Some(int8)) = (fastest(&measured), int8) else {
        return Ok(None);
    };
    console.note(&format!(
        "A large library: embedded in int8, which is exact enough for it (on some of its photos the mean cosine to \
         exact vectors is {:.4}, the worst {:.4}). --precision says otherwise.",
        int8.mean, int8.worst
    ));
    Ok(Some(rounded))
}
