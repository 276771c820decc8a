//! The part that both towers share: blocks of attention and MLP with layer norms before them.
//!
//! A batch is a list of rows, one a token, sequence after sequence, so that sequences may differ
//! in length. Only attention looks across rows, and only within a sequence; that is why a vector
//! does not depend on the batch. The last block of a tower that pools one token computes nothing
//! but that token.

use std::ops::Range;

use rayon::prelude::*;

use crate::Error;
use crate::kernels::{self, Activation, Part, Weights};
use crate::names::{BlockNames, Scheme};
use crate::weights::Checkpoint;

/// The shape of a tower, as its configuration states it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    pub(crate) width: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) mlp: usize,
    pub(crate) activation: Activation,
    pub(crate) eps: f32,
}

/// `x * weights^T + bias`.
pub(crate) struct Linear {
    weights: Weights,
    bias: Option<Vec<f32>>,
}

impl Linear {
    pub(crate) fn new(weights: &[f32], bias: Option<Vec<f32>>, inputs: usize) -> Self {
        Self {
            weights: Weights::new(weights, weights.len() / inputs, inputs),
            bias,
        }
    }

    /// Takes `{name}.weight` and, if it is to have one, `{name}.bias`.
    pub(crate) fn take(
        checkpoint: &mut Checkpoint,
        name: &str,
        [outputs, inputs]: [usize; 2],
        bias: bool,
    ) -> Result<Self, Error> {
        let weights = checkpoint.take(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = match bias {
            true => Some(checkpoint.take(&format!("{name}.bias"), &[outputs])?),
            false => None,
        };
        Ok(Self::new(&weights, bias, inputs))
    }

    /// Takes `name`, a matrix stored the other way round, `[inputs][outputs]`, and no bias.
    pub(crate) fn take_transposed(
        checkpoint: &mut Checkpoint,
        name: &str,
        [outputs, inputs]: [usize; 2],
    ) -> Result<Self, Error> {
        let stored = checkpoint.take(name, &[inputs, outputs])?;
        let weights: Vec<f32> = (0..outputs)
            .flat_map(|o| stored[o..].iter().step_by(outputs))
            .copied()
            .collect();
        Ok(Self::new(&weights, None, inputs))
    }

    /// `[rows][outputs]` of `x`, which is `[rows][inputs]`.
    pub(crate) fn apply(&self, x: &[f32], rows: usize) -> Vec<f32> {
        let mut out = vec![0.0; rows * self.weights.outputs()];
        self.weights
            .multiply(x, self.bias.as_deref(), &mut out, false);
        out
    }

    fn add_to(&self, out: &mut [f32], x: &[f32]) {
        self.weights.multiply(x, self.bias.as_deref(), out, true);
    }
}

/// Layer normalisation over the last axis.
pub(crate) struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
}

impl Norm {
    pub(crate) fn take(
        checkpoint: &mut Checkpoint,
        name: &str,
        width: usize,
        eps: f32,
    ) -> Result<Self, Error> {
        let weight = checkpoint.take(&format!("{name}.weight"), &[width])?;
        let bias = checkpoint.take(&format!("{name}.bias"), &[width])?;
        Ok(Self { weight, bias, eps })
    }

    pub(crate) fn apply(&self, rows: &mut [f32]) {
        let width = self.weight.len();
        rows.par_chunks_mut(width)
            .with_min_len(ROWS_A_TASK)
            .for_each(|row| {
                kernels::layer_norm(row, &self.weight, &self.bias, self.eps);
            });
    }

    fn applied(&self, rows: &[f32]) -> Vec<f32> {
        let mut rows = rows.to_vec();
        self.apply(&mut rows);
        rows
    }
}

/// Fewer rows than this are not worth another thread.
const ROWS_A_TASK: usize = 32;

/// Two layers with an activation between them.
pub(crate) struct Mlp {
    pub(crate) first: Linear,
    pub(crate) second: Linear,
    pub(crate) activation: Activation,
}

impl Mlp {
    /// `out += mlp(x)`.
    pub(crate) fn add_to(&self, out: &mut [f32], x: &[f32], rows: usize) {
        let mut hidden = self.first.apply(x, rows);
        let width = hidden.len() / rows;
        hidden
            .par_chunks_mut(width * ROWS_A_TASK)
            .for_each(|values| self.activation.apply(values));
        self.second.add_to(out, &hidden);
    }
}

/// Which tokens a token may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// All of its sequence.
    Whole,
    /// Those up to itself.
    Causal,
}

/// One layer of a tower.
pub(crate) struct Block {
    heads: usize,
    before_attention: Norm,
    query: Linear,
    key_value: Linear,
    out: Linear,
    before_mlp: Norm,
    mlp: Mlp,
}

