//! Image towers: vision transformers that pool a class token (CLIP) or attend to the patches with a
//! learned query (SigLIP).

use std::ops::Range;

use crate::Error;
use crate::names::{AttentionNames, Scheme};
use crate::stage;
use crate::transformer::{
    Arithmetic, Block, Linear, Matrix, Memory, Mlp, Norm, Shape, Sight, attend_all,
};
use crate::weights::Checkpoint;
use crate::{Prepared, Preprocess};

/// What an image tower looks like, as its configuration states it.
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

/// How a picture's tokens become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    /// The first token is no patch; after the last layer it is the picture, and is projected to
    /// this many values.
    ClassToken { projected: usize, norm_first: bool },
    /// A learned query attends to all patches, followed by an MLP.
    Attention,
}

impl VisionConfig {
    /// Tokens that one picture becomes.
    pub(crate) fn tokens(&self) -> usize {
        let with_class = matches!(self.pool, Pool::ClassToken { .. });
        self.grid[0] * self.grid[1] + usize::from(with_class)
    }
}

pub(crate) struct VisionTower {
    patches: Linear,
    patch: usize,
    grid: [usize; 2],
    class_token: Option<Vec<f32>>,
    positions: Vec<f32>,
    norm_first: Option<Norm>,
    blocks: Vec<Block>,
    head: Head,
    width: usize,
    scaling: [(f32, f32); 3],
}

enum Head {
    Projection { norm: Norm, projection: Linear },
    Attention(Box<AttentionHead>),
}

/// SigLIP's pooling: attention of one learned query, then an MLP with a residual connection.
struct AttentionHead {
    arithmetic: Arithmetic,
    norm: Norm,
    heads: usize,
    /// The learned query after its projection; it is the same for all pictures.
    query: Vec<f32>,
    key: Linear,
    value: Linear,
    out: Linear,
    before_mlp: Norm,
    mlp: Mlp,
}

impl VisionTower {
    pub(crate) fn read(
        checkpoint: &mut Checkpoint,
        config: &VisionConfig,
        preprocess: &Preprocess,
        arithmetic: Arithmetic,
    ) -> Result<Self, Error> {
        let careful = arithmetic.careful();
        let Shape {
            width, layers, eps, ..
        } = config.shape;
        let patch = config.patch;
        let names = Names::of(config.scheme);
        let patch_bias = config.pool == Pool::Attention;
        let inputs = 3 * patch * patch;
        let layer = [(width, careful)];
        let [patches] = Linear::read(checkpoint, None, layer, inputs, |checkpoint| {
            let shape = [width, 3, patch, patch];
            Matrix::take(checkpoint, names.patches, &shape, patch_bias)
        })?;

        let with_class = matches!(config.pool, Pool::ClassToken { .. });
        let class_token = if with_class {
            Some(checkpoint.take(names.class_token, &[width])?)
        } else {
            None
        };
        let tokens = config.tokens();
        let positions = match config.scheme {
            Scheme::Timm => checkpoint.take(names.positions, &[1, tokens, width])?,
            _ => checkpoint.take(names.positions, &[tokens, width])?,
        };
        let norm = |checkpoint: &mut Checkpoint, name| {
            Norm::take(checkpoint, name, width, eps, arithmetic.kernels)
        };
        let norm_first = match config.pool {
            Pool::ClassToken {
                norm_first: true, ..
            } => Some(norm(checkpoint, names.norm_first)?),
            _ => None,
        };
        let blocks = (0..layers)
            .map(|i| {
                let prefix = format!("{}.{i}", names.blocks);
                Block::take(
                    checkpoint,
                    config.scheme,
                    &prefix,
                    &config.shape,
                    arithmetic,
                )
            })
            .collect::<Result<_, _>>()?;
        let norm = norm(checkpoint, names.norm_last)?;
        let head = match config.pool {
            Pool::ClassToken { projected, .. } => {
                let projection = match config.scheme {
                    Scheme::OpenClip => Linear::take_transposed(
                        checkpoint,
                        "visual.proj",
                        [projected, width],
                        careful,
                    )?,
                    _ => Linear::take(
                        checkpoint,
                        "visual_projection",
                        [projected, width],
                        false,
                        careful,
                    )?,
                };
                Head::Projection { norm, projection }
            }
            Pool::Attention => {
                let head = AttentionHead::read(checkpoint, config, norm, careful)?;
                Head::Attention(Box::new(head))
            }
        };
        let scaling = preprocess.scaling();
        let grid = config.grid;
        Ok(Self {
            patches,
            patch,
            grid,
            class_token,
            positions,
            norm_first,
            blocks,
            head,
            width,
            scaling,
        })
    }

