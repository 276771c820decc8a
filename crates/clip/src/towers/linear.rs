//! Linear layers.

use phototag_kernels::{Epilogue, Kernels, Operand, Precision, Weights};

use super::arithmetic::Arithmetic;
use super::norm::Norm;
use crate::Error;
use crate::checkpoint::{Checkpoint, Layers, Matrix, Stack};

/// `x * weights^T + bias`.
pub(crate) struct Linear {
    weights: Weights,
    kernels: &'static Kernels,
}

impl Linear {
    /// `weights` is `[outputs][inputs]`.
    pub(crate) fn new(
        weights: &[f32],
        bias: Option<&[f32]>,
        inputs: usize,
        arithmetic: Arithmetic,
    ) -> Self {
        let shape = [weights.len() / inputs, inputs];
        Self {
            weights: Weights::new(weights, bias, shape, arithmetic.precision),
            kernels: arithmetic.kernels,
        }
    }

    /// Reads a stack of layers, which follow `norm` if there is one. `matrix` takes their common matrix.
    pub(super) fn read_stack<const N: usize>(
        layers: &mut impl Layers,
        stack: Stack<N>,
        kernels: &'static Kernels,
        norm: Option<&mut Norm>,
        matrix: impl FnOnce(&mut Checkpoint) -> Result<Matrix, Error>,
    ) -> Result<[Self; N], Error> {
        // Balancing makes up for rounding to bytes, and only the norm can absorb its factors.
        let in_bytes = |(_, precision): &(_, Precision)| *precision == Precision::Int8;
        let norm = norm.filter(|_| stack.layers.iter().any(in_bytes));
        let (weights, factors) = layers.next(stack, norm.is_some(), matrix)?;
        if let (Some(norm), Some(factors)) = (norm, factors) {
            norm.scale(&factors);
        }
        Ok(weights.map(|weights| Self { weights, kernels }))
    }

    /// Reads one layer, which follows no norm. `matrix` takes its matrix.
    pub(super) fn read_one(
        layers: &mut impl Layers,
        [outputs, inputs]: [usize; 2],
        arithmetic: Arithmetic,
        matrix: impl FnOnce(&mut Checkpoint) -> Result<Matrix, Error>,
    ) -> Result<Self, Error> {
        let stack = Stack {
            inputs,
            layers: [(outputs, arithmetic.precision)],
        };
        let [layer] = Self::read_stack(layers, stack, arithmetic.kernels, None, matrix)?;
        Ok(layer)
    }

    /// Reads `{name}.weight` and, if `bias`, `{name}.bias`.
    pub(super) fn read(
        layers: &mut impl Layers,
        name: &str,
        shape: [usize; 2],
        bias: bool,
        arithmetic: Arithmetic,
    ) -> Result<Self, Error> {
        Self::read_one(layers, shape, arithmetic, |checkpoint| {
            Matrix::take(checkpoint, name, &shape, bias)
        })
    }

    pub(crate) fn inputs(&self) -> usize {
        self.weights.inputs()
    }

    pub(crate) fn outputs(&self) -> usize {
        self.weights.outputs()
    }

    /// `[rows][outputs]` of `x`, which is `[rows][inputs]`.
    pub(crate) fn apply(&self, x: &[f32]) -> Vec<f32> {
        let mut operand = Operand::default();
        self.encode(x, None, &mut operand);
        let mut out = vec![0.0; x.len() / self.weights.inputs() * self.weights.outputs()];
        self.multiply(&operand, Epilogue::Store, &mut out);
        out
    }

    /// Encodes `x`, after the norm if there is one, as the left side of this product.
    pub(super) fn encode(&self, x: &[f32], norm: Option<&Norm>, operand: &mut Operand) {
        let norm = norm.map(Norm::parameters);
        let (inputs, precision) = (self.weights.inputs(), self.weights.precision());
        operand.set(self.kernels, x, inputs, norm, precision);
    }

    /// Whether `operand` was encoded for the precision of this product.
    pub(super) fn accepts(&self, operand: &Operand) -> bool {
        operand.precision() == self.weights.precision()
    }

    /// Into how many rows to divide `rows` if the output is read again at once.
    pub(super) fn rows_in_cache(&self, rows: usize) -> usize {
        self.weights.rows_in_cache(self.kernels, rows)
    }

    /// Multiplies what was encoded, into `out`, `[rows][outputs]`.
    pub(super) fn multiply(&self, x: &Operand, epilogue: Epilogue, out: &mut [f32]) {
        self.weights.multiply(self.kernels, x, epilogue, out);
    }
}