impl Block {
    pub(crate) fn take(
        checkpoint: &mut Checkpoint,
        scheme: Scheme,
        prefix: &str,
        shape: &Shape,
    ) -> Result<Self, Error> {
        let names = BlockNames::new(scheme, prefix);
        let (width, mlp, eps) = (shape.width, shape.mlp, shape.eps);
        let before_attention = Norm::take(checkpoint, &names.before_attention, width, eps)?;
        let (query, key_value) = names.attention.take(checkpoint, width)?;
        Ok(Self {
            heads: shape.heads,
            before_attention,
            query,
            key_value,
            out: Linear::take(checkpoint, &names.out, [width, width], true)?,
            before_mlp: Norm::take(checkpoint, &names.before_mlp, width, eps)?,
            mlp: Mlp {
                first: Linear::take(checkpoint, &names.first, [mlp, width], true)?,
                second: Linear::take(checkpoint, &names.second, [width, mlp], true)?,
                activation: shape.activation,
            },
        })
    }

    /// Replaces every row of `x`.
    pub(crate) fn apply(&self, x: &mut [f32], sequences: &[Range<usize>], sight: Sight) {
        let rows = rows_of(sequences);
        let normed = self.before_attention.applied(x);
        let query = self.query.apply(&normed, rows);
        let key_value = self.key_value.apply(&normed, rows);
        let attended = attend(&query, sequences, &key_value, sequences, self.heads, sight);
        self.finish(x, &attended, rows);
    }

    /// The rows `picks` of `x` after this block, one for each sequence, and no others. A pick
    /// sees its whole sequence, so in a causal tower it has to be the last.
    pub(crate) fn apply_to(
        &self,
        x: &[f32],
        sequences: &[Range<usize>],
        picks: &[usize],
    ) -> Vec<f32> {
        let normed = self.before_attention.applied(x);
        let width = x.len() / rows_of(sequences);
        let gather = |from: &[f32]| -> Vec<f32> {
            picks
                .iter()
                .flat_map(|row| &from[row * width..][..width])
                .copied()
                .collect()
        };
        let query = self.query.apply(&gather(&normed), picks.len());
        let key_value = self.key_value.apply(&normed, rows_of(sequences));
        let ones: Vec<Range<usize>> = (0..picks.len()).map(|i| i..i + 1).collect();
        let attended = attend(
            &query,
            &ones,
            &key_value,
            sequences,
            self.heads,
            Sight::Whole,
        );
        let mut picked = gather(x);
        self.finish(&mut picked, &attended, picks.len());
        picked
    }

    fn finish(&self, x: &mut [f32], attended: &[f32], rows: usize) {
        self.out.add_to(x, attended);
        let normed = self.before_mlp.applied(x);
        self.mlp.add_to(x, &normed, rows);
    }
}

fn rows_of(sequences: &[Range<usize>]) -> usize {
    sequences.last().map_or(0, |last| last.end)
}

/// Scaled dot-product attention. `query` is `[rows][width]` with the rows of the i-th sequence at
/// `queries[i]`; `key_value` is `[rows][2 * width]`, keys first, with its rows at `keys[i]`. Head
/// h has the h-th part of the width. Returns `[query rows][width]`.
pub(crate) fn attend(
    query: &[f32],
    queries: &[Range<usize>],
    key_value: &[f32],
    keys: &[Range<usize>],
    heads: usize,
    sight: Sight,
) -> Vec<f32> {
    let width = query.len() / rows_of(queries);
    let head_width = width / heads;
    let scale = (head_width as f32).sqrt().recip();
    let one = |(queries, keys): (&Range<usize>, &Range<usize>)| -> Vec<f32> {
        let mut out = vec![0.0; queries.len() * width];
        let mut scores = vec![0.0; queries.len() * keys.len()];
        let mut mixed = vec![0.0; queries.len() * head_width];
        for head in (0..width).step_by(head_width) {
            let query = Part {
                data: &query[queries.start * width + head..],
                rows: queries.len(),
                columns: head_width,
                stride: width,
            };
            let key = Part {
                data: &key_value[keys.start * 2 * width + head..],
                rows: keys.len(),
                columns: head_width,
                stride: 2 * width,
            };
            let value = Part {
                data: &key.data[width..],
                ..key
            };
            kernels::multiply_transposed(query, key, scale, &mut scores);
            for (i, row) in scores.chunks_exact_mut(keys.len()).enumerate() {
                let seen = match sight {
                    Sight::Whole => keys.len(),
                    Sight::Causal => i + 1,
                };
                let (seen, unseen) = row.split_at_mut(seen);
                kernels::softmax(seen);
                unseen.fill(0.0);
            }
            let probabilities = Part {
                data: &scores,
                rows: queries.len(),
                columns: keys.len(),
                stride: keys.len(),
            };
            kernels::multiply(probabilities, value, &mut mixed);
            for (out, mixed) in out
                .chunks_exact_mut(width)
                .zip(mixed.chunks_exact(head_width))
            {
                out[head..head + head_width].copy_from_slice(mixed);
            }
        }
        out
    };
    let attended: Vec<Vec<f32>> = queries.par_iter().zip(keys).map(one).collect();
    attended.concat()
}
