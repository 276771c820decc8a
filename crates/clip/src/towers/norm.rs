//! Layer normalisation.

use phototag_kernels::{Kernels, LayerNorm};

use crate::Error;
use crate::checkpoint::Checkpoint;

/// Layer normalisation over the last axis.
pub(super) struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
    kernels: &'static Kernels,
}

impl Norm {
    /// Takes `{name}.weight` and `{name}.bias`.
    pub(super) fn read(
        checkpoint: &mut Checkpoint,
        name: &str,
        width: usize,
        eps: f32,
        kernels: &'static Kernels,
    ) -> Result<Self, Error> {
        Ok(Self {
            weight: checkpoint.take(&format!("{name}.weight"), &[width])?,
            bias: checkpoint.take(&format!("{name}.bias"), &[width])?,
            eps,
            kernels,
        })
    }

    /// Multiplies the output, channel by channel.
    pub(super) fn scale(&mut self, factors: &[f32]) {
        for (channel, factor) in factors.iter().enumerate() {
            self.weight[channel] *= factor;
            self.bias[channel] *= factor;
        }
    }

    /// Normalises every row of `x`.
    pub(super) fn apply(&self, x: &[f32]) -> Vec<f32> {
        let width = self.weight.len();
        let mut out = vec![0.0; x.len()];
        for (row, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            self.kernels.layer_norm(row, self.parameters(), out);
        }
        out
    }

    pub(super) fn parameters(&self) -> LayerNorm<'_> {
        LayerNorm {
            weight: &self.weight,
            bias: &self.bias,
            eps: self.eps,
        }
    }
}
