//! `config.json` and `preprocessor_config.json` of the transformers library, for its `clip` and `siglip` models. The
//! library writes only what differs from its defaults, so the defaults are here.

use phototag_kernels::Activation;
use serde::Deserialize;
use serde_json::Value;

use super::{Architecture, grid};
use crate::checkpoint::Scheme;
use crate::picture::{OneOrMore, Preprocess, PreprocessConfig, ResizeMode};
use crate::towers::{Mask, Pool, Projection, Shape, TextConfig, TextPool, VisionConfig};
use crate::words::Clean;

#[derive(Deserialize)]
pub(super) struct File {
    model_type: String,
    #[serde(default)]
    projection_dim: Option<usize>,
    #[serde(default)]
    text_config: Tower,
    #[serde(default)]
    vision_config: Tower,
}

#[derive(Default, Deserialize)]
struct Tower {
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    hidden_act: Option<String>,
    layer_norm_eps: Option<f32>,
    image_size: Option<u32>,
    patch_size: Option<usize>,
    vocab_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    eos_token_id: Option<i32>,
    projection_size: Option<usize>,
    vision_use_head: Option<bool>,
}

/// The values of absent settings.
struct Defaults {
    width: usize,
    mlp: usize,
    heads: usize,
    activation: &'static str,
    eps: f32,
}

const CLIP_TEXT: Defaults = Defaults {
    width: 512,
    mlp: 2048,
    heads: 8,
    activation: "quick_gelu",
    eps: 1e-5,
};
const CLIP_VISION: Defaults = Defaults {
    width: 768,
    mlp: 3072,
    heads: 12,
    activation: "quick_gelu",
    eps: 1e-5,
};
const SIGLIP: Defaults = Defaults {
    width: 768,
    mlp: 3072,
    heads: 12,
    activation: "gelu_pytorch_tanh",
    eps: 1e-6,
};

impl Tower {
    fn shape(&self, defaults: &Defaults) -> Result<Shape, String> {
        let activation = match self.hidden_act.as_deref().unwrap_or(defaults.activation) {
            "gelu" => Activation::Gelu,
            "gelu_pytorch_tanh" | "gelu_new" => Activation::GeluTanh,
            "quick_gelu" => Activation::QuickGelu,
            other => return Err(format!("hidden_act {other:?} is not supported")),
        };
        Ok(Shape {
            width: self.hidden_size.unwrap_or(defaults.width),
            layers: self.num_hidden_layers.unwrap_or(12),
            heads: self.num_attention_heads.unwrap_or(defaults.heads),
            mlp: self.intermediate_size.unwrap_or(defaults.mlp),
            activation,
            eps: self.layer_norm_eps.unwrap_or(defaults.eps),
        })
    }
}

impl File {
    pub(super) fn architecture(self, preprocessor: Preprocessor) -> Result<Architecture, String> {
        match self.model_type.as_str() {
            "clip" => self.clip(preprocessor),
            "siglip" => self.siglip(preprocessor),
            other => Err(format!(
                "a model of type {other:?} is not supported, only \"clip\" and \"siglip\""
            )),
        }
    }

    fn clip(self, preprocessor: Preprocessor) -> Result<Architecture, String> {
        let dimensions = self.projection_dim.unwrap_or(512);
        let (vision, text) = (&self.vision_config, &self.text_config);
        let image = vision.image_size.unwrap_or(224);
        let preprocess = preprocessor.preprocess(image)?;
        let patch = vision.patch_size.unwrap_or(32);
        // The library's own exception: configurations with the value 2 predate its use.
        let pool = match text.eos_token_id.unwrap_or(49407) {
            2 => TextPool::HighestId,
            end => TextPool::FirstOf(end),
        };
        Ok(Architecture {
            vision: VisionConfig {
                shape: vision.shape(&CLIP_VISION)?,
                scheme: Scheme::Transformers,
                patch,
                grid: grid(preprocess.size(), patch)?,
                pool: Pool::ClassToken {
                    projected: dimensions,
                    norm_first: true,
                },
            },
            text: TextConfig {
                shape: text.shape(&CLIP_TEXT)?,
                scheme: Scheme::Transformers,
                prefix: "",
                vocabulary: text.vocab_size.unwrap_or(49408),
                context: text.max_position_embeddings.unwrap_or(77),
                mask: Mask::Causal,
                pool,
                projected: dimensions,
                projection: Projection::Plain,
            },
            preprocess,
            clean: Clean::Lower,
            dimensions,
        })
    }

