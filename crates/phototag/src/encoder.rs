//! Which model embeds, loaded only when something has to be embedded.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use phototag_clip::{Model, Precision, Reference, Source};

use crate::models::Models;

/// The model in the box, as catalogs and flags call it.
pub const STARTER: &str = "starter";

/// A chosen model: found and named, loaded at its first use.
pub struct Encoder {
    /// What the owner calls it: "starter", a model's name, or a folder.
    pub name: String,
    /// Equal for models that give equal vectors.
    pub fingerprint: String,
    source: Source,
    precision: Precision,
    model: OnceLock<Result<Model, String>>,
}

impl Encoder {
    /// Finds the model of this name. Installed models come before folders of the same name; a
    /// relative folder starts at `base`. "auto" is the best known model that is installed, else
    /// the one in the box. Without a precision the fastest is taken that is as good as exact.
    pub fn choose(name: &str, base: &Path, precision: Option<Precision>) -> Result<Self> {
        let precision = precision.map_or_else(Precision::automatic, Ok)?;
        let (name, source) = resolve(name, &base.join(name))?;
        let source = source.with_context(|| format!("the model {name:?} cannot be used"))?;
        let fingerprint = source
            .fingerprint(precision)
            .with_context(|| format!("the model {name:?} cannot be read"))?;
        Ok(Self {
            name,
            fingerprint,
            source,
            precision,
            model: OnceLock::new(),
        })
    }

    /// The model, loaded by whoever asks first.
    pub fn model(&self) -> Result<&Model> {
        self.model
            .get_or_init(|| {
                let model = self.source.load(self.precision);
                model.map_err(|error| error.to_string())
            })
            .as_ref()
            .map_err(|error| anyhow::anyhow!("the model {:?} cannot be loaded: {error}", self.name))
    }

    /// The bank of reference images that the model carries, if it does.
    pub fn reference(&self) -> Result<Option<Reference>> {
        self.source
            .reference()
            .with_context(|| format!("the reference images of the model {:?}", self.name))
    }
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
