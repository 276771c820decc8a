//! Depthwise convolution: every channel has a filter of its own. Maps are `[height][width][channels]`. Nothing here
//! combines channels; that takes a product.

use crate::kernels::Kernels;
use crate::taps::{BLOCK, Tap};

/// A depthwise convolution with square filters, followed by ReLU6.
pub struct Depthwise {
    side: usize,
    stride: usize,
    padding: usize,
    channels: usize,
    /// `[side][side][channels]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Depthwise {
    /// `weights` is `[channels][side][side]`, as PyTorch's `Conv2d` stores them; `bias` is `[channels]`. `padding` is
    /// the number of zero rows above and zero columns to the left of the input.
    ///
    /// # Panics
    /// If the number of weights does not fit.
    pub fn new(weights: &[f32], bias: &[f32], side: usize, stride: usize, padding: usize) -> Self {
        let (channels, area) = (bias.len(), side * side);
        assert_eq!(weights.len(), channels * area);
        let at = |tap: usize| (0..channels).map(move |channel| weights[channel * area + tap]);
        Self {
            side,
            stride,
            padding,
            channels,
            weights: (0..area).flat_map(at).collect(),
            bias: bias.to_vec(),
        }
    }

    /// Channels of the input and the output.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Input pixels from one output pixel to the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The rows of an input of this height that row `row` of the output depends on.
    pub fn input_rows(&self, row: usize, height: usize) -> std::ops::Range<usize> {
        let first = row * self.stride;
        let end = (first + self.side).saturating_sub(self.padding);
        first.saturating_sub(self.padding).min(height)..end.min(height)
    }

    /// Computes row `row` of the output, `[columns][channels]`. `input` holds the rows that
    /// [`input_rows`](Self::input_rows) names, each `[width][channels]`.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn row(&self, kernels: &Kernels, row: usize, input: &[f32], width: usize, out: &mut [f32]) {
        // Rows of the filter above the input.
        let above = self.padding.saturating_sub(row * self.stride);
        let rows = || input.chunks_exact(width * self.channels);
        let step = self.stride * self.channels;
        let columns = out.len() / self.channels;
        // Columns whose whole window lies on the input.
        let inner = self.padding.div_ceil(self.stride)
            ..((width + self.padding).saturating_sub(self.side) / self.stride + 1).min(columns);
        let mut taps = Vec::with_capacity(self.side * self.side);
        let mut column = 0;
        while column < columns {
            let whole = inner.start <= column && column + BLOCK <= inner.end;
            let count = if whole { BLOCK } else { 1 };
            let first = column * self.stride;
            let left = self.padding.saturating_sub(first);
            taps.clear();
            for (i, pixels) in rows().enumerate() {
                let weights = &self.weights[((above + i) * self.side + left) * self.channels..];
                let pixels = &pixels[(first + left - self.padding) * self.channels..];
                let weights = weights.chunks_exact(self.channels).take(self.side - left);
                let positions = (0..pixels.len()).step_by(self.channels);
                taps.extend(positions.zip(weights).map(|(at, weights)| Tap {
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
