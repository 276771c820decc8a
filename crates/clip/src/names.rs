//! What the same tensors are called in the checkpoints of open_clip, timm and transformers.

use crate::Error;
use crate::transformer::{Arithmetic, Linear, Matrix, Norm};
use crate::weights::Checkpoint;

/// Whose names a tower's tensors have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// open_clip's own transformer (and OpenAI's).
    OpenClip,
    /// A timm vision transformer, which open_clip uses as the trunk of SigLIP's image tower.
    Timm,
    /// The transformers library.
    Transformers,
}

/// The tensors of one block; `.weight` and `.bias` are still to be added.
pub(crate) struct BlockNames {
    pub(crate) before_attention: String,
    pub(crate) attention: AttentionNames,
    pub(crate) out: String,
    pub(crate) before_mlp: String,
    pub(crate) first: String,
    pub(crate) second: String,
}

/// How the projections to queries, keys and values are stored.
pub(crate) enum AttentionNames {
    /// One matrix for the three: the full names of its weight and its bias.
    One { weight: String, bias: String },
    /// A matrix each.
    Three {
        query: String,
        key: String,
        value: String,
    },
}

impl BlockNames {
    pub(crate) fn new(scheme: Scheme, prefix: &str) -> Self {
        let name = |name: &str| format!("{prefix}.{name}");
        match scheme {
            Scheme::OpenClip => Self {
                before_attention: name("ln_1"),
                attention: AttentionNames::One {
                    weight: name("attn.in_proj_weight"),
                    bias: name("attn.in_proj_bias"),
                },
                out: name("attn.out_proj"),
                before_mlp: name("ln_2"),
                first: name("mlp.c_fc"),
                second: name("mlp.c_proj"),
            },
            Scheme::Timm => Self {
                before_attention: name("norm1"),
                attention: AttentionNames::One {
                    weight: name("attn.qkv.weight"),
                    bias: name("attn.qkv.bias"),
                },
                out: name("attn.proj"),
                before_mlp: name("norm2"),
                first: name("mlp.fc1"),
                second: name("mlp.fc2"),
            },
            Scheme::Transformers => Self {
                before_attention: name("layer_norm1"),
                attention: AttentionNames::Three {
                    query: name("self_attn.q_proj"),
                    key: name("self_attn.k_proj"),
                    value: name("self_attn.v_proj"),
                },
                out: name("self_attn.out_proj"),
                before_mlp: name("layer_norm2"),
                first: name("mlp.fc1"),
                second: name("mlp.fc2"),
            },
        }
    }
}

impl AttentionNames {
    /// The projections to queries, keys and values; all follow `norm`, if any.
    pub(crate) fn take(
        &self,
        checkpoint: &mut Checkpoint,
        width: usize,
        norm: Option<&mut Norm>,
        arithmetic: [Arithmetic; 3],
    ) -> Result<[Linear; 3], Error> {
        let matrix = |checkpoint: &mut Checkpoint| match self {
            Self::One { weight, bias } => Ok(Matrix {
                weights: checkpoint.take(weight, &[3 * width, width])?,
                bias: Some(checkpoint.take(bias, &[3 * width])?),
            }),
            Self::Three { query, key, value } => {
                let (mut weights, mut bias) = (Vec::new(), Vec::new());
                for name in [query, key, value] {
                    weights.extend(checkpoint.take(&format!("{name}.weight"), &[width, width])?);
                    bias.extend(checkpoint.take(&format!("{name}.bias"), &[width])?);
                }
                let bias = Some(bias);
                Ok(Matrix { weights, bias })
            }
        };
        let layers = arithmetic.map(|arithmetic| (width, arithmetic));
        Linear::read(checkpoint, norm, layers, width, matrix)
    }
}