    fn siglip(self, preprocessor: Preprocessor) -> Result<Architecture, String> {
        let (vision, text) = (&self.vision_config, &self.text_config);
        if vision.vision_use_head == Some(false) {
            return Err("an image tower without its pooling head is not supported".into());
        }
        let image = vision.image_size.unwrap_or(224);
        let preprocess = preprocessor.or_siglips().preprocess(image)?;
        let patch = vision.patch_size.unwrap_or(16);
        let vision_shape = vision.shape(&SIGLIP)?;
        let text_shape = text.shape(&SIGLIP)?;
        let dimensions = vision_shape.width;
        let projected = text.projection_size.unwrap_or(text_shape.width);
        if projected != dimensions {
            return Err(format!(
                "texts have {projected} values, but images have {dimensions}"
            ));
        }
        Ok(Architecture {
            vision: VisionConfig {
                shape: vision_shape,
                scheme: Scheme::Transformers,
                patch,
                grid: grid(preprocess.size(), patch)?,
                pool: Pool::Attention,
            },
            text: TextConfig {
                shape: text_shape,
                scheme: Scheme::Transformers,
                prefix: "",
                vocabulary: text.vocab_size.unwrap_or(32_000),
                context: text.max_position_embeddings.unwrap_or(64),
                mask: Mask::Full,
                pool: TextPool::Last,
                projected,
                projection: Projection::Biased,
            },
            preprocess,
            clean: Clean::Canonicalize,
            dimensions,
        })
    }
}

/// `preprocessor_config.json`. The size of the image is the tower's; what counts here is how to get there.
#[derive(Default, Deserialize)]
pub(super) struct Preprocessor {
    size: Option<Value>,
    do_center_crop: Option<bool>,
    resample: Option<u32>,
    image_mean: Option<Vec<f32>>,
    image_std: Option<Vec<f32>>,
}

/// `processor_config.json`, which newer versions of the library write instead.
#[derive(Deserialize)]
pub(super) struct Processor {
    pub(super) image_processor: Preprocessor,
}

impl Preprocessor {
    /// Fills in the defaults of the library's `SiglipImageProcessor`.
    fn or_siglips(self) -> Self {
        Self {
            size: self
                .size
                .or_else(|| Some(serde_json::json!({"height": 224, "width": 224}))),
            image_mean: self.image_mean.or_else(|| Some(vec![0.5; 3])),
            image_std: self.image_std.or_else(|| Some(vec![0.5; 3])),
            ..self
        }
    }

    fn preprocess(self, image: u32) -> Result<Preprocess, String> {
        // Pillow's numbers for its filters.
        let interpolation = match self.resample {
            None | Some(3) => "bicubic",
            Some(2) => "bilinear",
            Some(other) => return Err(format!("resample {other} is not supported")),
        };
        // A size with both sides is reached without preserving the aspect ratio, unless the image is cropped.
        let both_sides = self.size.is_some_and(|size| size.get("height").is_some());
        let squash = both_sides && !self.do_center_crop.unwrap_or(false);
        PreprocessConfig {
            size: Some(OneOrMore::One(image)),
            mean: self.image_mean.map(OneOrMore::More),
            std: self.image_std.map(OneOrMore::More),
            interpolation: Some(interpolation.into()),
            resize_mode: Some(if squash {
                ResizeMode::Squash
            } else {
                ResizeMode::Shortest
            }),
            ..PreprocessConfig::default()
        }
        .preprocess()
    }
}
