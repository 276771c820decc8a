//! The names of the same tensors in checkpoints of open_clip, timm and transformers.

/// A convention for the names of a tower's tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// open_clip's own transformer, and OpenAI's.
    OpenClip,
    /// A timm vision transformer, which open_clip uses as the trunk of SigLIP's image tower.
    Timm,
    /// The transformers library.
    Transformers,
}

/// The tensors of one block, without `.weight` and `.bias`.
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
    /// As one matrix: the full names of its weight and its bias.
    One { weight: String, bias: String },
    /// As three matrices.
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

/// The tensors of an image tower outside its blocks.
pub(crate) struct VisionNames {
    pub(crate) patches: &'static str,
    pub(crate) class_token: &'static str,
    pub(crate) positions: &'static str,
    pub(crate) norm_first: &'static str,
    pub(crate) blocks: &'static str,
    pub(crate) norm_last: &'static str,
}

impl VisionNames {
    pub(crate) fn new(scheme: Scheme) -> Self {
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

/// The tensors of SigLIP's pooling head.
pub(crate) struct PoolingNames {
    /// The learned query before its projection.
    pub(crate) latent: String,
    pub(crate) projections: PoolingProjections,
    pub(crate) out: String,
    pub(crate) before_mlp: String,
    pub(crate) first: String,
    pub(crate) second: String,
}

/// How the head's projections to queries, keys and values are stored.
pub(crate) enum PoolingProjections {
    /// As one matrix for the query and one for keys and values.
    QueryAndRest { query: String, key_value: String },
    /// As the attention of a block.
    Attention(AttentionNames),
}

impl PoolingNames {
    pub(crate) fn new(scheme: Scheme) -> Self {
        let timm = scheme == Scheme::Timm;
        let prefix = match timm {
            true => "visual.trunk.attn_pool",
            false => "vision_model.head",
        };
        let name = |in_timm: &str, elsewhere: &str| {
            format!("{prefix}.{}", if timm { in_timm } else { elsewhere })
        };
        Self {
            latent: name("latent", "probe"),
            projections: match timm {
                true => PoolingProjections::QueryAndRest {
                    query: format!("{prefix}.q"),
                    key_value: format!("{prefix}.kv"),
                },
                false => PoolingProjections::Attention(AttentionNames::One {
                    weight: format!("{prefix}.attention.in_proj_weight"),
                    bias: format!("{prefix}.attention.in_proj_bias"),
                }),
            },
            out: name("proj", "attention.out_proj"),
            before_mlp: name("norm", "layernorm"),
            first: name("mlp.fc1", "mlp.fc1"),
            second: name("mlp.fc2", "mlp.fc2"),
        }
    }
}

/// The tensors of a text tower outside its blocks.
pub(crate) struct TextNames {
    pub(crate) tokens: String,
    pub(crate) positions: String,
    pub(crate) blocks: String,
    pub(crate) norm: String,
    /// The projection, if it is a layer with a bias.
    pub(crate) biased_projection: String,
    /// The projection, if it is a matrix alone.
    pub(crate) plain_projection: String,
}

impl TextNames {
    /// `prefix` precedes each name: "" or "text." in open_clip.
    pub(crate) fn new(scheme: Scheme, prefix: &str) -> Self {
        let name = |name: &str| format!("{prefix}{name}");
        match scheme {
            Scheme::Transformers => Self {
                tokens: name("text_model.embeddings.token_embedding.weight"),
                positions: name("text_model.embeddings.position_embedding.weight"),
                blocks: name("text_model.encoder.layers"),
                norm: name("text_model.final_layer_norm"),
                biased_projection: "text_model.head".into(),
                plain_projection: "text_projection".into(),
            },
            Scheme::OpenClip | Scheme::Timm => Self {
                tokens: name("token_embedding.weight"),
                positions: name("positional_embedding"),
                blocks: name("transformer.resblocks"),
                norm: name("ln_final"),
                biased_projection: name("text_projection"),
                plain_projection: name("text_projection"),
            },
        }
    }
}
