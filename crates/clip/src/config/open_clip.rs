//! The meaning of `open_clip_config.json`: from open_clip's `model_cfg` and `preprocess_cfg` to towers.

use phototag_kernels::Activation;
use serde_json::Value;

use super::model_cfg::{
    ActivationOptions, File, NormOptions, Text, TokenizerOptions, Vision, refuse_unknown,
};
use super::timm::Trunk;
use super::{Architecture, grid};
use crate::checkpoint::Scheme;
use crate::picture::{OneOrMore, Preprocess};
use crate::towers::{Mask, Pool, Projection, Shape, TextConfig, TextPool, VisionConfig};
use crate::words::Clean;

/// How open_clip cleans texts: as stated, else in lower case for its own tokenizer, and with its case for those of the
/// transformers library.
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
        refuse_unknown("", &model.rest)?;
        // As in open_clip, the tower's size counts.
        self.preprocess_cfg.size = Some(model.vision_cfg.image_size.clone());
        let preprocess = self.preprocess_cfg.preprocess()?;
        let vision = match &model.vision_cfg.timm_model_name {
            None => model
                .vision_cfg
                .own(model.embed_dim, model.quick_gelu, &preprocess)?,
            Some(name) => model.vision_cfg.timm(name, model.embed_dim, &preprocess)?,
        };
        let prefix = if model.custom_text { "text." } else { "" };
        let other_tokenizer = model.text_cfg.hf_tokenizer_name.is_some();
        let text = model
            .text_cfg
            .tower(model.embed_dim, model.quick_gelu, prefix)?;
        refuse_unknown("vision_cfg.", &model.vision_cfg.rest)?;
        refuse_unknown("text_cfg.", &model.text_cfg.rest)?;
        if model
            .text_cfg
            .tokenizer_kwargs
            .as_ref()
            .is_some_and(|options| options.strip_sep_token)
        {
            return Err(
                "the setting text_cfg.tokenizer_kwargs.strip_sep_token is not supported".into(),
            );
        }
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
                if self.pool_type == "tok" {
                    "attentional"
                } else {
                    &self.pool_type
                }
            ));
        }
        // Either way the table is in the checkpoint.
        if !matches!(self.pos_embed_type.as_str(), "learnable" | "sin_cos_2d") {
            return Err(format!(
                "the setting vision_cfg.pos_embed_type = {:?} is not supported",
                self.pos_embed_type
            ));
        }
        let patch = self.patch_size.unwrap_or(0);
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
            patch,
            grid: grid(preprocess.size(), patch)?,
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
        if self.embed_cls {
            return Err("text towers with a class token (embed_cls) are not supported".into());
        }
        let projection = match self.proj_type.as_str() {
            "linear" if self.proj_bias => Projection::Biased,
            "linear" => Projection::Plain,
            "none" if self.width == dimensions => Projection::None,
            other => return Err(format!("text projection {other:?} is not supported")),
        };
        let mask = if self.no_causal_mask {
            Mask::Full
        } else {
            Mask::Causal
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
            mask,
            pool,
            projected: dimensions,
            projection,
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
