//! The shape of a transformer, as its configuration states it.

use phototag_kernels::Activation;

/// The shape of a transformer's blocks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    pub(crate) width: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) mlp: usize,
    pub(crate) activation: Activation,
    pub(crate) eps: f32,
}

/// Which tokens a token may attend to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mask {
    /// All tokens of its sequence.
    Full,
    /// The tokens up to itself.
    Causal,
}