    /// Tokens that one picture becomes.
    pub(crate) fn tokens(&self) -> usize {
        self.positions.len() / self.width
    }

    /// One vector a picture, not yet of unit length, one after another.
    pub(crate) fn embed(&self, images: &[Prepared]) -> Vec<f32> {
        let mut x = self.embed_patches(images);
        if let Some(norm) = &self.norm_first {
            x = norm.apply(&x);
        }
        stage::passes(&x);
        let mut memory = Memory::default();
        let tokens = self.tokens();
        let sequences: Vec<Range<usize>> = (0..images.len())
            .map(|i| i * tokens..(i + 1) * tokens)
            .collect();
        match &self.head {
            Head::Projection { norm, projection } => {
                let class_tokens: Vec<usize> = sequences.iter().map(|s| s.start).collect();
                let pooled = match self.blocks.split_last() {
                    Some((last, blocks)) => {
                        for block in blocks {
                            block.apply(&mut x, &sequences, Sight::Whole, &mut memory);
                            stage::passes(&x);
                        }
                        last.apply_to(&x, &sequences, &class_tokens, &mut memory)
                    }
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
                for block in &self.blocks {
                    block.apply(&mut x, &sequences, Sight::Whole, &mut memory);
                    stage::passes(&x);
                }
                let pooled = head.apply(&x, &sequences, &mut memory);
                stage::passes(&pooled);
                pooled
            }
        }
    }

    /// Patches across and down.
    pub(crate) fn grid(&self) -> [usize; 2] {
        self.grid
    }

    /// One vector a patch, not yet of unit length: see [`crate::Model::embed_positions`].
    pub(crate) fn embed_positions(&self, image: &Prepared) -> Vec<f32> {
        let mut x = self.embed_patches(std::slice::from_ref(image));
        if let Some(norm) = &self.norm_first {
            x = norm.apply(&x);
        }
        let mut memory = Memory::default();
        let tokens = 0..self.tokens();
        let whole = std::slice::from_ref(&tokens);
        let (last, blocks) = match (&self.head, self.blocks.split_last()) {
            (Head::Projection { .. }, Some((last, blocks))) => (Some(last), blocks),
            _ => (None, &self.blocks[..]),
        };
        for block in blocks {
            block.apply(&mut x, whole, Sight::Whole, &mut memory);
        }
        if let Some(last) = last {
            x = last.attend_by_value(&x, &mut memory);
        }
        let without_class = usize::from(self.class_token.is_some()) * self.width;
        let patches = &x[without_class..];
        match &self.head {
            Head::Projection { norm, projection } => projection.apply(&norm.apply(patches)),
            Head::Attention(head) => {
                let ones: Vec<Range<usize>> = (0..patches.len() / self.width)
                    .map(|at| at..at + 1)
                    .collect();
                head.apply(patches, &ones, &mut memory)
            }
        }
    }

    /// `[images * tokens][width]`: each patch projected, the class token before them, positions
    /// added.
    fn embed_patches(&self, images: &[Prepared]) -> Vec<f32> {
        let [across, down] = self.grid;
        let mut values = Vec::with_capacity(images.len() * across * down * 3 * self.patch.pow(2));
        for image in images {
            for y in 0..down {
                for x in 0..across {
                    self.push_patch(image, x * self.patch, y * self.patch, &mut values);
                }
            }
        }
        let projected = self.patches.apply(&values);
        let mut rows = Vec::with_capacity(images.len() * self.positions.len());
        for patches in projected.chunks_exact(across * down * self.width) {
            let start = rows.len();
            rows.extend(self.class_token.iter().flatten());
            rows.extend(patches);
            for (value, position) in rows[start..].iter_mut().zip(&self.positions) {
                *value += position;
            }
        }
        rows
    }

    /// The patch at (left, top) as the convolution's weights expect it, `[3][patch][patch]`.
    fn push_patch(&self, image: &Prepared, left: usize, top: usize, values: &mut Vec<f32>) {
        let pixels = image.pixels();
        let row_bytes = pixels.width() as usize * 3;
        for (channel, (scale, shift)) in self.scaling.into_iter().enumerate() {
            for row in pixels
                .rgb()
                .chunks_exact(row_bytes)
                .skip(top)
                .take(self.patch)
            {
                let row = &row[left * 3..][..self.patch * 3];
                let samples = row.as_chunks::<3>().0.iter().map(|pixel| pixel[channel]);
                values.extend(samples.map(|sample| f32::from(sample) * scale + shift));
            }
        }
    }
}

impl AttentionHead {
    fn read(
        checkpoint: &mut Checkpoint,
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
        let (prefix, before_mlp) = match config.scheme {
            Scheme::Timm => ("visual.trunk.attn_pool", "norm"),
            _ => ("vision_model.head", "layernorm"),
        };
        let name = |name: &str| format!("{prefix}.{name}");
        let square = [width, width];
        let (latent, [query, key, value], out) = match config.scheme {
            Scheme::Timm => {
                let latent = checkpoint.take(&name("latent"), &[1, 1, width])?;
                let query = Linear::take(checkpoint, &name("q"), square, true, arithmetic)?;
                let both = [(width, arithmetic); 2];
                let [key, value] = Linear::read(checkpoint, None, both, width, |checkpoint| {
                    Matrix::take(checkpoint, &name("kv"), &[2 * width, width], true)
                })?;
                (
                    latent,
                    [query, key, value],
                    Linear::take(checkpoint, &name("proj"), square, true, arithmetic)?,
                )
            }
            _ => {
                let latent = checkpoint.take(&name("probe"), &[1, 1, width])?;
                let parts = AttentionNames::One {
                    weight: name("attention.in_proj_weight"),
                    bias: name("attention.in_proj_bias"),
                };
                (
                    latent,
                    parts.take(checkpoint, width, None, [arithmetic; 3])?,
                    Linear::take(
                        checkpoint,
                        &name("attention.out_proj"),
                        square,
                        true,
                        arithmetic,
                    )?,
                )
            }
        };
        Ok(Self {
            arithmetic,
            norm,
            heads,
            query: query.apply(&latent),
            key,
            value,
            out,
            before_mlp: Norm::take(
                checkpoint,
                &name(before_mlp),
                width,
                eps,
                arithmetic.kernels,
            )?,
            mlp: Mlp {
                first: Linear::take(checkpoint, &name("mlp.fc1"), [mlp, width], true, arithmetic)?,
                second: Linear::take(checkpoint, &name("mlp.fc2"), [width, mlp], true, arithmetic)?,
                activation,
            },
        })
    }

