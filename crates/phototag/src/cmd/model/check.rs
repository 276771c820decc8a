//! `phototag model check`: how fast and how exact each precision is, for one model on the owner's photos;
//! the fastest that is exact enough is used from then on.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use globset::GlobSet;
use phototag_clip::{Precision, Prepared};

use super::Ending;
use crate::cli::CheckArgs;
use crate::console::Console;
use crate::encoder::Encoder;
use crate::interrupt;
use crate::models::{Models, checked};
use crate::scan::{self, KeyStyle};
use crate::score::dot;

/// The mean cosine to single precision that is exact enough, and the one of the worst photo: far nearer
/// than two photos of one scene are.
const LEAST_MEAN: f32 = 0.9995;
const LEAST_WORST: f32 = 0.998;

/// Fewer photos say little.
const LEAST_PHOTOS: usize = 8;

/// What one precision does.
struct Measured {
    precision: Precision,
    /// Photos a second through the model.
    speed: f64,
    mean: f32,
    worst: f32,
}

impl Measured {
    fn is_exact_enough(&self) -> bool {
        self.mean >= LEAST_MEAN && self.worst >= LEAST_WORST
    }
}

pub fn check(args: &CheckArgs, models: &Models, console: &Console) -> Result<Ending> {
    let choose = |precision| Encoder::choose(&args.model, Path::new(""), Some(precision));
    let exact = choose(Precision::F32)?;
    if exact.fingerprint == choose(Precision::Int8)?.fingerprint {
        bail!(
            "the model {:?} is computed as its files say, whatever the precision: there is nothing to check",
            exact.name
        );
    }
    let before = Encoder::choose(&args.model, Path::new(""), None)?;
    let pictures = pictures(args, &exact, console)?;

    let mut measured: Vec<Measured> = Vec::new();
    let mut reference: Vec<Vec<f32>> = Vec::new();
    for precision in Precision::ALL {
        if interrupt::asked() {
            return Ok(Ending::Interrupted);
        }
        // One model at a time: the largest take gigabytes.
        let encoder = choose(precision)?;
        let model = encoder.model()?;
        let mut seconds = f64::INFINITY;
        let mut vectors = Vec::new();
        for _ in 0..2 {
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

    let fastest = measured
        .iter()
        .filter(|one| one.precision == Precision::F32 || one.is_exact_enough())
        .max_by(|a, b| a.speed.total_cmp(&b.speed))
        .map_or(Precision::F32, |one| one.precision);
    checked::keep(&models.own, &exact.fingerprint, fastest)?;
    let again = choose(fastest)?.fingerprint != before.fingerprint;
    let text = describe(&exact.name, &measured, pictures.len(), fastest, again);
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Ending::Done)
}

/// Photos from all over the folders, prepared for the model.
fn pictures(args: &CheckArgs, encoder: &Encoder, console: &Console) -> Result<Vec<Prepared>> {
    let nothing = GlobSet::empty();
    let scan = scan::scan(&args.inputs, &nothing, KeyStyle::Path, |_, _| None)?;
    let step = scan.photos.len().div_ceil(args.photos.get()).max(1);
    let mut pictures = Vec::new();
    for photo in scan.photos.iter().step_by(step) {
        match encoder.prepare(&photo.path)? {
            Ok(picture) => pictures.push(picture),
            Err(reason) => console.warn(&format!("{}: {reason}", photo.path.display())),
        }
    }
    let place = args.inputs.first().context("a folder is needed")?;
    if pictures.len() < LEAST_PHOTOS {
        bail!(
            "{}: {} photos can be read here; to judge a model takes {LEAST_PHOTOS} or more",
            place.display(),
            pictures.len()
        );
    }
    Ok(pictures)
}

fn describe(
    name: &str,
    measured: &[Measured],
    photos: usize,
    fastest: Precision,
    again: bool,
) -> String {
    let mut text = format!(
        "{name} on {photos} photos, against single precision:\n\n  precision  photos/s  mean cosine  worst photo\n"
    );
    for one in measured {
        text += &format!(
            "  {:9}  {:8.1}  {:11.5}  {:11.5}{}\n",
            one.precision.name(),
            one.speed,
            one.mean,
            one.worst,
            if one.is_exact_enough() {
                ""
            } else {
                "  too far off"
            },
        );
    }
    text += &format!(
        "\n{} is used with this model from now on: the fastest of those with a mean of {LEAST_MEAN} and a worst photo of {LEAST_WORST}.\n",
        fastest.name()
    );
    if again {
        text += "Its vectors are not those of before, so photos are embedded again, once.\n";
    }
    text
}
