//! Image towers: vision transformers that pool a class token (CLIP), or whose learned query attends to the patches
//! (SigLIP).

mod head;
mod patches;

use std::ops::Range;

use super::arithmetic::Arithmetic;
use super::block::Block;
use super::norm::Norm;
use super::scratch::Scratch;
use super::shape::{Mask, Shape};
use super::stage;
use crate::Error;
use crate::checkpoint::{BlockNames, Checkpoint, Layers, Scheme, VisionNames};
use crate::picture::{Prepared, Preprocess};
use head::Head;
use patches::Patches;

/// An image tower, as its configuration describes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VisionConfig {
    pub(crate) shape: Shape,
    pub(crate) scheme: Scheme,
    /// Side of a square patch, in pixels.
    pub(crate) patch: usize,
    /// Patches across and down.
    pub(crate) grid: [usize; 2],
    pub(crate) pool: Pool,
}

/// How an image's tokens become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    /// An extra first token stands for the image after the last block, and is projected to this many values.
    ClassToken { projected: usize, norm_first: bool },
    /// A learned query attends to all patches, followed by an MLP.
    Attention,
}

impl VisionConfig {
    /// Tokens per image.
    pub(crate) fn tokens(&self) -> usize {
        let with_class = matches!(self.pool, Pool::ClassToken { .. });
        self.grid[0] * self.grid[1] + usize::from(with_class)
    }
}

/// An image tower in memory.
pub(crate) struct VisionTower {
    patches: Patches,
    norm_first: Option<Norm>,
    blocks: Vec<Block>,
    head: Head,
}

impl VisionTower {
    pub(crate) fn read(
        layers: &mut impl Layers,
        config: &VisionConfig,
        preprocess: &Preprocess,
        arithmetic: Arithmetic,
    ) -> Result<Self, Error> {
        let names = VisionNames::new(config.scheme);
        let patches = Patches::read(layers, config, preprocess, arithmetic.float())?;
        let Shape { width, eps, .. } = config.shape;
        let norm = |checkpoint: &mut Checkpoint, name| {
            Norm::read(checkpoint, name, width, eps, arithmetic.kernels)
        };
        let norm_first = match config.pool {
            Pool::ClassToken {
                norm_first: true, ..
            } => Some(norm(layers.checkpoint(), names.norm_first)?),
            _ => None,
        };
        let block = |number| BlockNames::new(config.scheme, &format!("{}.{number}", names.blocks));
        let blocks = Block::read_all(layers, block, &config.shape, arithmetic)?;
        let norm = norm(layers.checkpoint(), names.norm_last)?;
        let head = Head::read(layers, config, norm, arithmetic.float())?;
        Ok(Self {
            patches,
            norm_first,
            blocks,
            head,
        })
    }

    /// Tokens per image.
    pub(crate) fn tokens(&self) -> usize {
        self.patches.tokens()
    }

    /// Patches across and down.
    pub(crate) fn grid(&self) -> [usize; 2] {
        self.patches.grid()
    }

    /// One vector per image, not yet of unit length, one after another.
    pub(crate) fn embed(&self, images: &[Prepared]) -> Vec<f32> {
        let mut x = self.embed_patches(images);
        stage::passes(&x);
        let mut scratch = Scratch::default();
        let tokens = self.tokens();
        let sequences: Vec<Range<usize>> = (0..images.len())
            .map(|i| i * tokens..(i + 1) * tokens)
            .collect();
        let (last, blocks) = self.last_for_class();
        for block in blocks {
            block.apply(&mut x, &sequences, Mask::Full, &mut scratch);
            stage::passes(&x);
        }
        match &self.head {
            Head::Projection { norm, projection } => {
                let class_tokens: Vec<usize> = sequences.iter().map(|s| s.start).collect();
                let pooled = match last {
                    Some(last) => last.apply_to(&x, &sequences, &class_tokens, &mut scratch),
                    None => Vec::new(),
                };
                stage::passes(&pooled);
                let pooled = norm.apply(&pooled);
                stage::passes(&pooled);
                let projected = projection.apply(&pooled);
                stage::passes(&projected);
                projected
            }
            Head::Attention(head) => {
                let pooled = head.apply(&x, &sequences, &mut scratch);
                stage::passes(&pooled);
                pooled
            }
        }
    }

    /// One vector per patch, not yet of unit length: see [`crate::Model::embed_positions`].
    pub(crate) fn embed_positions(&self, image: &Prepared) -> Vec<f32> {
        let mut x = self.embed_patches(std::slice::from_ref(image));
        let mut scratch = Scratch::default();
        let tokens = 0..self.tokens();
        let whole = std::slice::from_ref(&tokens);
        let (last, blocks) = self.last_for_class();
        for block in blocks {
            block.apply(&mut x, whole, Mask::Full, &mut scratch);
        }
        if let Some(last) = last {
            x = last.attend_by_value(&x, &mut scratch);
        }
        let patches = self.patches.without_class(&x);
        match &self.head {
            Head::Projection { norm, projection } => projection.apply(&norm.apply(patches)),
            Head::Attention(head) => {
                let count = self.grid().iter().product();
                let ones: Vec<Range<usize>> = (0..count).map(|at| at..at + 1).collect();
                head.apply(patches, &ones, &mut scratch)
            }
        }
    }

    /// The last block, if only the class token needs it, and the blocks before it.
    fn last_for_class(&self) -> (Option<&Block>, &[Block]) {
        match (&self.head, self.blocks.split_last()) {
            (Head::Projection { .. }, Some((last, blocks))) => (Some(last), blocks),
            _ => (None, &self.blocks),
        }
    }

    /// The input of the first block.
    fn embed_patches(&self, images: &[Prepared]) -> Vec<f32> {
        let x = self.patches.embed(images);
        match &self.norm_first {
            Some(norm) => norm.apply(&x),
            None => x,
        }
    }
}