    fn apply(&self, x: &[f32], sequences: &[Range<usize>], memory: &mut Memory) -> Vec<f32> {
        let count = sequences.len();
        let normed = self.norm.apply(x);
        let ones: Vec<Range<usize>> = (0..count).map(|i| i..i + 1).collect();
        let mut attended = vec![0.0; count * self.query.len()];
        attend_all(
            self.arithmetic,
            (&self.query.repeat(count), &ones),
            (
                &self.key.apply(&normed),
                &self.value.apply(&normed),
                sequences,
            ),
            self.heads,
            Sight::Whole,
            &mut attended,
        );
        let mut pooled = self.out.apply(&attended);
        self.mlp.add_to(&mut pooled, &self.before_mlp, memory);
        pooled
    }
}

/// The tensors outside the blocks.
struct Names {
    patches: &'static str,
    class_token: &'static str,
    positions: &'static str,
    norm_first: &'static str,
    blocks: &'static str,
    norm_last: &'static str,
}

impl Names {
    fn of(scheme: Scheme) -> Self {
        match scheme {
            Scheme::OpenClip => Self {
                patches: "visual.conv1",
                class_token: "visual.class_embedding",
                positions: "visual.positional_embedding",
                norm_first: "visual.ln_pre",
                blocks: "visual.transformer.resblocks",
                norm_last: "visual.ln_post",
            },
            Scheme::Timm => Self {
                patches: "visual.trunk.patch_embed.proj",
                class_token: "visual.trunk.cls_token",
                positions: "visual.trunk.pos_embed",
                norm_first: "visual.trunk.norm_pre",
                blocks: "visual.trunk.blocks",
                norm_last: "visual.trunk.norm",
            },
            Scheme::Transformers => Self {
                patches: "vision_model.embeddings.patch_embedding",
                class_token: "vision_model.embeddings.class_embedding",
                positions: "vision_model.embeddings.position_embedding.weight",
                // The misspelling is the library's.
                norm_first: "vision_model.pre_layrnorm",
                blocks: "vision_model.encoder.layers",
                norm_last: "vision_model.post_layernorm",
            },
        }
    }
}
