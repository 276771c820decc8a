//! Layer normalisation of a row.

use super::padded;
use crate::lanes::{LANES, Lanes};

/// The parameters of a layer norm.
#[derive(Clone, Copy)]
pub struct LayerNorm<'a> {
    /// `[columns]`, multiplied with the normalised values.
    pub weight: &'a [f32],
    /// `[columns]`, added after that.
    pub bias: &'a [f32],
    /// Added to the variance.
    pub eps: f32,
}

/// Shifts `row` to mean 0, scales it to variance 1, and applies weight and bias.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(crate) unsafe fn layer_norm<L: Lanes>(row: &[f32], norm: LayerNorm, out: &mut [f32]) {
    let count = row.len() as f32;
    let (whole, rest) = row.as_chunks::<LANES>();
    // SAFETY: the caller guarantees the instruction set.
    unsafe {
        let mut sum = L::load(&padded(rest, 0.0));
        for values in whole {
            sum = sum.add(L::load(values));
        }
        let mean = sum.sum() / count;
        let means = L::splat(mean);
        let off = L::load(&padded(rest, mean)).sub(means);
        let mut squares = off.mul(off);
        for values in whole {
            let off = L::load(values).sub(means);
            squares = off.mul_add(off, squares);
        }
        let scale = L::splat(1.0 / (squares.sum() / count + norm.eps).sqrt());
        let (weights, weight_rest) = norm.weight.as_chunks::<LANES>();
        let (biases, bias_rest) = norm.bias.as_chunks::<LANES>();
        let (outs, out_rest) = out.as_chunks_mut::<LANES>();
        for (((values, weight), bias), out) in whole.iter().zip(weights).zip(biases).zip(outs) {
            let normed = L::load(values).sub(means).mul(scale);
            normed.mul_add(L::load(weight), L::load(bias)).store(out);
        }
        if !rest.is_empty() {
            let mut values = [0.0; LANES];
            let normed = L::load(&padded(rest, 0.0)).sub(means).mul(scale);
            let (weight, bias) = (padded(weight_rest, 0.0), padded(bias_rest, 0.0));
            normed
                .mul_add(L::load(&weight), L::load(&bias))
                .store(&mut values);
            out_rest.copy_from_slice(&values[..rest.len()]);
        }
    }
}
