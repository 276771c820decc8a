//! Text towers: CLIP's, where a token sees those before it and the closing token is the text, and
//! SigLIP's, where all see all and the last of a full context is the text.

use std::ops::Range;

use crate::Error;
use crate::names::Scheme;
use crate::stage;
use crate::transformer::{Arithmetic, Block, Linear, Memory, Norm, Shape, Sight};
use crate::weights::{Checkpoint, Table};

/// What a text tower looks like, as its configuration states it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TextConfig {
    pub(crate) shape: Shape,
    pub(crate) scheme: Scheme,
    /// What stands before each tensor's name: open_clip has "" or "text.".
    pub(crate) prefix: &'static str,
    pub(crate) vocabulary: usize,
    pub(crate) context: usize,
    pub(crate) sight: Sight,
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
    /// The first with this id; the very first token if there is none.
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

pub(crate) struct TextTower {
    tokens: Table,
    positions: Vec<f32>,
    blocks: Vec<Block>,
    norm: Norm,
    projection: Option<Linear>,
    config: TextConfig,
}

impl TextTower {
    pub(crate) fn read(
        checkpoint: &mut Checkpoint,
        config: &TextConfig,
        arithmetic: Arithmetic,
    ) -> Result<Self, Error> {
        let Shape {
            width, layers, eps, ..
        } = config.shape;
        let name = |name: &str| format!("{}{name}", config.prefix);
        let transformers = config.scheme == Scheme::Transformers;
        let (tokens, positions, blocks, norm) = if transformers {
            (
                "text_model.embeddings.token_embedding.weight",
                "text_model.embeddings.position_embedding.weight",
                "text_model.encoder.layers",
                "text_model.final_layer_norm",
            )
        } else {
            (
                "token_embedding.weight",
                "positional_embedding",
                "transformer.resblocks",
                "ln_final",
            )
        };
        let tokens = checkpoint.table(&name(tokens), [config.vocabulary, width])?;
        let positions = checkpoint.take(&name(positions), &[config.context, width])?;
        let blocks = (0..layers)
            .map(|i| {
                let prefix = name(&format!("{blocks}.{i}"));
                Block::take(
                    checkpoint,
                    config.scheme,
                    &prefix,
                    &config.shape,
                    arithmetic,
                )
            })
            .collect::<Result<_, _>>()?;
        let norm = Norm::take(checkpoint, &name(norm), width, eps, arithmetic.kernels)?;
        let shape = [config.projected, width];
        let own = name("text_projection");
        let mut take = |name: &str, bias| Linear::take(checkpoint, name, shape, bias, arithmetic);
        let projection = match (config.projection, transformers) {
            (Projection::None, _) => None,
            (Projection::Biased, true) => Some(take("text_model.head", true)?),
            (Projection::Biased, false) => Some(take(&own, true)?),
            (Projection::Plain, true) => Some(take("text_projection", false)?),
            (Projection::Plain, false) => Some(Linear::take_transposed(
                checkpoint, &own, shape, arithmetic,
            )?),
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

    /// Whether texts have to be filled up to the context before they come here.
    pub(crate) fn wants_padding(&self) -> bool {
        self.config.pool == TextPool::Last
    }

    /// One vector a text, not yet of unit length, one after another. The error names an id that
    /// the vocabulary does not have.
    pub(crate) fn embed(&self, texts: &[Vec<i32>]) -> Result<Vec<f32>, String> {
        let width = self.config.shape.width;
        let mut x = Vec::new();
        let mut sequences: Vec<Range<usize>> = Vec::with_capacity(texts.len());
        let mut picks = Vec::with_capacity(texts.len());
        for ids in texts {
            let pick = self.config.pool.pick(ids);
            // What a causal tower has behind the picked token cannot be seen from there.
            let used = if self.config.sight == Sight::Causal {
                pick + 1
            } else {
                ids.len()
            };
            let start = x.len() / width;
            for (id, position) in ids[..used].iter().zip(self.positions.chunks_exact(width)) {
                let token = usize::try_from(*id)
                    .ok()
                    .and_then(|id| self.tokens.row(id))
                    .ok_or_else(|| {
                        format!(
                            "the tokenizer gave the id {id}, which is not in the model's vocabulary"
                        )
                    })?;
                x.extend(token.iter().zip(position).map(|(t, p)| t + p));
            }
            sequences.push(start..start + used);
            picks.push(start + pick);
        }
        stage::passes(&x);
        let mut memory = Memory::default();
        let pooled = match self.blocks.split_last() {
            Some((last, blocks)) => {
                for block in blocks {
                    block.apply(&mut x, &sequences, self.config.sight, &mut memory);
                    stage::passes(&x);
                }
                last.apply_to(&x, &sequences, &picks, &mut memory)
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
