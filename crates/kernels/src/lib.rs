//! Arithmetic for image and text towers, for each instruction set: matrix products in three precisions, attention,
//! layer norms, depthwise convolutions, and the weighted byte sums of image resizing.
//!
//! This crate knows no model and no file. [`Kernels::chosen`] picks the best instruction set of this processor once;
//! [`Weights`] and [`Operand`] hold the two sides of a product in the layout that all instruction sets share. Results
//! depend neither on the number of threads nor on the number of rows; between instruction sets they differ by rounding.
//!
//! ```
//! use phototag_kernels::{Epilogue, Kernels, Operand, Precision, Weights};
//!
//! # fn main() -> Result<(), phototag_kernels::UnavailableKernels> {
//! let kernels = Kernels::chosen()?;
//! let (inputs, outputs) = (3, 2);
//! let weights = [1.0, 0.0, 2.0, 0.0, 1.0, 0.0];
//! let weights = Weights::new(&weights, Some(&[0.5, 0.0]), [outputs, inputs], Precision::F32);
//!
//! let mut x = Operand::default();
//! x.set(kernels, &[1.0, 2.0, 3.0], inputs, None, Precision::F32);
//! let mut out = [0.0; 2];
//! weights.multiply(kernels, &x, Epilogue::Store, &mut out);
//! assert_eq!(out, [7.5, 2.0]);
//! # Ok(()) }
//! ```

#![deny(missing_docs)]

mod activation;
mod attention;
mod depthwise;
mod dispatch;
mod kernels;
mod lanes;
mod line;
mod micro;
mod outliers;
mod precision;
mod product;
mod resize;
mod rows;
mod sets;
mod taps;
#[cfg(test)]
mod tests;
mod tile;

pub use activation::Activation;
pub use attention::{AttentionInput, MatrixView, attend};
pub use depthwise::Depthwise;
pub use kernels::{Kernels, UnavailableKernels, kernels_in_use};
pub use line::{Line, Lines, ReadLines, SharedBytes, WriteLines};
pub use precision::Precision;
pub use product::{Operand, Weights};
pub use resize::{Group, WEIGHT_BITS, Windows};
pub use rows::{Epilogue, LayerNorm};
