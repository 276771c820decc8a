//! `open_clip_config.json`: open_clip's `model_cfg` and `preprocess_cfg`, with the defaults of its
//! `CLIPVisionCfg` and `CLIPTextCfg`.

use serde::Deserialize;
use serde_json::Value;

use super::{Architecture, grid};
use crate::Preprocess;
use crate::clean::Clean;
use crate::kernels::Activation;
use crate::names::Scheme;
use crate::preprocess::{OneOrMore, PreprocessConfig};
use crate::text::{TextConfig, TextPool};
use crate::transformer::{Shape, Sight};
use crate::vision::{Pool, VisionConfig};

#[derive(Deserialize)]
pub(super) struct File {
    model_cfg: ModelConfig,
    #[serde(default)]
    preprocess_cfg: PreprocessConfig,
}

#[derive(Deserialize)]
struct ModelConfig {
    embed_dim: usize,
    #[serde(default)]
    quick_gelu: bool,
    #[serde(default)]
    custom_text: bool,
    vision_cfg: Vision,
    text_cfg: Text,
}

#[derive(Deserialize)]
#[serde(default)]
struct Vision {
    layers: OneOrMore<usize>,
    width: usize,
    head_width: usize,
    mlp_ratio: f64,
    patch_size: usize,
    image_size: OneOrMore<u32>,
    no_ln_pre: bool,
    pool_type: String,
    attentional_pool: Value,
    act_kwargs: Option<ActivationOptions>,
    norm_kwargs: Option<NormOptions>,
    timm_model_name: Option<String>,
    timm_pool: String,
    timm_proj: Option<String>,
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            layers: OneOrMore::One(12),
            width: 768,
            head_width: 64,
            mlp_ratio: 4.0,
            patch_size: 16,
            image_size: OneOrMore::One(224),
            no_ln_pre: false,
            pool_type: "tok".into(),
            attentional_pool: Value::Bool(false),
            act_kwargs: None,
            norm_kwargs: None,
            timm_model_name: None,
            timm_pool: "avg".into(),
            timm_proj: Some("linear".into()),
        }
    }
}

#[derive(Deserialize)]
#[serde(default)]
struct Text {
    context_length: usize,
    vocab_size: usize,
    hf_tokenizer_name: Option<String>,
    hf_model_name: Option<String>,
    tokenizer_kwargs: Option<TokenizerOptions>,
    width: usize,
    heads: usize,
    layers: usize,
    mlp_ratio: f64,
    embed_cls: bool,
    eos_id: i32,
    no_causal_mask: bool,
    pool_type: String,
    proj_bias: bool,
    proj_type: String,
    act_kwargs: Option<ActivationOptions>,
    norm_kwargs: Option<NormOptions>,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            context_length: 77,
            vocab_size: 49408,
            hf_tokenizer_name: None,
            hf_model_name: None,
            tokenizer_kwargs: None,
            width: 512,
            heads: 8,
            layers: 12,
            mlp_ratio: 4.0,
            embed_cls: false,
            eos_id: 2,
            no_causal_mask: false,
            pool_type: "argmax".into(),
            proj_bias: false,
            proj_type: "linear".into(),
            act_kwargs: None,
            norm_kwargs: None,
        }
    }
}

#[derive(Deserialize)]
struct ActivationOptions {
    approximate: Option<String>,
}

#[derive(Deserialize)]
struct NormOptions {
    eps: Option<f32>,
}

#[derive(Deserialize)]
pub(crate) struct TokenizerOptions {
    pub(crate) clean: Option<Clean>,
}

/// How open_clip cleans texts: as stated; else lower-cased for its own tokenizer, and not for
/// those of the transformers library.
fn text_clean(options: Option<TokenizerOptions>, other_tokenizer: bool) -> Clean {
    let default = if other_tokenizer {
        Clean::Whitespace
    } else {
        Clean::Lower
    };
    options.and_then(|options| options.clean).unwrap_or(default)
}

impl File {
    pub(super) fn architecture(mut self) -> Result<Architecture, String> {
        let model = self.model_cfg;
        // As open_clip does: the tower's size is the one that counts.
        self.preprocess_cfg.size = Some(model.vision_cfg.image_size.clone());
        let preprocess = Preprocess::try_from(self.preprocess_cfg)?;
        let vision = match &model.vision_cfg.timm_model_name {
            None => model
                .vision_cfg
                .own(model.embed_dim, model.quick_gelu, &preprocess)?,
            Some(name) => model.vision_cfg.timm(name, model.embed_dim, &preprocess)?,
        };
        let own_text = !(model.custom_text || model.vision_cfg.timm_model_name.is_some());
        let prefix = if own_text { "" } else { "text." };
        let other_tokenizer = model.text_cfg.hf_tokenizer_name.is_some();
        let text = model
            .text_cfg
            .tower(model.embed_dim, model.quick_gelu, prefix)?;
        let clean = text_clean(model.text_cfg.tokenizer_kwargs, other_tokenizer);
        Ok(Architecture {
            vision,
            text,
            preprocess,
            clean,
            dimensions: model.embed_dim,
        })
    }
}

