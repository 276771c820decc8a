//! The MLP of a block.

use phototag_kernels::{Activation, Epilogue};

use super::linear::Linear;
use super::norm::Norm;
use super::scratch::{Scratch, sized};

/// Two layers with an activation between them.
pub(super) struct Mlp {
    pub(super) first: Linear,
    pub(super) second: Linear,
    pub(super) activation: Activation,
}

impl Mlp {
    /// `x += mlp(norm(x))`. Rows go through both layers in parts, so that what is between them stays in the cache.
    pub(super) fn add_to(&self, x: &mut [f32], norm: &Norm, scratch: &mut Scratch) {
        let Scratch {
            operand, hidden, ..
        } = scratch;
        let (inputs, outputs) = (self.first.inputs(), self.first.outputs());
        let rows = self.first.rows_in_cache(x.len() / inputs);
        for x in x.chunks_mut(rows * inputs) {
            let hidden = sized(hidden, x.len() / inputs * outputs);
            self.first.encode(x, Some(norm), operand);
            self.first
                .multiply(operand, Epilogue::Activate(self.activation), hidden);
            self.second.encode(hidden, None, operand);
            self.second.multiply(operand, Epilogue::Add, x);
        }
    }
}
