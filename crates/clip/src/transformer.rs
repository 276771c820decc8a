//! The part that both towers share: blocks of attention and MLP with layer norms before them.
//!
//! A batch is a list of rows, one a token, sequence after sequence, so that sequences may differ
//! in length. Only attention looks across rows, and only within a sequence; that is why a vector
//! does not depend on the batch. The last block of a tower that pools one token computes nothing
//! but that token.

use std::ops::Range;

use rayon::prelude::*;

use crate::Error;
use crate::names::{BlockNames, Scheme};
use crate::packed::Packed;
use crate::weights::Checkpoint;
use phototag_kernels::{
    Activation, AttentionInput, Epilogue, Kernels, LayerNorm, MatrixView, Operand, Precision,
    ReadLines, Weights, WriteLines, attend,
};

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

/// How a tower computes: with which kernels, and how precisely.
#[derive(Clone, Copy)]
pub(crate) struct Arithmetic {
    pub(crate) kernels: &'static Kernels,
    pub(crate) precision: Precision,
}

impl Arithmetic {
    /// The same for parts that are small, or that rounding to bytes would hurt.
    pub(crate) fn careful(self) -> Self {
        Self {
            precision: self.kernels.float(self.precision),
            ..self
        }
    }

    /// The same for the layers whose rounding to bytes shows most in a vector, where a unit for `bf16` makes more
    /// cheap: a sixth of a block's products.
    fn sensitive(self) -> Self {
        match self.careful() {
            careful if careful.precision == Precision::Bf16 => careful,
            _ => self,
        }
    }
}

/// `x * weights^T + bias`.
pub(crate) struct Linear {
    weights: Weights,
    kernels: &'static Kernels,
}

impl Linear {
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

    /// Layers of so many outputs each that lie one after another in the `matrix` of a checkpoint, after `norm` if
    /// they share one. Where the checkpoint knows them packed, the matrix is not looked at; otherwise they may be kept.
    pub(crate) fn read<const N: usize>(
        checkpoint: &mut Checkpoint,
        norm: Option<&mut Norm>,
        layers: [(usize, Arithmetic); N],
        inputs: usize,
        matrix: impl FnOnce(&mut Checkpoint) -> Result<Matrix, Error>,
    ) -> Result<[Self; N], Error> {
        // Balancing makes up for rounding to bytes.
        let rounds = |(_, arithmetic): &(_, Arithmetic)| arithmetic.precision == Precision::Int8;
        let norm = norm.filter(|_| layers.iter().any(rounds));
        if let Packed::Read(kept) = &mut checkpoint.packed {
            if let Some(norm) = norm {
                norm.scale(&kept.values(inputs));
            }
            return Ok(layers.map(|(outputs, arithmetic)| Self {
                weights: Weights::read(kept, [outputs, inputs], arithmetic.precision),
                kernels: arithmetic.kernels,
            }));
        }
        let Matrix { mut weights, bias } = matrix(checkpoint)?;
        let factors = norm.map(|norm| {
            let factors = balance(&mut weights, inputs);
            norm.scale(&factors);
            factors
        });
        let mut first = 0;
        let layers = layers.map(|(outputs, arithmetic)| {
            let rows = first..first + outputs;
            first = rows.end;
            let bias = bias.as_ref().map(|bias| &bias[rows.clone()]);
            let weights = &weights[rows.start * inputs..rows.end * inputs];
            Self::new(weights, bias, inputs, arithmetic)
        });
        if let Packed::Written(kept) = &mut checkpoint.packed {
            kept.values(&factors.unwrap_or_default());
            layers
                .iter()
                .for_each(|layer| layer.weights.write(kept.as_mut()));
        }
        Ok(layers)
    }

    /// Takes `{name}.weight` and, if it is to have one, `{name}.bias`.
    pub(crate) fn take(
        checkpoint: &mut Checkpoint,
        name: &str,
        [outputs, inputs]: [usize; 2],
        bias: bool,
        arithmetic: Arithmetic,
    ) -> Result<Self, Error> {
        let matrix =
            |checkpoint: &mut Checkpoint| Matrix::take(checkpoint, name, &[outputs, inputs], bias);
        let [layer] = Self::read(checkpoint, None, [(outputs, arithmetic)], inputs, matrix)?;
        Ok(layer)
    }

