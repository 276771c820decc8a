//! Dual encoders, which map images and texts into one space, on the CPU: CLIP, SigLIP and exported ONNX pairs.
//!
//! A [`Source`] finds the files of a model, [`Source::load`] makes a [`Model`] of them, and the model turns images and
//! texts into vectors of unit length whose dot product says how well they match. This crate knows no image file formats,
//! no folders of photos and no tags. It uses the network only in `hub::Hub::pull`, which exists with the feature `hub`.
//!
//! ```no_run
//! use phototag_clip::{Pixels, Precision, Source};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (width, height, rgb) = (1, 1, vec![0; 3]);
//! let model = Source::folder("models/vit-b-32".as_ref())?.load(Precision::F32)?;
//! let picture = Pixels::new(width, height, rgb).ok_or("not an image")?;
//! let image = model.embed_images(&[model.preprocess().prepare(&picture)])?;
//! let texts = model.embed_texts(&["a cat", "a dog"])?;
//! # Ok(()) }
//! ```

#![deny(missing_docs)]

mod checkpoint;
mod config;
mod error;
mod files;
mod fingerprint;
pub mod hub;
mod model;
mod native;
mod onnx;
mod picture;
mod reference;
mod source;
#[cfg(test)]
mod tests;
mod threads;
mod towers;
mod vector;
mod words;

pub use error::Error;
pub use model::{Model, Positions};
pub use phototag_kernels::{Precision, kernels_in_use};
pub use picture::{Pixels, Prepared, Preprocess};
pub use reference::Reference;
pub use source::Source;
pub use threads::Threads;
