//! How exact and how fast a model is in each precision, on some of the owner's photos, and which is used for it.

use std::time::Instant;

use anyhow::Result;
use phototag_clip::{Model, Precision, Prepared, Preprocess};

use crate::progress::{Event, Watch, check};
use crate::vectors::dot;

/// The mean cosine to single precision that is exact enough, and the one of the worst photo: far nearer
/// than two photos of one scene are.
pub const LEAST_MEAN: f32 = 0.9995;
/// The worst photo's cosine that is exact enough.
pub const LEAST_WORST: f32 = 0.998;

/// Fewer photos do not show how exact a precision is.
pub const LEAST_PHOTOS: usize = 8;

/// What one precision does.
pub struct Measured {
    /// The precision.
    pub precision: Precision,
    /// Photos a second through the model.
    pub speed: f64,
    /// Cosines to single precision.
    pub mean: f32,
    /// The worst photo's.
    pub worst: f32,
}

impl Measured {
    /// Whether its vectors can stand in for exact ones.
    pub fn is_exact_enough(&self) -> bool {
        self.mean >= LEAST_MEAN && self.worst >= LEAST_WORST
    }
}

/// Embeds pictures in each precision, from exact to fast, each so many times of which the quickest counts. `pictures`
/// prepares them for the model; `None` if there are none.
pub fn measure(
    load: impl Fn(Precision) -> Result<Model>,
    pictures: impl FnOnce(&Preprocess) -> Result<Vec<Prepared>>,
    times: usize,
    watch: &mut Watch,
) -> Result<Option<Vec<Measured>>> {
    let mut prepare = Some(pictures);
    let mut pictures = Vec::new();
    let mut measured = Vec::new();
    let mut reference: Vec<Vec<f32>> = Vec::new();
    for precision in Precision::ALL {
        // One model at a time: the largest take gigabytes.
        let model = load(precision)?;
        if let Some(prepare) = prepare.take() {
            pictures = prepare(model.preprocess())?;
        }
        if pictures.is_empty() {
            return Ok(None);
        }
        let mut seconds = f64::INFINITY;
        let mut vectors = Vec::new();
        for _ in 0..times {
            check(watch, Event::Waiting)?;
            let started = Instant::now();
            vectors = model.embed_images(&pictures)?;
            seconds = seconds.min(started.elapsed().as_secs_f64());
        }
        if precision == Precision::F32 {
            reference.clone_from(&vectors);
        }
        let cosines: Vec<f32> = vectors
            .iter()
            .zip(&reference)
            .map(|(vector, exact)| dot(vector, exact).min(1.0))
            .collect();
        measured.push(Measured {
            precision,
            speed: pictures.len() as f64 / seconds,
            mean: cosines.iter().sum::<f32>() / cosines.len() as f32,
            worst: cosines.iter().copied().fold(1.0, f32::min),
        });
    }
    Ok(Some(measured))
}

/// The fastest that is exact enough.
pub fn fastest(measured: &[Measured]) -> Precision {
    measured
        .iter()
        .filter(|one| one.precision == Precision::F32 || one.is_exact_enough())
        .max_by(|a, b| a.speed.total_cmp(&b.speed))
        .map_or(Precision::F32, |one| one.precision)
}
