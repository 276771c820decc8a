//! Convolution of every channel with a filter of its own ("depthwise"), for convolutional towers whose
//! maps lie `[height][width][channels]`. Nothing here looks across channels: that is a product's work.

use super::lanes::{LANES, Lanes, activate};
use super::{Activation, Kernels};

/// Pixels of the result that are computed together, so that each weight is loaded once for all of them and
/// no sum waits for the one before it.
const TOGETHER: usize = 4;

/// The square filters of one layer, and ReLU6 behind them.
pub(crate) struct Depthwise {
    side: usize,
    stride: usize,
    /// Columns and rows that the picture is extended by to the left and at the top, with zeros.
    before: usize,
    channels: usize,
    /// `[side][side][channels]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

/// Weights, and the pixels that they are multiplied with, channel by channel: the pixel for the first of the
/// results that are computed together, and on to the one for the last.
#[derive(Clone, Copy)]
pub(super) struct Tap<'a> {
    pixels: &'a [f32],
    weights: &'a [f32],
}

impl Depthwise {
    /// `weights` is `[channels][side][side]`, as PyTorch's `Conv2d` stores them.
    pub(crate) fn new(
        weights: &[f32],
        bias: &[f32],
        side: usize,
        stride: usize,
        before: usize,
    ) -> Self {
        let (channels, area) = (bias.len(), side * side);
        assert_eq!(weights.len(), channels * area);
        let at = |tap: usize| (0..channels).map(move |channel| weights[channel * area + tap]);
        Self {
            side,
            stride,
            before,
            channels,
            weights: (0..area).flat_map(at).collect(),
            bias: bias.to_vec(),
        }
    }

    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// The rows of a map of so many that the `row`-th row of the result sees.
    pub(crate) fn sees(&self, row: usize, height: usize) -> std::ops::Range<usize> {
        let first = row * self.stride;
        let end = (first + self.side).saturating_sub(self.before);
        first.saturating_sub(self.before).min(height)..end.min(height)
    }

    /// The `row`-th row of the result, `[columns][channels]`, from the rows that it sees, each
    /// `[columns][channels]`, of which the first is the one that [`sees`](Self::sees) names first.
    pub(crate) fn row(
        &self,
        kernels: &Kernels,
        row: usize,
        seen: &[f32],
        width: usize,
        out: &mut [f32],
    ) {
        // Rows of the filter that lie above the picture.
        let above = self.before.saturating_sub(row * self.stride);
        let rows = || seen.chunks_exact(width * self.channels);
        let step = self.stride * self.channels;
        let columns = out.len() / self.channels;
        // Those whose whole window lies on the picture.
        let inner = self.before.div_ceil(self.stride)
            ..((width + self.before).saturating_sub(self.side) / self.stride + 1).min(columns);
        let mut taps = Vec::with_capacity(self.side * self.side);
        let mut column = 0;
        while column < columns {
            let together = inner.start <= column && column + TOGETHER <= inner.end;
            let count = if together { TOGETHER } else { 1 };
            let first = column * self.stride;
            let left = self.before.saturating_sub(first);
            taps.clear();
            for (i, pixels) in rows().enumerate() {
                let weights = &self.weights[((above + i) * self.side + left) * self.channels..];
                let pixels = &pixels[(first + left - self.before) * self.channels..];
                let weights = weights.chunks_exact(self.channels).take(self.side - left);
                let there = (0..pixels.len()).step_by(self.channels);
                taps.extend(there.zip(weights).map(|(at, weights)| Tap {
                    pixels: &pixels[at..at + (count - 1) * step + self.channels],
                    weights,
                }));
            }
            let out = &mut out[column * self.channels..(column + count) * self.channels];
            kernels.depthwise(&taps, step, &self.bias, out);
            column += count;
        }
    }
}

/// Neighbouring pixels of the result, one or [`TOGETHER`]: for each the taps' products and the bias summed,
/// through ReLU6. From one to the next, the taps' pixels move by `step` values.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(super) unsafe fn pixels<L: Lanes>(taps: &[Tap], step: usize, bias: &[f32], out: &mut [f32]) {
    let channels = bias.len();
    let count = out.len() / channels;
    assert!(out.len() == count * channels && (count == 1 || count == TOGETHER));
    for tap in taps {
        let reach = (count - 1) * step + channels;
        assert!(tap.pixels.len() == reach && tap.weights.len() == channels);
    }
    let whole = channels - channels % LANES;
    for first in (0..whole).step_by(LANES) {
        // SAFETY: as the caller vouches; all slices have 16 channels there, as was seen above.
        unsafe {
            if count == 1 {
                block::<L, 1>(taps, step, bias, out, first);
            } else {
                block::<L, TOGETHER>(taps, step, bias, out, first);
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

/// 16 channels from `first` on, of `COUNT` pixels.
///
/// # Safety
///
/// The processor has the instruction set of `L`. `bias` and the taps' weights have 16 values from `first` on,
/// the taps' pixels `(COUNT - 1) * step` more, and `out` has `COUNT` times as many as `bias`.
#[inline(always)]
unsafe fn block<L: Lanes, const COUNT: usize>(
    taps: &[Tap],
    step: usize,
    bias: &[f32],
    out: &mut [f32],
    first: usize,
) {
    // SAFETY: as the caller vouches.
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
