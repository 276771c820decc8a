//! From the last block to a vector.

use std::ops::Range;

use super::{Pool, VisionConfig};
use crate::Error;
use crate::checkpoint::{Layers, Matrix, PoolingNames, PoolingProjections, Scheme, Stack};
use crate::towers::arithmetic::Arithmetic;
use crate::towers::attention::{Sequences, read_projections};
use crate::towers::linear::Linear;
use crate::towers::mlp::Mlp;
use crate::towers::norm::Norm;
use crate::towers::scratch::Scratch;
use crate::towers::shape::{Mask, Shape};

/// What makes a vector of an image's tokens.
pub(super) enum Head {
    /// For the class token.
    Projection { norm: Norm, projection: Linear },
    /// For all patches.
    Attention(Box<AttentionHead>),
}

/// SigLIP's pooling: attention of one learned query, then an MLP with a residual connection.
pub(super) struct AttentionHead {
    arithmetic: Arithmetic,
    norm: Norm,
    heads: usize,
    /// The learned query after its projection, the same for all images.
    query: Vec<f32>,
    key: Linear,
    value: Linear,
    out: Linear,
    before_mlp: Norm,
    mlp: Mlp,
}

impl Head {
    /// Reads the head that follows the last norm.
    pub(super) fn read(
        layers: &mut impl Layers,
        config: &VisionConfig,
        norm: Norm,
        arithmetic: Arithmetic,
    ) -> Result<Self, Error> {
        let Pool::ClassToken { projected, .. } = config.pool else {
            let head = AttentionHead::read(layers, config, norm, arithmetic)?;
            return Ok(Self::Attention(Box::new(head)));
        };
        let shape = [projected, config.shape.width];
        let projection = Linear::read_one(layers, shape, arithmetic, |checkpoint| {
            match config.scheme {
                Scheme::OpenClip => Matrix::take_transposed(checkpoint, "visual.proj", shape),
                _ => Matrix::take(checkpoint, "visual_projection", &shape, false),
            }
        })?;
        Ok(Self::Projection { norm, projection })
    }
}

impl AttentionHead {
    fn read(
        layers: &mut impl Layers,
        config: &VisionConfig,
        norm: Norm,
        arithmetic: Arithmetic,
    ) -> Result<Self, Error> {
        let Shape {
            width,
            heads,
            mlp,
            activation,
            eps,
            ..
        } = config.shape;
        let names = PoolingNames::new(config.scheme);
        let square = [width, width];
        let latent = layers.checkpoint().take(&names.latent, &[1, 1, width])?;
        let [query, key, value] = match &names.projections {
            PoolingProjections::QueryAndRest { query, key_value } => {
                let query = Linear::read(layers, query, square, true, arithmetic)?;
                let stack = Stack {
                    inputs: width,
                    layers: [(width, arithmetic.precision); 2],
                };
                let kernels = arithmetic.kernels;
                let [key, value] = Linear::read_stack(layers, stack, kernels, None, |from| {
                    Matrix::take(from, key_value, &[2 * width, width], true)
                })?;
                [query, key, value]
            }
            PoolingProjections::Attention(names) => {
                read_projections(layers, names, width, None, [arithmetic; 3])?
            }
        };
        let out = Linear::read(layers, &names.out, square, true, arithmetic)?;
        let checkpoint = layers.checkpoint();
        let before_mlp = Norm::read(
            checkpoint,
            &names.before_mlp,
            width,
            eps,
            arithmetic.kernels,
        )?;
        Ok(Self {
            arithmetic,
            norm,
            heads,
            query: query.apply(&latent),
            key,
            value,
            out,
            before_mlp,
            mlp: Mlp {
                first: Linear::read(layers, &names.first, [mlp, width], true, arithmetic)?,
                second: Linear::read(layers, &names.second, [width, mlp], true, arithmetic)?,
                activation,
            },
        })
    }

    /// One vector per sequence of rows of `x`, one after another.
    pub(super) fn apply(
        &self,
        x: &[f32],
        sequences: &[Range<usize>],
        scratch: &mut Scratch,
    ) -> Vec<f32> {
        let count = sequences.len();
        let normed = self.norm.apply(x);
        let ones: Vec<Range<usize>> = (0..count).map(|i| i..i + 1).collect();
        let mut attended = vec![0.0; count * self.query.len()];
        let input = Sequences {
            query: (&self.query.repeat(count), &ones),
            key: &self.key.apply(&normed),
            value: &self.value.apply(&normed),
            keys: sequences,
            heads: self.heads,
            mask: Mask::Full,
        };
        input.attend(self.arithmetic, &mut attended);
        let mut pooled = self.out.apply(&attended);
        self.mlp.add_to(&mut pooled, &self.before_mlp, scratch);
        pooled
    }
}