    /// Takes `name`, a matrix stored the other way round, `[inputs][outputs]`, and no bias.
    pub(crate) fn take_transposed(
        checkpoint: &mut Checkpoint,
        name: &str,
        [outputs, inputs]: [usize; 2],
        arithmetic: Arithmetic,
    ) -> Result<Self, Error> {
        let matrix = |checkpoint: &mut Checkpoint| {
            let stored = checkpoint.take(name, &[inputs, outputs])?;
            let weights = (0..outputs)
                .flat_map(|o| stored[o..].iter().step_by(outputs))
                .copied()
                .collect();
            let bias = None;
            Ok(Matrix { weights, bias })
        };
        let [layer] = Self::read(checkpoint, None, [(outputs, arithmetic)], inputs, matrix)?;
        Ok(layer)
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

    /// `x`, normed first where there is a norm, as the left side of this product.
    pub(crate) fn encode(&self, x: &[f32], norm: Option<&Norm>, operand: &mut Operand) {
        let norm = norm.map(|norm| LayerNorm {
            weight: &norm.weight,
            bias: &norm.bias,
            eps: norm.eps,
        });
        let (inputs, precision) = (self.weights.inputs(), self.weights.precision());
        operand.set(self.kernels, x, inputs, norm, precision);
    }

    /// Whether that was encoded for this product's precision.
    fn takes(&self, operand: &Operand) -> bool {
        operand.precision() == self.weights.precision()
    }

    /// How many of so many rows had best be multiplied before others, if all that comes out is read again at once.
    fn rows_in_cache(&self, rows: usize) -> usize {
        self.weights.rows_in_cache(self.kernels, rows)
    }

    /// `then` of the product with what was encoded, into `out`, `[rows][outputs]`.
    pub(crate) fn multiply(&self, x: &Operand, then: Epilogue, out: &mut [f32]) {
        self.weights.multiply(self.kernels, x, then, out);
    }
}

/// The values of a layer, or of several, as a checkpoint has them: `[outputs][inputs]`.
pub(crate) struct Matrix {
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: Option<Vec<f32>>,
}

impl Matrix {
    /// Takes `{name}.weight` and, if it is to have one, `{name}.bias`.
    pub(crate) fn take(
        checkpoint: &mut Checkpoint,
        name: &str,
        shape: &[usize],
        bias: bool,
    ) -> Result<Self, Error> {
        let weights = checkpoint.take(&format!("{name}.weight"), shape)?;
        let mut take_bias = || checkpoint.take(&format!("{name}.bias"), &shape[..1]);
        Ok(Self {
            weights,
            bias: if bias { Some(take_bias()?) } else { None },
        })
    }
}

/// Makes the columns of `weights` (`[outputs][inputs]`) about equally large, where one is far from the others: the
/// same product, if the activations are multiplied by what is returned, but it rounds better to 8 bits (Xiao et
/// al. 2023, "SmoothQuant", by weights alone).
fn balance(weights: &mut [f32], inputs: usize) -> Vec<f32> {
    let mut sizes = vec![0.0f64; inputs];
    for row in weights.chunks_exact(inputs) {
        for (size, weight) in sizes.iter_mut().zip(row) {
            *size += f64::from(weight * weight);
        }
    }
    let mut sorted = sizes.clone();
    sorted.sort_by(f64::total_cmp);
    let usual = sorted[inputs / 2];
    let mut factors = vec![1.0; inputs];
    for (column, size) in sizes.into_iter().enumerate() {
        // Within a factor of two up or down nothing is gained; columns of zeros stay.
        let factor = (size / usual).sqrt() as f32;
        if !factor.is_normal() || (0.5..=2.0).contains(&factor) {
            continue;
        }
        factors[column] = factor;
        let cells = weights.iter_mut().skip(column).step_by(inputs);
        cells.for_each(|weight| *weight /= factor);
    }
    factors
}

/// Layer normalisation over the last axis.
pub(crate) struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
    kernels: &'static Kernels,
}

