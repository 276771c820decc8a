//! Text towers: CLIP's, where a token attends to those before it and the closing token stands for the text, and
//! SigLIP's, where all tokens attend to all and the last of a full context stands for the text.

use std::ops::Range;

use super::arithmetic::Arithmetic;
use super::block::Block;
use super::linear::Linear;
use super::norm::Norm;
use super::scratch::Scratch;
use super::shape::{Mask, Shape};
use super::stage;
use crate::Error;
use crate::checkpoint::{BlockNames, Layers, Matrix, Scheme, Table, TextNames};

/// A text tower, as its configuration describes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TextConfig {
    pub(crate) shape: Shape,
    pub(crate) scheme: Scheme,
    /// Precedes each tensor's name: "" or "text." in open_clip.
    pub(crate) prefix: &'static str,
    pub(crate) vocabulary: usize,
    pub(crate) context: usize,
    pub(crate) mask: Mask,
    pub(crate) pool: TextPool,
    pub(crate) projected: usize,
    pub(crate) projection: Projection,
}

/// What makes a text's vector of its pooled token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Projection {
    /// Nothing: the token is as wide as the vector.
    None,
    /// A matrix.
    Plain,
    /// A matrix and a bias.
    Biased,
}

/// Which token stands for the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextPool {
    /// The first with the highest id, which is how OpenAI's vocabulary marks the end.
    HighestId,
    /// The first with this id, or the very first token if there is none.
    FirstOf(i32),
    /// The last of the context, padding or not.
    Last,
}

impl TextPool {
    fn pick(self, ids: &[i32]) -> usize {
        match self {
            Self::HighestId => {
                let highest = ids.iter().max();
                ids.iter().position(|id| Some(id) == highest).unwrap_or(0)
            }
            Self::FirstOf(end) => ids.iter().position(|id| *id == end).unwrap_or(0),
            Self::Last => ids.len() - 1,
        }
    }
}

/// A text tower in memory, except for the token table, which stays in its file.
pub(crate) struct TextTower {
    tokens: Table,
    /// `[context][width]`.
    positions: Vec<f32>,
    blocks: Vec<Block>,
    norm: Norm,
    projection: Option<Linear>,
    config: TextConfig,
}

impl TextTower {
    pub(crate) fn read(
        layers: &mut impl Layers,
        config: &TextConfig,
        arithmetic: Arithmetic,
    ) -> Result<Self, Error> {
        let Shape { width, eps, .. } = config.shape;
        let names = TextNames::new(config.scheme, config.prefix);
        let checkpoint = layers.checkpoint();
        let tokens = checkpoint.table(&names.tokens, [config.vocabulary, width])?;
        let positions = checkpoint.take(&names.positions, &[config.context, width])?;
        let block = |number| BlockNames::new(config.scheme, &format!("{}.{number}", names.blocks));
        let blocks = Block::read_all(layers, block, &config.shape, arithmetic)?;
        let kernels = arithmetic.kernels;
        let norm = Norm::read(layers.checkpoint(), &names.norm, width, eps, kernels)?;
        let shape = [config.projected, width];
        let projection = match config.projection {
            Projection::None => None,
            Projection::Biased => {
                let name = &names.biased_projection;
                Some(Linear::read(layers, name, shape, true, arithmetic)?)
            }
            Projection::Plain => {
                let name = &names.plain_projection;
                Some(Linear::read_one(
                    layers,
                    shape,
                    arithmetic,
                    |checkpoint| match config.scheme {
                        Scheme::Transformers => Matrix::take(checkpoint, name, &shape, false),
                        _ => Matrix::take_transposed(checkpoint, name, shape),
                    },
                )?)
            }
        };
        Ok(Self {
            tokens,
            positions,
            blocks,
            norm,
            projection,
            config: config.clone(),
        })
    }

    /// Whether texts must be padded to the context length before they are embedded.
    pub(crate) fn needs_padding(&self) -> bool {
        self.config.pool == TextPool::Last
    }

    /// One vector per text, not yet of unit length, one after another. The error names an id that is not in the
    /// vocabulary.
    pub(crate) fn embed(&self, texts: &[Vec<i32>]) -> Result<Vec<f32>, String> {
        let width = self.config.shape.width;
        let mut x = Vec::new();
        let mut sequences: Vec<Range<usize>> = Vec::with_capacity(texts.len());
        let mut picks = Vec::with_capacity(texts.len());
        for ids in texts {
            let pick = self.config.pool.pick(ids);
            // In a causal tower, the tokens after the picked one have no effect on it.
            let used = match self.config.mask {
                Mask::Causal => pick + 1,
                Mask::Full => ids.len(),
            };
            let start = x.len() / width;
            for (id, position) in ids[..used].iter().zip(self.positions.chunks_exact(width)) {
                let token = self.token(*id)?;
                x.extend(token.iter().zip(position).map(|(t, p)| t + p));
            }
            sequences.push(start..start + used);
            picks.push(start + pick);
        }
        stage::passes(&x);
        let mut scratch = Scratch::default();
        let pooled = match self.blocks.split_last() {
            Some((last, blocks)) => {
                for block in blocks {
                    block.apply(&mut x, &sequences, self.config.mask, &mut scratch);
                    stage::passes(&x);
                }
                last.apply_to(&x, &sequences, &picks, &mut scratch)
            }
            None => Vec::new(),
        };
        stage::passes(&pooled);
        let pooled = self.norm.apply(&pooled);
        stage::passes(&pooled);
        let projected = match &self.projection {
            Some(projection) => projection.apply(&pooled),
            None => pooled,
        };
        stage::passes(&projected);
        Ok(projected)
    }

    fn token(&self, id: i32) -> Result<Vec<f32>, String> {
        let row = usize::try_from(id).ok().and_then(|id| self.tokens.row(id));
        row.ok_or_else(|| {
            format!("the tokenizer returned the id {id}, which is not in the model's vocabulary")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_the_token_that_stands_for_the_text() {
        let ids = [5, 9, 2, 9, 0];
        assert_eq!(TextPool::HighestId.pick(&ids), 1);
        assert_eq!(TextPool::FirstOf(2).pick(&ids), 2);
        assert_eq!(TextPool::FirstOf(7).pick(&ids), 0);
        assert_eq!(TextPool::Last.pick(&ids), 4);
    }
}
