//! Dual encoders (pictures and texts into one space) on the CPU.
//!
//! A [`Source`] finds a model's files, [`Source::load`] makes a [`Model`] of them, and the model
//! turns pictures and texts into vectors of unit length whose dot product says how well they
//! match. This crate knows no picture files, no folders of photos and no tags.
//!
//! ```no_run
//! use phototag_clip::{Pixels, Precision, Source};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (width, height, rgb) = (1, 1, vec![0; 3]);
//! let model = Source::folder("models/vit-b-32".as_ref())?.load(Precision::F32)?;
//! let picture = Pixels::new(width, height, rgb).ok_or("not a picture")?;
//! let image = model.embed_images(&[model.preprocess().prepare(&picture)])?;
//! let texts = model.embed_texts(&["a cat", "a dog"])?;
//! # Ok(()) }
//! ```

mod clean;
mod config;
mod convolution;
mod error;
mod files;
mod fingerprint;
pub mod hub;
mod mapped;
mod model;
mod names;
mod native;
mod number;
mod onnx;
mod packed;
mod pixels;
mod preprocess;
mod reference;
mod resample;
mod source;
mod stage;
#[cfg(test)]
mod tests;
mod text;
mod threads;
mod tokens;
mod transformer;
mod vector;
mod vision;
mod vocabulary;
mod weights;

pub use error::Error;
pub use model::{Model, Positions};
pub use phototag_kernels::{Precision, kernels_in_use};
pub use pixels::Pixels;
pub use preprocess::{Prepared, Preprocess};
pub use reference::Reference;
pub use source::Source;
pub use threads::Threads;
