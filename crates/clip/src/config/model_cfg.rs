//! `open_clip_config.json` as it is written: open_clip's `CLIPVisionCfg` and `CLIPTextCfg` with their defaults. `open_clip`
//! has what the settings mean.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::picture::{OneOrMore, PreprocessConfig};
use crate::words::Clean;

#[derive(Deserialize)]
pub(super) struct File {
    pub(super) model_cfg: ModelConfig,
    #[serde(default)]
    pub(super) preprocess_cfg: PreprocessConfig,
}

#[derive(Deserialize)]
pub(super) struct ModelConfig {
    pub(super) embed_dim: usize,
    #[serde(default)]
    pub(super) quick_gelu: bool,
    #[serde(default)]
    pub(super) custom_text: bool,
    pub(super) vision_cfg: Vision,
    pub(super) text_cfg: Text,
    #[serde(flatten)]
    pub(super) rest: Settings,
}

/// The settings of a section that are not read by name.
pub(super) type Settings = Map<String, Value>;

/// Settings of the three sections that matter only in training, or to towers that another setting excludes.
const WITHOUT_EFFECT: [&str; 15] = [
    "init_logit_bias",
    "init_logit_scale",
    "nonscalar_logit_scale",
    "patch_dropout",
    "attn_pooler_queries",
    "attn_pooler_heads",
    "timm_model_pretrained",
    "timm_drop",
    "timm_drop_path",
    "tokenizer_mode",
    "pad_id",
    "hf_model_pretrained",
    "hf_proj_type",
    "hf_pooler_type",
    "output_tokens",
];

/// Refuses unknown settings, which may change what is computed, unless they are switched off.
pub(super) fn refuse_unknown(section: &str, rest: &Settings) -> Result<(), String> {
    let is_on = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
    let unknown = rest
        .iter()
        .find(|(name, value)| is_on(value) && !WITHOUT_EFFECT.contains(&name.as_str()));
    match unknown {
        Some((name, _)) => Err(format!("the setting {section}{name} is not supported")),
        None => Ok(()),
    }
}

#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Vision {
    pub(super) layers: OneOrMore<usize>,
    pub(super) width: usize,
    pub(super) head_width: usize,
    pub(super) mlp_ratio: f64,
    /// Absent for ResNets.
    pub(super) patch_size: Option<usize>,
    pub(super) image_size: OneOrMore<u32>,
    pub(super) no_ln_pre: bool,
    pub(super) pool_type: String,
    pub(super) attentional_pool: Value,
    pub(super) act_kwargs: Option<ActivationOptions>,
    pub(super) norm_kwargs: Option<NormOptions>,
    pub(super) timm_model_name: Option<String>,
    pub(super) timm_pool: String,
    pub(super) timm_proj: Option<String>,
    pub(super) pos_embed_type: String,
    #[serde(flatten)]
    pub(super) rest: Settings,
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            layers: OneOrMore::One(12),
            width: 768,
            head_width: 64,
            mlp_ratio: 4.0,
            patch_size: Some(16),
            image_size: OneOrMore::One(224),
            no_ln_pre: false,
            pool_type: "tok".into(),
            attentional_pool: Value::Bool(false),
            act_kwargs: None,
            norm_kwargs: None,
            timm_model_name: None,
            timm_pool: "avg".into(),
            timm_proj: Some("linear".into()),
            pos_embed_type: "learnable".into(),
            rest: Settings::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Text {
    pub(super) context_length: usize,
    pub(super) vocab_size: usize,
    pub(super) hf_tokenizer_name: Option<String>,
    pub(super) hf_model_name: Option<String>,
    pub(super) tokenizer_kwargs: Option<TokenizerOptions>,
    pub(super) width: usize,
    pub(super) heads: usize,
    pub(super) layers: usize,
    pub(super) mlp_ratio: f64,
    pub(super) embed_cls: bool,
    pub(super) eos_id: i32,
    pub(super) no_causal_mask: bool,
    pub(super) pool_type: String,
    pub(super) proj_bias: bool,
    pub(super) proj_type: String,
    pub(super) act_kwargs: Option<ActivationOptions>,
    pub(super) norm_kwargs: Option<NormOptions>,
    #[serde(flatten)]
    pub(super) rest: Settings,
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
            rest: Settings::new(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct ActivationOptions {
    pub(super) approximate: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct NormOptions {
    pub(super) eps: Option<f32>,
}

#[derive(Deserialize)]
pub(crate) struct TokenizerOptions {
    pub(crate) clean: Option<Clean>,
    #[serde(default)]
    pub(super) strip_sep_token: bool,
}
