//! `phototag model check`: how fast and how exact each precision is, for one model on the owner's photos;
//! the fastest that is exact enough is used from then on.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use phototag_clip::{Precision, Prepared, Preprocess};

use super::Outcome;
use crate::cli::CheckArgs;
use crate::console::Console;
use crate::wording::photos;
use phototag_core::embed::{Embedder, prepare};
use phototag_core::models::measured::{
    LEAST_MEAN, LEAST_PHOTOS, LEAST_WORST, Measured, fastest, measure,
};
use phototag_core::models::{Models, checked};
use phototag_core::scan::{self, KeyStyle, Rules};

pub fn check(args: &CheckArgs, models: &Models, console: &Console) -> Result<Outcome> {
    let choose = |precision| Embedder::choose(&args.model, Path::new(""), Some(precision));
    let exact = choose(Precision::F32)?;
    if exact.fingerprint == choose(Precision::Int8)?.fingerprint {
        bail!(
            "the model {:?} has only one precision, so there is nothing to check",
            exact.name
        );
    }
    let before = Embedder::choose(&args.model, Path::new(""), None)?;
    let load = |precision| exact.loaded_as(precision);
    let mut count = 0;
    let pictures = |preprocess: &Preprocess| {
        let pictures = pictures(args, preprocess, console)?;
        count = pictures.len();
        Ok(pictures)
    };
    let measured = console.watching(|watch| measure(load, pictures, 2, watch))?;
    let measured = measured.context("no photo was measured")?;
    let fastest = fastest(&measured);
    checked::keep(&models.own, &exact.fingerprint, fastest)?;
    let again = choose(fastest)?.fingerprint != before.fingerprint;
    let text = describe(&exact.name, &measured, count, fastest, again);
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Outcome::Done)
}

/// Photos from all over the folders, prepared for the model.
fn pictures(args: &CheckArgs, preprocess: &Preprocess, console: &Console) -> Result<Vec<Prepared>> {
    let rules = Rules {
        keys: KeyStyle::Path,
        ..Rules::default()
    };
    let scan = console.watching(|watch| scan::scan(&args.inputs, &rules, |_, _| None, watch))?;
    let step = scan.photos.len().div_ceil(args.photos.get()).max(1);
    let mut pictures = Vec::new();
    for photo in scan.photos.iter().step_by(step) {
        match prepare(preprocess, &photo.path) {
            Ok(picture) => pictures.push(picture),
            Err(reason) => console.warn(&format!("{}: {reason}", photo.path.display())),
        }
    }
    let place = args.inputs.first().context("a folder is needed")?;
    if pictures.len() < LEAST_PHOTOS {
        bail!(
            "{}: {} can be read; checking a model needs at least {LEAST_PHOTOS}",
            place.display(),
            photos(pictures.len())
        );
    }
    Ok(pictures)
}

fn describe(
    name: &str,
    measured: &[Measured],
    count: usize,
    fastest: Precision,
    again: bool,
) -> String {
    let mut text = format!(
        "{name} on {}, compared with f32:\n\n  precision  photos/s  mean cosine  worst photo\n",
        photos(count)
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
                "  not accurate enough"
            },
        );
    }
    text += &format!(
        "\nphototag will use {} with this model: the fastest with a mean cosine of at least {LEAST_MEAN} and a worst photo of at least {LEAST_WORST}.\n",
        fastest.name()
    );
    if again {
        text +=
            "Its vectors differ from the ones in use, so the next run embeds your photos again.\n";
    }
    text
}
