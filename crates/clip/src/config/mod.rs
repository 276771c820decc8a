//! What a model folder says of itself, read into one description for all kinds of folders.
//!
//! The folder's name never counts, and nothing is guessed: what is stated but not supported is an
//! error that names the setting.

mod open_clip;
mod transformers;

pub(crate) use open_clip::TokenizerOptions;

use crate::clean::Clean;
use crate::files::Files;
use crate::text::TextConfig;
use crate::transformer::Shape;
use crate::vision::VisionConfig;
use crate::{Error, Preprocess};

/// A model with weights in safetensors.
#[derive(Debug)]
pub(crate) struct Architecture {
    pub(crate) vision: VisionConfig,
    pub(crate) text: TextConfig,
    pub(crate) preprocess: Preprocess,
    pub(crate) clean: Clean,
    pub(crate) dimensions: usize,
}

/// A kind of folder whose weights are safetensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    OpenClip { weights: &'static str },
    Transformers,
}

const OPEN_CLIP: &str = "open_clip_config.json";
const TRANSFORMERS: &str = "config.json";
const PREPROCESSOR: &str = "preprocessor_config.json";
const OPEN_CLIP_WEIGHTS: &str = "open_clip_model.safetensors";
const WEIGHTS: &str = "model.safetensors";

impl Layout {
    /// Which kind `files` are. Repositories that carry both kinds are read by open_clip's.
    pub(crate) fn of(files: &Files) -> Option<Self> {
        let has = |name| files.exists(name);
        if has(OPEN_CLIP) && has(OPEN_CLIP_WEIGHTS) {
            Some(Self::OpenClip {
                weights: OPEN_CLIP_WEIGHTS,
            })
        } else if has(TRANSFORMERS) && has(WEIGHTS) {
            Some(Self::Transformers)
        } else if has(OPEN_CLIP) && has(WEIGHTS) {
            Some(Self::OpenClip { weights: WEIGHTS })
        } else {
            None
        }
    }

    pub(crate) fn weights(self) -> &'static str {
        match self {
            Self::OpenClip { weights } => weights,
            Self::Transformers => WEIGHTS,
        }
    }

    pub(crate) fn config(self) -> &'static str {
        match self {
            Self::OpenClip { .. } => OPEN_CLIP,
            Self::Transformers => TRANSFORMERS,
        }
    }

    /// The files that vectors depend on.
    pub(crate) fn relevant_files(self, files: &Files) -> Vec<String> {
        [
            self.config(),
            PREPROCESSOR,
            self.weights(),
            "tokenizer.json",
            "tokenizer_config.json",
        ]
        .into_iter()
        .filter(|name| files.exists(name))
        .map(str::to_owned)
        .collect()
    }

    pub(crate) fn architecture(self, files: &Files) -> Result<Architecture, Error> {
        let read = match self {
            Self::OpenClip { .. } => files.json::<open_clip::File>(OPEN_CLIP)?.architecture(),
            Self::Transformers => {
                let preprocessor = match files.exists(PREPROCESSOR) {
                    true => files.json(PREPROCESSOR)?,
                    false => transformers::Preprocessor::default(),
                };
                files
                    .json::<transformers::File>(TRANSFORMERS)?
                    .architecture(preprocessor)
            }
        };
        let checked = read.and_then(|architecture| {
            check(&architecture.vision.shape)?;
            check(&architecture.text.shape)?;
            Ok(architecture)
        });
        checked.map_err(|reason| Error::invalid(files.path(self.config()), reason))
    }
}

/// Guards against shapes that no model has, before anything is multiplied or taken.
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
            "a width of {width} with an MLP of {mlp} is not supported"
        ));
    }
    if !(1..=256).contains(&layers) {
        return Err(format!("{layers} layers are not supported"));
    }
    if heads == 0 || width % heads != 0 {
        return Err(format!(
            "a width of {width} cannot be divided into {heads} heads"
        ));
    }
    Ok(())
}

/// Patches across and down a picture of `size` (width, height); what does not fill a patch is left
/// out, as a convolution does.
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
