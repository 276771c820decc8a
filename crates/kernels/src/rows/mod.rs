//! What happens to the rows of a matrix around a product: layer norm, encoding for the product, scale, bias and
//! activation of its sums, and softmax.
//!
//! Everything is written once over [`Lanes`](crate::lanes::Lanes) and compiled for each instruction set. Every row is
//! computed alone, so no result depends on the number of rows.

mod encode;
mod epilogue;
mod norm;
mod softmax;

use crate::lanes::LANES;
use crate::line::BYTES;
use crate::precision::Precision;

pub(crate) use encode::{Quantised, encode};
pub use epilogue::Epilogue;
pub(crate) use epilogue::{Tile, finish};
pub use norm::LayerNorm;
pub(crate) use norm::layer_norm;
pub(crate) use softmax::softmax;

/// Lines that a row of `columns` values takes.
pub(crate) fn lines_of(columns: usize, precision: Precision) -> usize {
    (columns * precision.bytes()).div_ceil(BYTES)
}

/// `rest`, which has fewer than 16 values, filled up with `fill`.
#[inline(always)]
fn padded(rest: &[f32], fill: f32) -> [f32; LANES] {
    let mut values = [fill; LANES];
    values[..rest.len()].copy_from_slice(rest);
    values
}
