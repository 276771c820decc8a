//! Convolution of every channel with a filter of its own ("depthwise"), for convolutional towers whose
//! maps lie `[height][width][channels]`. Nothing here looks across channels: that is a product's work.

use super::lanes::{LANES, Lanes, activate};
use super::{Activation, Kernels};

/// Registers of sums at a time, so that an addition need not wait for the one before it.
const AT_ONCE: usize = 4;

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

/// A pixel and the weights that it is multiplied with, channel by channel.
#[derive(Clone, Copy)]
pub(super) struct Tap<'a> {
    pixel: &'a [f32],
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
        let mut taps = Vec::with_capacity(self.side * self.side);
        for (column, out) in out.chunks_exact_mut(self.channels).enumerate() {
            let first = column * self.stride;
            let left = self.before.saturating_sub(first);
            taps.clear();
            for (i, pixels) in rows().enumerate() {
                let weights = &self.weights[((above + i) * self.side + left) * self.channels..];
                let pixels = &pixels[(first + left - self.before) * self.channels..];
                let pairs = pixels
                    .chunks_exact(self.channels)
                    .zip(weights.chunks_exact(self.channels))
                    .take(self.side - left);
                taps.extend(pairs.map(|(pixel, weights)| Tap { pixel, weights }));
            }
            kernels.depthwise(&taps, &self.bias, out);
        }
    }
}

/// One pixel of the result: the taps' products and the bias summed, through ReLU6. All slices are as long
/// as `out`.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(super) unsafe fn pixel<L: Lanes>(taps: &[Tap], bias: &[f32], out: &mut [f32]) {
    let channels = out.len();
    assert!(bias.len() == channels);
    for tap in taps {
        assert!(tap.pixel.len() == channels && tap.weights.len() == channels);
    }
    let whole = channels - channels % LANES;
    let wide = whole - whole % (AT_ONCE * LANES);
    // SAFETY: as the caller vouches; every slice has `channels` values, and blocks end at or before that.
    unsafe {
        for first in (0..wide).step_by(AT_ONCE * LANES) {
            block::<L, AT_ONCE>(taps, bias, out, first);
        }
        for first in (wide..whole).step_by(LANES) {
            block::<L, 1>(taps, bias, out, first);
        }
    }
    for channel in whole..channels {
        let products = taps
            .iter()
            .map(|tap| tap.pixel[channel] * tap.weights[channel]);
        let sum = products.fold(bias[channel], |sum, product| sum + product);
        out[channel] = sum.clamp(0.0, 6.0);
    }
}

/// `COUNT` times 16 channels from `first` on.
///
/// # Safety
///
/// The processor has the instruction set of `L`, and every slice has so many channels.
#[inline(always)]
unsafe fn block<L: Lanes, const COUNT: usize>(
    taps: &[Tap],
    bias: &[f32],
    out: &mut [f32],
    first: usize,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let at = |values: &[f32], i: usize| {
            L::load(
                &*values
                    .as_ptr()
                    .add(first + i * LANES)
                    .cast::<[f32; LANES]>(),
            )
        };
        let mut sums: [L; COUNT] = std::array::from_fn(|i| at(bias, i));
        for tap in taps {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = at(tap.pixel, i).mul_add(at(tap.weights, i), *sum);
            }
        }
        for (i, sum) in sums.into_iter().enumerate() {
            let out = &mut *out.as_mut_ptr().add(first + i * LANES).cast();
            activate(Activation::Relu6, sum).store(out);
        }
    }
}