impl Norm {
    pub(crate) fn take(
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

    /// Multiplies what comes out, channel by channel.
    fn scale(&mut self, factors: &[f32]) {
        for (channel, factor) in factors.iter().enumerate() {
            self.weight[channel] *= factor;
            self.bias[channel] *= factor;
        }
    }

    /// Every row of `x`, normed.
    pub(crate) fn apply(&self, x: &[f32]) -> Vec<f32> {
        let width = self.weight.len();
        let norm = LayerNorm {
            weight: &self.weight,
            bias: &self.bias,
            eps: self.eps,
        };
        let mut out = vec![0.0; x.len()];
        for (row, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            self.kernels.layer_norm(row, norm, out);
        }
        out
    }
}

/// Two layers with an activation between them.
pub(crate) struct Mlp {
    pub(crate) first: Linear,
    pub(crate) second: Linear,
    pub(crate) activation: Activation,
}

impl Mlp {
    /// `x += mlp(norm(x))`, so many rows at a time that what is between the layers stays in the cache.
    pub(crate) fn add_to(&self, x: &mut [f32], norm: &Norm, memory: &mut Memory) {
        let Memory {
            operand, hidden, ..
        } = memory;
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

/// What layers write to, one after another.
#[derive(Default)]
pub(crate) struct Memory {
    operand: Operand,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    attended: Vec<f32>,
    hidden: Vec<f32>,
}

/// The first `length` values, whatever they are now.
fn sized(values: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if values.len() < length {
        values.resize(length, 0.0);
    }
    &mut values[..length]
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
    before_attention: Norm,
    attention: Attention,
    before_mlp: Norm,
    mlp: Mlp,
}

impl Block {
    pub(crate) fn take(
        checkpoint: &mut Checkpoint,
        scheme: Scheme,
        prefix: &str,
        shape: &Shape,
        arithmetic: Arithmetic,
    ) -> Result<Self, Error> {
        let names = BlockNames::new(scheme, prefix);
        let (width, mlp) = (shape.width, shape.mlp);
        let mut norm = |name| Norm::take(checkpoint, name, width, shape.eps, arithmetic.kernels);
        let (mut before_attention, mut before_mlp) =
            (norm(&names.before_attention)?, norm(&names.before_mlp)?);
        let after = Some(&mut before_attention);
        let projections = [arithmetic, arithmetic, arithmetic.sensitive()];
        let [query, key, value] = (names.attention).take(checkpoint, width, after, projections)?;
        let after = Some(&mut before_mlp);
        let [first] = Linear::read(
            checkpoint,
            after,
            [(mlp, arithmetic)],
            width,
            |checkpoint| Matrix::take(checkpoint, &names.first, &[mlp, width], true),
        )?;
        let mut linear =
            |name, size, arithmetic| Linear::take(checkpoint, name, size, true, arithmetic);
        Ok(Self {
            before_attention,
            attention: Attention {
                arithmetic: arithmetic.careful(),
                heads: shape.heads,
                query,
                key,
                value,
                out: linear(&names.out, [width, width], arithmetic.sensitive())?,
            },
            before_mlp,
            mlp: Mlp {
                first,
                second: linear(&names.second, [width, mlp], arithmetic)?,
                activation: shape.activation,
            },
        })
    }

    /// Replaces every row of `x`.
    pub(crate) fn apply(
        &self,
        x: &mut [f32],
        sequences: &[Range<usize>],
        sight: Sight,
        memory: &mut Memory,
    ) {
        self.project(x, x, memory);
        self.attention
            .add_to(x, sequences, sequences, sight, memory);
        self.mlp.add_to(x, &self.before_mlp, memory);
    }

    /// The rows `picks` of `x` after this block, one for each sequence, and no others. A pick
    /// sees its whole sequence, so in a causal tower it has to be the last.
    pub(crate) fn apply_to(
        &self,
        x: &[f32],
        sequences: &[Range<usize>],
        picks: &[usize],
        memory: &mut Memory,
    ) -> Vec<f32> {
        let width = x.len() / rows_of(sequences);
        let mut picked: Vec<f32> = picks
            .iter()
            .flat_map(|row| &x[row * width..][..width])
            .copied()
            .collect();
        self.project(&picked, x, memory);
        let ones: Vec<Range<usize>> = (0..picks.len()).map(|i| i..i + 1).collect();
        self.attention
            .add_to(&mut picked, &ones, sequences, Sight::Whole, memory);
        self.mlp.add_to(&mut picked, &self.before_mlp, memory);
        picked
    }
}

impl Block {
    /// The queries of the rows of `asking`, and the keys and values of those of `x`.
    fn project(&self, asking: &[f32], x: &[f32], memory: &mut Memory) {
        let Attention {
            query, key, value, ..
        } = &self.attention;
        let norm = Some(&self.before_attention);
        let Memory { operand, .. } = memory;
        key.encode(x, norm, operand);
        key.multiply(operand, Epilogue::Store, sized(&mut memory.key, x.len()));
        if !value.takes(operand) {
            value.encode(x, norm, operand);
        }
        value.multiply(operand, Epilogue::Store, sized(&mut memory.value, x.len()));
        query.encode(asking, norm, operand);
        query.multiply(
            operand,
            Epilogue::Store,
            sized(&mut memory.query, asking.len()),
        );
    }

    /// What the tokens of one sequence are after this block, were each to attend to those whose
    /// values are like its own, with neither residual connection nor MLP. `[tokens][width]`.
    pub(crate) fn attend_by_value(&self, x: &[f32], memory: &mut Memory) -> Vec<f32> {
        let Attention {
            arithmetic,
            heads,
            value,
            out,
            ..
        } = &self.attention;
        value.encode(x, Some(&self.before_attention), &mut memory.operand);
        let mut values = vec![0.0; x.len()];
        value.multiply(&memory.operand, Epilogue::Store, &mut values);
        let tokens = 0..x.len() / value.inputs();
        let whole = std::slice::from_ref(&tokens);
        let mut attended = vec![0.0; x.len()];
        attend_all(
            *arithmetic,
            (&values, whole),
            (&values, &values, whole),
            *heads,
            Sight::Whole,
            &mut attended,
        );
        out.apply(&attended)
    }
}

/// Attention of several heads between the projections around it.
pub(crate) struct Attention {
    arithmetic: Arithmetic,
    pub(crate) heads: usize,
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    pub(crate) out: Linear,
}

impl Attention {
    /// `x += out(attention)` of the queries, keys and values in `memory`. The i-th sequence asks
    /// with the rows `queries[i]`, which are also its rows of `x`, and has the keys `keys[i]`.
    fn add_to(
        &self,
        x: &mut [f32],
        queries: &[Range<usize>],
        keys: &[Range<usize>],
        sight: Sight,
        memory: &mut Memory,
    ) {
        let width = x.len() / rows_of(queries);
        let attended = sized(&mut memory.attended, x.len());
        attend_all(
            self.arithmetic,
            (&memory.query, queries),
            (&memory.key, &memory.value, keys),
            self.heads,
            sight,
            &mut attended[..rows_of(queries) * width],
        );
        self.out.encode(attended, None, &mut memory.operand);
        self.out.multiply(&memory.operand, Epilogue::Add, x);
    }
}

fn rows_of(sequences: &[Range<usize>]) -> usize {
    sequences.last().map_or(0, |last| last.end)
}

/// Attention of all sequences, one after another in `out`. All are `[rows][width]`; the i-th sequence asks with the
/// rows `queries[i]` of `query`, and has the rows `keys[i]` of `key` and `value`. Head h has the h-th part
/// of the width.
pub(crate) fn attend_all(
    arithmetic: Arithmetic,
    (query, queries): (&[f32], &[Range<usize>]),
    (key, value, keys): (&[f32], &[f32], &[Range<usize>]),
    heads: usize,
    sight: Sight,
    out: &mut [f32],
) {
    let width = out.len() / rows_of(queries);
    let mut rest = out;
    let mut parts = Vec::with_capacity(queries.len());
    for queries in queries {
        let (part, behind) = rest.split_at_mut(queries.len() * width);
        parts.push(part);
        rest = behind;
    }
    let sequences = queries.par_iter().zip(keys).zip(parts);
    sequences.for_each(|((queries, keys), out)| {
        let input = AttentionInput {
            query: view(query, queries, width),
            key: view(key, keys, width),
            value: view(value, keys, width),
            width,
            heads,
            causal: sight == Sight::Causal,
        };
        let Arithmetic { kernels, precision } = arithmetic;
        attend(kernels, &input, precision, out);
    });
}

/// Some rows of a matrix of this width.
fn view<'a>(data: &'a [f32], rows: &Range<usize>, width: usize) -> MatrixView<'a> {
    MatrixView {
        data: &data[rows.start * width..],
        rows: rows.len(),
        stride: width,
    }
}
