//! Which model embeds, loaded only when something has to be embedded.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use phototag_clip::{Model, Reference, Source};

/// The model in the box, as catalogs and flags call it.
pub const STARTER: &str = "starter";

/// A chosen model: found and named, loaded at its first use.
pub struct Encoder {
    /// What the owner calls it: "starter", or a folder.
    pub name: String,
    /// Equal for models that give equal vectors.
    pub fingerprint: String,
    source: Source,
    model: OnceLock<Result<Model, String>>,
}

impl Encoder {
    /// Finds the model of this name; a relative folder starts at `base`.
    pub fn choose(name: &str, base: &Path) -> Result<Self> {
        let folder = base.join(name);
        let source = match name {
            "auto" | STARTER => Source::embedded(phototag_starter::FILES),
            _ if folder.is_dir() => Source::folder(&folder),
            _ => bail!(
                "{name}: no such model\n\nGive \"starter\", the model in the box, or the folder of a model."
            ),
        };
        let name = if name == "auto" { STARTER } else { name };
        let source = source.with_context(|| format!("the model {name:?} cannot be used"))?;
        let fingerprint = source
            .fingerprint()
            .with_context(|| format!("the model {name:?} cannot be read"))?;
        Ok(Self {
            name: name.to_owned(),
            fingerprint,
            source,
            model: OnceLock::new(),
        })
    }

    /// The model, loaded by whoever asks first.
    pub fn model(&self) -> Result<&Model> {
        self.model
            .get_or_init(|| self.source.load().map_err(|error| error.to_string()))
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