impl Vision {
    /// open_clip's own vision transformer.
    fn own(
        &self,
        dimensions: usize,
        quick_gelu: bool,
        preprocess: &Preprocess,
    ) -> Result<VisionConfig, String> {
        let OneOrMore::One(layers) = self.layers else {
            return Err("ResNet image towers are not supported".into());
        };
        if self.pool_type != "tok"
            || !matches!(self.attentional_pool, Value::Bool(false) | Value::Null)
        {
            return Err(format!(
                "image pooling {:?} is not supported",
                self.pool_type
            ));
        }
        let shape = Shape {
            width: self.width,
            layers,
            heads: self.width.checked_div(self.head_width).unwrap_or(0),
            mlp: (self.width as f64 * self.mlp_ratio) as usize,
            activation: activation(quick_gelu, self.act_kwargs.as_ref())?,
            eps: eps(self.norm_kwargs.as_ref()),
        };
        Ok(VisionConfig {
            shape,
            scheme: Scheme::OpenClip,
            patch: self.patch_size,
            grid: grid(preprocess.size(), self.patch_size)?,
            pool: Pool::ClassToken {
                projected: dimensions,
                norm_first: !self.no_ln_pre,
            },
        })
    }

    /// SigLIP's image tower as timm defines it, by its name there.
    fn timm(
        &self,
        name: &str,
        dimensions: usize,
        preprocess: &Preprocess,
    ) -> Result<VisionConfig, String> {
        let unsupported = || {
            format!(
                "the image tower {name:?} is not supported; of timm's, only SigLIP's vision \
                 transformers are (the model may exist as an ONNX export)"
            )
        };
        let trunk = Trunk::of(name).ok_or_else(unsupported)?;
        let projected = !matches!(self.timm_proj.as_deref(), None | Some("" | "none"));
        if self.timm_pool != "map" || projected || trunk.width != dimensions {
            return Err(unsupported());
        }
        let shape = Shape {
            width: trunk.width,
            layers: trunk.layers,
            heads: trunk.heads,
            mlp: (trunk.width as f64 * trunk.mlp_ratio) as usize,
            activation: if trunk.tanh {
                Activation::GeluTanh
            } else {
                Activation::Gelu
            },
            eps: 1e-6,
        };
        Ok(VisionConfig {
            shape,
            scheme: Scheme::Timm,
            patch: trunk.patch,
            grid: grid(preprocess.size(), trunk.patch)?,
            pool: Pool::Attention,
        })
    }
}

/// What a name in timm stands for (its vision_transformer.py).
struct Trunk {
    width: usize,
    layers: usize,
    heads: usize,
    mlp_ratio: f64,
    patch: usize,
    /// Whether GELU is approximated.
    tanh: bool,
}

impl Trunk {
    fn of(name: &str) -> Option<Self> {
        let (size, rest) = name.strip_prefix("vit_")?.split_once("_patch")?;
        let (patch, pixels) = rest.split_once("_siglip_")?;
        let (patch, pixels) = (patch.parse().ok()?, pixels.parse::<u32>().ok()?);
        let (width, layers, heads, mlp_ratio) = match size {
            "base" => (768, 12, 12, 4.0),
            "large" => (1024, 24, 16, 4.0),
            "so400m" => (1152, 27, 16, 3.7362),
            "giantopt" => (1536, 40, 16, 4.0),
            #[cfg(test)]
            "tiny" => (32, 2, 2, 4.0),
            _ => return None,
        };
        let tanh = matches!(
            (size, patch, pixels),
            ("base", 32, _) | ("large", 16, 512) | ("so400m", 16, _) | ("giantopt", ..)
        );
        Some(Self {
            width,
            layers,
            heads,
            mlp_ratio,
            patch,
            tanh,
        })
    }
}

impl Text {
    fn tower(
        &self,
        dimensions: usize,
        quick_gelu: bool,
        prefix: &'static str,
    ) -> Result<TextConfig, String> {
        if let Some(name) = &self.hf_model_name {
            return Err(format!("the text tower {name:?} is not supported"));
        }
        if self.embed_cls || self.proj_type != "linear" {
            return Err(
                "text towers with a class token or no linear projection are not supported".into(),
            );
        }
        let sight = if self.no_causal_mask {
            Sight::Whole
        } else {
            Sight::Causal
        };
        let pool = match self.pool_type.as_str() {
            "argmax" => TextPool::HighestId,
            "eos" => TextPool::FirstOf(self.eos_id),
            "last" => TextPool::Last,
            other => return Err(format!("text pooling {other:?} is not supported")),
        };
        Ok(TextConfig {
            shape: Shape {
                width: self.width,
                layers: self.layers,
                heads: self.heads,
                mlp: (self.width as f64 * self.mlp_ratio) as usize,
                activation: activation(quick_gelu, self.act_kwargs.as_ref())?,
                eps: eps(self.norm_kwargs.as_ref()),
            },
            scheme: Scheme::OpenClip,
            prefix,
            vocabulary: self.vocab_size,
            context: self.context_length,
            sight,
            pool,
            projected: dimensions,
            projection_bias: self.proj_bias,
        })
    }
}

fn activation(quick: bool, options: Option<&ActivationOptions>) -> Result<Activation, String> {
    match options.and_then(|options| options.approximate.as_deref()) {
        _ if quick => Ok(Activation::QuickGelu),
        None | Some("none") => Ok(Activation::Gelu),
        Some("tanh") => Ok(Activation::GeluTanh),
        Some(other) => Err(format!("GELU approximated by {other:?} is not supported")),
    }
}

fn eps(options: Option<&NormOptions>) -> f32 {
    options.and_then(|options| options.eps).unwrap_or(1e-5)
}
