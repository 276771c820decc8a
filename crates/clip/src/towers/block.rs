//! One block of a transformer: attention and MLP, each after a layer norm.

use std::ops::Range;

use phototag_kernels::Epilogue;

use super::arithmetic::Arithmetic;
use super::attention::{Attention, Sequences, read_projections, rows_of};
use super::linear::Linear;
use super::mlp::Mlp;
use super::norm::Norm;
use super::scratch::Scratch;
use super::shape::{Mask, Shape};
use crate::Error;
use crate::checkpoint::{BlockNames, Layers, Matrix, Stack};

/// One block of a transformer.
pub(super) struct Block {
    before_attention: Norm,
    attention: Attention,
    before_mlp: Norm,
    mlp: Mlp,
}

impl Block {
    /// Reads the block with these names.
    pub(super) fn read(
        layers: &mut impl Layers,
        names: &BlockNames,
        shape: &Shape,
        arithmetic: Arithmetic,
    ) -> Result<Self, Error> {
        let (width, mlp, kernels) = (shape.width, shape.mlp, arithmetic.kernels);
        let checkpoint = layers.checkpoint();
        let mut norm = |name| Norm::read(checkpoint, name, width, shape.eps, kernels);
        let mut before_attention = norm(&names.before_attention)?;
        let mut before_mlp = norm(&names.before_mlp)?;
        let projections = [arithmetic, arithmetic, arithmetic.sensitive()];
        let after = Some(&mut before_attention);
        let [query, key, value] =
            read_projections(layers, &names.attention, width, after, projections)?;
        let stack = Stack {
            inputs: width,
            layers: [(mlp, arithmetic.precision)],
        };
        let after = Some(&mut before_mlp);
        let [first] = Linear::read_stack(layers, stack, kernels, after, |checkpoint| {
            Matrix::take(checkpoint, &names.first, &[mlp, width], true)
        })?;
        let square = [width, width];
        let out = Linear::read(layers, &names.out, square, true, arithmetic.sensitive())?;
        let second = Linear::read(layers, &names.second, [width, mlp], true, arithmetic)?;
        Ok(Self {
            before_attention,
            attention: Attention {
                arithmetic: arithmetic.float(),
                heads: shape.heads,
                query,
                key,
                value,
                out,
            },
            before_mlp,
            mlp: Mlp {
                first,
                second,
                activation: shape.activation,
            },
        })
    }

    /// Reads the blocks `{prefix}.0`, `{prefix}.1` and so on.
    pub(super) fn read_all(
        layers: &mut impl Layers,
        names: impl Fn(usize) -> BlockNames,
        shape: &Shape,
        arithmetic: Arithmetic,
    ) -> Result<Vec<Self>, Error> {
        (0..shape.layers)
            .map(|number| Self::read(layers, &names(number), shape, arithmetic))
            .collect()
    }

    /// Replaces every row of `x`.
    pub(super) fn apply(
        &self,
        x: &mut [f32],
        sequences: &[Range<usize>],
        mask: Mask,
        scratch: &mut Scratch,
    ) {
        self.attention
            .project(x, x, &self.before_attention, scratch);
        self.attention
            .add_to(x, sequences, sequences, mask, scratch);
        self.mlp.add_to(x, &self.before_mlp, scratch);
    }

    /// Computes only the rows `picks` of `x`, one per sequence. A pick attends to its whole sequence, so in a causal tower
    /// it must be the last row.
    pub(super) fn apply_to(
        &self,
        x: &[f32],
        sequences: &[Range<usize>],
        picks: &[usize],
        scratch: &mut Scratch,
    ) -> Vec<f32> {
        let width = x.len() / rows_of(sequences);
        let mut picked: Vec<f32> = picks
            .iter()
            .flat_map(|row| &x[row * width..][..width])
            .copied()
            .collect();
        self.attention
            .project(&picked, x, &self.before_attention, scratch);
        let ones: Vec<Range<usize>> = (0..picks.len()).map(|i| i..i + 1).collect();
        self.attention
            .add_to(&mut picked, &ones, sequences, Mask::Full, scratch);
        self.mlp.add_to(&mut picked, &self.before_mlp, scratch);
        picked
    }

    /// The tokens of one sequence, `[tokens][width]`, after attention in which values take the place of queries and keys,
    /// without residual connection and without MLP.
    pub(super) fn attend_by_value(&self, x: &[f32], scratch: &mut Scratch) -> Vec<f32> {
        let Attention {
            arithmetic,
            heads,
            value,
            out,
            ..
        } = &self.attention;
        value.encode(x, Some(&self.before_attention), &mut scratch.operand);
        let mut values = vec![0.0; x.len()];
        value.multiply(&scratch.operand, Epilogue::Store, &mut values);
        let tokens = 0..x.len() / value.inputs();
        let whole = std::slice::from_ref(&tokens);
        let mut attended = vec![0.0; x.len()];
        let input = Sequences {
            query: (&values, whole),
            key: &values,
            value: &values,
            keys: whole,
            heads: *heads,
            mask: Mask::Full,
        };
        input.attend(*arithmetic, &mut attended);
        out.apply(&attended)
    }
}
