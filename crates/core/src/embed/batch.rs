//! Embedding photos without an index: files or bytes in, vectors and facts out.

use std::collections::HashMap;

use anyhow::Result;

use super::Embedder;
use super::read_ahead::Input;
use super::workers::{Found, Lacking, Work};
use crate::photo::{ContentHash, Facts, Unreadable};
use crate::progress::Watch;

/// An embedded photo.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddedPhoto {
    /// BLAKE3 of the file's bytes.
    pub hash: ContentHash,
    /// Size and measures.
    pub facts: Facts,
    /// `[dimensions]`, of unit length.
    pub vector: Vec<f32>,
}

/// Embeds photos on `jobs` threads; one result an input, in the inputs' order. A photo that cannot be read is
/// an `Err` in its place and does not stop the rest. Results do not depend on `jobs` nor on the other inputs.
///
/// # Errors
/// [`Interrupted`](crate::progress::Interrupted) if `watch` breaks; an error of the model.
pub fn embed_batch(
    inputs: &[Input],
    embedder: &Embedder,
    jobs: usize,
    watch: &mut Watch,
) -> Result<Vec<Result<EmbeddedPhoto, Unreadable>>> {
    let mut hashes: Vec<Result<ContentHash, Unreadable>> =
        vec![Err(Unreadable::Empty); inputs.len()];
    let mut photos = HashMap::new();
    let work = Work {
        inputs,
        embedder,
        jobs,
        lacking: &|_| Lacking::All,
    };
    work.run(watch, |at, found| {
        hashes[at] = found.map(|found| match found {
            Found::Known(hash) => hash,
            Found::New {
                hash,
                facts,
                vector,
            } => {
                photos.insert(hash, (facts, vector.unwrap_or_default()));
                hash
            }
        });
        Ok(())
    })?;
    let embedded = |hash: ContentHash| {
        let (facts, vector) = photos.get(&hash).cloned().ok_or(Unreadable::Empty)?;
        Ok(EmbeddedPhoto {
            hash,
            facts,
            vector,
        })
    };
    Ok(hashes
        .into_iter()
        .map(|hash| hash.and_then(embedded))
        .collect())
}
