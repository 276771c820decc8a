//! Where a tower's linear layers come from: packed from tensors, read from a packed file, or packed and written to one.
//!
//! A tower reads its layers in a fixed order, and a packed file holds them in that order. Small tensors come from the
//! checkpoint in all three cases.

use phototag_kernels::{Precision, ReadLines, Weights, WriteLines};

use super::packed::{PackedReader, PackedWriter};
use super::{Checkpoint, Matrix};
use crate::Error;

/// Linear layers with the same inputs whose matrices are stored as one, below one another.
pub(crate) struct Stack<const N: usize> {
    pub(crate) inputs: usize,
    /// For each layer, its outputs and the precision of its products.
    pub(crate) layers: [(usize, Precision); N],
}

/// The packed weights of a stack and, if its columns were balanced, the factors for the activations, `[inputs]`.
type Packed<const N: usize> = ([Weights; N], Option<Vec<f32>>);

/// A source of linear layers.
pub(crate) trait Layers {
    /// The checkpoint, for tensors that are never packed.
    fn checkpoint(&mut self) -> &mut Checkpoint;

    /// The next stack of layers. `matrix` takes it from the checkpoint, if it is not packed yet; `balanced` says whether
    /// its columns are to be made about equally large.
    fn next<const N: usize>(
        &mut self,
        stack: Stack<N>,
        balanced: bool,
        matrix: impl FnOnce(&mut Checkpoint) -> Result<Matrix, Error>,
    ) -> Result<Packed<N>, Error>;
}

/// Layers packed from the tensors of a checkpoint.
pub(crate) struct FromTensors<'a>(pub(crate) &'a mut Checkpoint);

impl Layers for FromTensors<'_> {
    fn checkpoint(&mut self) -> &mut Checkpoint {
        self.0
    }

    fn next<const N: usize>(
        &mut self,
        Stack { inputs, layers }: Stack<N>,
        balanced: bool,
        matrix: impl FnOnce(&mut Checkpoint) -> Result<Matrix, Error>,
    ) -> Result<Packed<N>, Error> {
        let mut matrix = matrix(self.0)?;
        let factors = balanced.then(|| matrix.balance(inputs));
        let Matrix { weights, bias } = matrix;
        let mut first = 0;
        let packed = layers.map(|(outputs, precision)| {
            let rows = first..first + outputs;
            first = rows.end;
            let bias = bias.as_ref().map(|bias| &bias[rows.clone()]);
            let weights = &weights[rows.start * inputs..rows.end * inputs];
            Weights::new(weights, bias, [outputs, inputs], precision)
        });
        Ok((packed, factors))
    }
}

/// Layers from a packed file. The tensors they were packed from are not looked at.
pub(crate) struct FromPacked<'a> {
    checkpoint: &'a mut Checkpoint,
    packed: PackedReader,
}

impl<'a> FromPacked<'a> {
    pub(crate) fn new(checkpoint: &'a mut Checkpoint, packed: PackedReader) -> Self {
        Self { checkpoint, packed }
    }

    /// Whether the file had all layers that were asked for, and no others.
    pub(crate) fn was_complete(&self) -> bool {
        self.packed.was_complete()
    }
}

impl Layers for FromPacked<'_> {
    fn checkpoint(&mut self) -> &mut Checkpoint {
        self.checkpoint
    }

    fn next<const N: usize>(
        &mut self,
        Stack { inputs, layers }: Stack<N>,
        balanced: bool,
        _: impl FnOnce(&mut Checkpoint) -> Result<Matrix, Error>,
    ) -> Result<Packed<N>, Error> {
        let factors = balanced.then(|| self.packed.values(inputs));
        let weights = layers.map(|(outputs, precision)| {
            Weights::read(&mut self.packed, [outputs, inputs], precision)
        });
        Ok((weights, factors))
    }
}

/// Layers packed from tensors and written to a packed file as well.
pub(crate) struct Packing<'a> {
    tensors: FromTensors<'a>,
    packed: PackedWriter,
}

impl<'a> Packing<'a> {
    pub(crate) fn new(checkpoint: &'a mut Checkpoint, packed: PackedWriter) -> Self {
        Self {
            tensors: FromTensors(checkpoint),
            packed,
        }
    }

    /// The file with the layers so far.
    pub(crate) fn into_file(self) -> PackedWriter {
        self.packed
    }
}

impl Layers for Packing<'_> {
    fn checkpoint(&mut self) -> &mut Checkpoint {
        self.tensors.checkpoint()
    }

    fn next<const N: usize>(
        &mut self,
        stack: Stack<N>,
        balanced: bool,
        matrix: impl FnOnce(&mut Checkpoint) -> Result<Matrix, Error>,
    ) -> Result<Packed<N>, Error> {
        let (weights, factors) = self.tensors.next(stack, balanced, matrix)?;
        self.packed.values(factors.as_deref().unwrap_or_default());
        for weights in &weights {
            weights.write(&mut self.packed);
        }
        Ok((weights, factors))
    }
}
