//! Which model embeds, loaded only when something has to be embedded.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use phototag_clip::{Model, Positions, Precision, Prepared, Preprocess, Reference, Source};

use super::read_file;
use crate::models::{Models, checked, own};
use crate::photo::{self, Unreadable};

/// The built-in model, as catalogs and flags call it.
pub const STARTER: &str = "starter";

/// A chosen model: found and named, loaded at its first use.
pub struct Embedder {
    /// What the owner calls it: "starter", a model's name, or a folder.
    pub name: String,
    /// Equal for models that give equal vectors.
    pub fingerprint: String,
    source: Source,
    precision: Precision,
    /// Whether the owner or a check chose the precision.
    pub settled: bool,
    model: OnceLock<Result<Model, String>>,
}

impl Embedder {
    /// Finds the model of this name. Installed models come before folders of the same name; a
    /// relative folder starts at `base`. "auto" is the best known model that is installed, else
    /// the built-in one. Without a precision it is what a check of the model found, else the fastest
    /// that is as good as exact for every model.
    pub fn choose(name: &str, base: &Path, precision: Option<Precision>) -> Result<Self> {
        let (name, source) = resolve(name, &base.join(name))?;
        let source = source.with_context(|| format!("cannot use the model {name:?}"))?;
        let fingerprint = |precision| {
            source
                .fingerprint(precision)
                .with_context(|| format!("cannot read the model {name:?}"))
        };
        let (precision, fingerprint, settled) = match precision {
            Some(precision) => (precision, fingerprint(precision)?, true),
            None => {
                let exact = fingerprint(Precision::F32)?;
                let checked = own::folder()
                    .ok()
                    .and_then(|own| checked::precision(&own, &exact));
                match checked.map_or_else(Precision::automatic, Ok)? {
                    Precision::Int8 => (Precision::Int8, fingerprint(Precision::Int8)?, true),
                    precision => (precision, exact, checked.is_some()),
                }
            }
        };
        Ok(Self {
            name,
            fingerprint,
            source,
            precision,
            settled,
            model: OnceLock::new(),
        })
    }

    /// The same model in a precision that is settled then.
    pub fn in_precision(&self, precision: Precision) -> Result<Self> {
        Ok(Self {
            name: self.name.clone(),
            fingerprint: self.source.fingerprint(precision)?,
            source: self.source.clone(),
            precision,
            settled: true,
            model: OnceLock::new(),
        })
    }

    /// Loads the model in some precision, for this once.
    pub fn loaded_as(&self, precision: Precision) -> Result<Model> {
        (self.source.load(precision))
            .with_context(|| format!("cannot load the model {:?}", self.name))
    }

    /// The model, loaded at the first call.
    pub fn model(&self) -> Result<&Model> {
        self.model
            .get_or_init(|| {
                let model = self.source.load_cached(self.precision);
                model.map_err(|error| error.to_string())
            })
            .as_ref()
            .map_err(|error| anyhow::anyhow!("cannot load the model {:?}: {error}", self.name))
    }

    /// A photo's vector, or why the photo cannot be read; an error if the model fails.
    pub fn embed_photo(&self, file: &Path) -> Result<Result<Vec<f32>, Unreadable>> {
        let model = self.model()?;
        Ok(match prepare(model.preprocess(), file) {
            Ok(picture) => Ok(model.embed_images(&[picture])?.swap_remove(0)),
            Err(reason) => Err(reason),
        })
    }

    /// What the model sees at each place of a photo, and which part of the photo that is
    /// ([`phototag_clip::Preprocess::shown`]); `None` if the model cannot tell.
    pub fn embed_positions(&self, file: &Path) -> Result<Option<(Positions, [f64; 4])>> {
        let model = self.model()?;
        let (picture, shown) = prepare_shown(model.preprocess(), file)
            .map_err(|reason| anyhow::anyhow!("{}: {reason}", file.display()))?;
        let positions = model.embed_positions(&picture)?;
        Ok(positions.map(|positions| (positions, shown)))
    }

    /// The bank of reference images that the model carries, if it does.
    pub fn reference(&self) -> Result<Option<Reference>> {
        self.source.reference().with_context(|| {
            format!(
                "cannot read the reference images of the model {:?}",
                self.name
            )
        })
    }
}

/// A photo as a model takes it, or why it cannot be read.
pub fn prepare(preprocess: &Preprocess, file: &Path) -> Result<Prepared, Unreadable> {
    prepare_shown(preprocess, file).map(|(picture, _)| picture)
}

/// The same, with the part of the photo that it shows.
fn prepare_shown(preprocess: &Preprocess, file: &Path) -> Result<(Prepared, [f64; 4]), Unreadable> {
    let bytes = read_file(file).map_err(|error| Unreadable::Io(error.to_string()))?;
    let photo = photo::decode(&bytes, |width, height| preprocess.resized(width, height))?;
    let size = (photo.width, photo.height);
    let picture = preprocess.prepare_reduced(&photo.pixels, size, photo.area);
    Ok((picture, preprocess.shown(size.0, size.1)))
}

/// The model that `name` means, and what to call it.
fn resolve(name: &str, folder: &Path) -> Result<(String, Result<Source, phototag_clip::Error>)> {
    let starter = || {
        (
            STARTER.to_owned(),
            Source::embedded(phototag_starter::FILES),
        )
    };
    if name == STARTER {
        return Ok(starter());
    }
    let models = Models::open()?;
    if name == "auto" {
        let best = models.best();
        return Ok(best.map_or_else(starter, |(known, found)| {
            (known.name.clone(), Ok(found.source))
        }));
    }
    if let Some(found) = models.find(name) {
        return Ok((name.to_owned(), Ok(found.source)));
    }
    if folder.is_dir() {
        return Ok((name.to_owned(), Source::folder(folder)));
    }
    Err(models.missing(name))
}
