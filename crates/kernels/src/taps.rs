//! The inner loop of a depthwise convolution: a few pixels of the output, channel by channel.

use crate::activation::{Activation, activate};
use crate::lanes::{LANES, Lanes};

/// Pixels of the output that are computed together, so that each weight is loaded once for all of them and no sum waits
/// for the one before it.
pub(crate) const BLOCK: usize = 4;

/// One weight of the filter, for all channels, with the input pixels it meets: from the one for the first output pixel
/// of a block to the one for the last.
#[derive(Clone, Copy)]
pub(crate) struct Tap<'a> {
    pub(crate) pixels: &'a [f32],
    pub(crate) weights: &'a [f32],
}

/// Consecutive pixels of the output, one or [`BLOCK`]: the bias plus the products of all taps, after ReLU6. From one
/// pixel to the next the taps' inputs move by `step` values.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(crate) unsafe fn apply<L: Lanes>(taps: &[Tap], step: usize, bias: &[f32], out: &mut [f32]) {
    let channels = bias.len();
    let count = out.len() / channels;
    assert!(out.len() == count * channels && (count == 1 || count == BLOCK));
    for tap in taps {
        let reach = (count - 1) * step + channels;
        assert!(tap.pixels.len() == reach && tap.weights.len() == channels);
    }
    let whole = channels - channels % LANES;
    for first in (0..whole).step_by(LANES) {
        // SAFETY: the caller guarantees the instruction set; all slices have 16 channels there, as checked above.
        unsafe {
            if count == 1 {
                block::<L, 1>(taps, step, bias, out, first);
            } else {
                block::<L, BLOCK>(taps, step, bias, out, first);
            }
        }
    }
    for (i, out) in out.chunks_exact_mut(channels).enumerate() {
        for channel in whole..channels {
            let product = |tap: &Tap| tap.pixels[i * step + channel] * tap.weights[channel];
            let sum = taps
                .iter()
                .fold(bias[channel], |sum, tap| sum + product(tap));
            out[channel] = sum.clamp(0.0, 6.0);
        }
    }
}

/// Channels `first..first + 16` of `COUNT` pixels.
///
/// # Safety
///
/// The processor has the instruction set of `L`. `bias` and the taps' weights have 16 values from `first` on, the taps'
/// pixels have `(COUNT - 1) * step` more, and `out` has `COUNT` times as many values as `bias`.
#[inline(always)]
unsafe fn block<L: Lanes, const COUNT: usize>(
    taps: &[Tap],
    step: usize,
    bias: &[f32],
    out: &mut [f32],
    first: usize,
) {
    // SAFETY: the caller guarantees the instruction set.
    unsafe {
        let at = |values: &[f32], from: usize| L::load(&*values.as_ptr().add(from).cast());
        let mut sums = [at(bias, first); COUNT];
        for tap in taps {
            let weights = at(tap.weights, first);
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = at(tap.pixels, first + i * step).mul_add(weights, *sum);
            }
        }
        for (i, sum) in sums.into_iter().enumerate() {
            let out = &mut *out.as_mut_ptr().add(i * bias.len() + first).cast();
            activate(Activation::Relu6, sum).store(out);
        }
    }
}
