//! Attention over the sequences of a batch.

use std::ops::Range;

use phototag_kernels::{AttentionInput, Epilogue, MatrixView, attend};
use rayon::prelude::*;

use super::arithmetic::Arithmetic;
use super::linear::Linear;
use super::norm::Norm;
use super::scratch::{Scratch, sized};
use super::shape::Mask;
use crate::Error;
use crate::checkpoint::{AttentionNames, Checkpoint, Layers, Matrix, Stack};

/// Attention of several heads, with the projections around it.
pub(super) struct Attention {
    /// Of the attention itself, without `int8`.
    pub(super) arithmetic: Arithmetic,
    pub(super) heads: usize,
    pub(super) query: Linear,
    pub(super) key: Linear,
    pub(super) value: Linear,
    pub(super) out: Linear,
}

/// Reads the projections to queries, keys and values, with a precision for each. All follow `norm`, if there is one.
pub(super) fn read_projections(
    layers: &mut impl Layers,
    names: &AttentionNames,
    width: usize,
    norm: Option<&mut Norm>,
    arithmetic: [Arithmetic; 3],
) -> Result<[Linear; 3], Error> {
    let kernels = arithmetic[0].kernels;
    let stack = Stack {
        inputs: width,
        layers: arithmetic.map(|arithmetic| (width, arithmetic.precision)),
    };
    Linear::read_stack(layers, stack, kernels, norm, |checkpoint| {
        take_matrix(checkpoint, names, width)
    })
}

/// The three projections as one matrix.
fn take_matrix(
    checkpoint: &mut Checkpoint,
    names: &AttentionNames,
    width: usize,
) -> Result<Matrix, Error> {
    match names {
        AttentionNames::One { weight, bias } => Ok(Matrix {
            weights: checkpoint.take(weight, &[3 * width, width])?,
            bias: Some(checkpoint.take(bias, &[3 * width])?),
        }),
        AttentionNames::Three { query, key, value } => {
            let (mut weights, mut bias) = (Vec::new(), Vec::new());
            for name in [query, key, value] {
                weights.extend(checkpoint.take(&format!("{name}.weight"), &[width, width])?);
                bias.extend(checkpoint.take(&format!("{name}.bias"), &[width])?);
            }
            let bias = Some(bias);
            Ok(Matrix { weights, bias })
        }
    }
}

impl Attention {
    /// Computes the queries of the rows of `asking`, and the keys and values of the rows of `x`, after `norm`.
    pub(super) fn project(&self, asking: &[f32], x: &[f32], norm: &Norm, scratch: &mut Scratch) {
        let Self {
            query, key, value, ..
        } = self;
        let norm = Some(norm);
        let Scratch { operand, .. } = scratch;
        key.encode(x, norm, operand);
        key.multiply(operand, Epilogue::Store, sized(&mut scratch.key, x.len()));
        if !value.accepts(operand) {
            value.encode(x, norm, operand);
        }
        let values = sized(&mut scratch.value, x.len());
        value.multiply(operand, Epilogue::Store, values);
        query.encode(asking, norm, operand);
        let queries = sized(&mut scratch.query, asking.len());
        query.multiply(operand, Epilogue::Store, queries);
    }

    /// `x += out(attention)` of the queries, keys and values in `scratch`. Sequence i has the queries `queries[i]`, which
    /// are also its rows of `x`, and the keys `keys[i]`.
    pub(super) fn add_to(
        &self,
        x: &mut [f32],
        queries: &[Range<usize>],
        keys: &[Range<usize>],
        mask: Mask,
        scratch: &mut Scratch,
    ) {
        let attended = sized(&mut scratch.attended, x.len());
        let input = Sequences {
            query: (&scratch.query, queries),
            key: &scratch.key,
            value: &scratch.value,
            keys,
            heads: self.heads,
            mask,
        };
        input.attend(self.arithmetic, attended);
        self.out.encode(attended, None, &mut scratch.operand);
        self.out.multiply(&scratch.operand, Epilogue::Add, x);
    }
}

/// The end of the last sequence.
pub(super) fn rows_of(sequences: &[Range<usize>]) -> usize {
    sequences.last().map_or(0, |last| last.end)
}

/// Queries, keys and values of several sequences, all `[rows][width]`.
pub(super) struct Sequences<'a> {
    /// Values, and the rows of each sequence, which follow one another.
    pub(super) query: (&'a [f32], &'a [Range<usize>]),
    pub(super) key: &'a [f32],
    pub(super) value: &'a [f32],
    /// The rows of each sequence in `key` and `value`.
    pub(super) keys: &'a [Range<usize>],
    pub(super) heads: usize,
    pub(super) mask: Mask,
}

impl Sequences<'_> {
    /// Writes the attention of all sequences to `out`, one after another.
    pub(super) fn attend(&self, arithmetic: Arithmetic, out: &mut [f32]) {
        let (query, queries) = self.query;
        let width = out.len() / rows_of(queries);
        let mut rest = out;
        let mut parts = Vec::with_capacity(queries.len());
        for queries in queries {
            let (part, behind) = rest.split_at_mut(queries.len() * width);
            parts.push(part);
            rest = behind;
        }
        let sequences = queries.par_iter().zip(self.keys).zip(parts);
        sequences.for_each(|((queries, keys), out)| {
            let input = AttentionInput {
                query: view(query, queries, width),
                key: view(self.key, keys, width),
                value: view(self.value, keys, width),
                width,
                heads: self.heads,
                causal: self.mask == Mask::Causal,
            };
            let Arithmetic { kernels, precision } = arithmetic;
            attend(kernels, &input, precision, out);
        });
    }
}

/// Some rows of a matrix of this width.
fn view<'a>(data: &'a [f32], rows: &Range<usize>, width: usize) -> MatrixView<'a> {
    MatrixView {
        data: &data[rows.start * width..],
        rows: rows.len(),
        stride: width,
    }
}
