//! Memory for intermediate results, reused from layer to layer.

use phototag_kernels::Operand;

/// What the layers of a block write to, one after another.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) operand: Operand,
    pub(super) query: Vec<f32>,
    pub(super) key: Vec<f32>,
    pub(super) value: Vec<f32>,
    pub(super) attended: Vec<f32>,
    pub(super) hidden: Vec<f32>,
}

/// The first `length` values, with whatever they hold.
pub(super) fn sized(values: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if values.len() < length {
        values.resize(length, 0.0);
    }
    &mut values[..length]
}
