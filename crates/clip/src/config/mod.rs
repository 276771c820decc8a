//! The configuration of a model, read into one description for all kinds of folders.
//!
//! The folder's name does not matter, and nothing is guessed: a setting that is not supported is an error that names it.

mod model_cfg;
mod open_clip;
mod timm;
mod transformers;

pub(crate) use model_cfg::TokenizerOptions;

use crate::Error;
use crate::checkpoint::shards;
use crate::files::Files;
use crate::picture::Preprocess;
use crate::towers::{Shape, TextConfig, VisionConfig};
use crate::words::{self, Clean};

/// The architecture of a model with weights in safetensors.
#[derive(Debug)]
pub(crate) struct Architecture {
    pub(crate) vision: VisionConfig,
    pub(crate) text: TextConfig,
    pub(crate) preprocess: Preprocess,
    pub(crate) clean: Clean,
    pub(crate) dimensions: usize,
}

/// A kind of folder with weights in safetensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    config: &'static str,
    weights: &'static str,
}

const OPEN_CLIP: &str = "open_clip_config.json";
const TRANSFORMERS: &str = "config.json";
const PREPROCESSOR: &str = "preprocessor_config.json";
const PROCESSOR: &str = "processor_config.json";

impl Layout {
    /// The pairs of configuration and weights that make a model. A folder with both kinds is read as open_clip's.
    const KNOWN: [(&'static str, &'static str); 5] = [
        (OPEN_CLIP, "open_clip_model.safetensors"),
        (TRANSFORMERS, "model.safetensors"),
        (TRANSFORMERS, "model.safetensors.index.json"),
        (OPEN_CLIP, "model.safetensors"),
        (OPEN_CLIP, "model.safetensors.index.json"),
    ];

    /// The kind of a folder with these files.
    pub(crate) fn of(has: impl Fn(&str) -> bool) -> Option<Self> {
        Self::KNOWN
            .into_iter()
            .find(|(config, weights)| has(config) && has(weights))
            .map(|(config, weights)| Self { config, weights })
    }

    /// The file with the tensors, or the index of several.
    pub(crate) fn weights(self) -> &'static str {
        self.weights
    }

    /// The files that describe the model. Not all of them need to exist.
    pub(crate) fn configs(self) -> [&'static str; 3] {
        [self.config, PREPROCESSOR, PROCESSOR]
    }

    /// The files that vectors depend on.
    pub(crate) fn relevant_files(self, files: &Files) -> Result<Vec<String>, Error> {
        let mut names: Vec<String> = self
            .configs()
            .into_iter()
            .chain([self.weights])
            .chain(words::relevant_files(files))
            .filter(|name| files.exists(name))
            .map(str::to_owned)
            .collect();
        names.extend(shards(files, self.weights)?.unwrap_or_default());
        Ok(names)
    }

    pub(crate) fn architecture(self, files: &Files) -> Result<Architecture, Error> {
        let read = if self.config == OPEN_CLIP {
            files.json::<model_cfg::File>(OPEN_CLIP)?.architecture()
        } else {
            let preprocessor = if files.exists(PREPROCESSOR) {
                files.json(PREPROCESSOR)?
            } else if files.exists(PROCESSOR) {
                files
                    .json::<transformers::Processor>(PROCESSOR)?
                    .image_processor
            } else {
                transformers::Preprocessor::default()
            };
            files
                .json::<transformers::File>(TRANSFORMERS)?
                .architecture(preprocessor)
        };
        let checked = read.and_then(|architecture| {
            check(&architecture.vision.shape)?;
            check(&architecture.text.shape)?;
            Ok(architecture)
        });
        checked.map_err(|reason| Error::invalid(files.path(self.config), reason))
    }
}

/// Guards against shapes that no model has, before anything is computed or allocated.
fn check(shape: &Shape) -> Result<(), String> {
    let Shape {
        width,
        layers,
        heads,
        mlp,
        ..
    } = *shape;
    if !(1..=16_384).contains(&width) || !(1..=65_536).contains(&mlp) {
        return Err(format!(
            "width {width} with an MLP of {mlp} is not supported"
        ));
    }
    if !(1..=256).contains(&layers) {
        return Err(format!("{layers} layers are not supported"));
    }
    if heads == 0 || width % heads != 0 {
        return Err(format!(
            "width {width} cannot be divided into {heads} heads"
        ));
    }
    Ok(())
}

/// Patches across and down an image of `size` (width, height). Incomplete patches are left out, as in a convolution.
fn grid(size: (u32, u32), patch: usize) -> Result<[usize; 2], String> {
    let count = |side: u32| (side as usize).checked_div(patch).unwrap_or(0);
    match [count(size.0), count(size.1)] {
        [0, _] | [_, 0] => Err(format!(
            "no patch of {patch} pixels fits in {}x{} pixels",
            size.0, size.1
        )),
        grid => Ok(grid),
    }
}
