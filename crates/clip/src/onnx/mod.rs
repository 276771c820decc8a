//! Dual encoders that come as two ONNX graphs, run by rten.
//!
//! Every picture and every text is run by itself, several at once on the threads of rten's pool. That
//! is as fast as batches on a CPU, and it is what makes a vector independent of its neighbours:
//! a graph quantised dynamically takes its scale from the whole batch.

mod positions;

use std::path::PathBuf;

use rayon::prelude::*;
use rten::{DataType, Dimension, ModelOptions, NodeId, Value, ValueOrView, ValueType};
use serde::Deserialize;

use self::positions::Maps;
use crate::clean::Clean;
use crate::config::TokenizerOptions;
use crate::files::{Bytes, Files};
use crate::model::{Encoder, Positions, unit_vector};
use crate::preprocess::PreprocessConfig;
use crate::tokens::TextTokens;
use crate::{Error, Prepared, Preprocess};

pub(crate) const VISUAL: &str = "visual/model.onnx";
pub(crate) const TEXTUAL: &str = "textual/model.onnx";
const PREPROCESS: &str = "visual/preprocess_cfg.json";
const CONFIG: &str = "config.json";

/// open_clip's model configuration, as far as an exported model needs it.
#[derive(Deserialize)]
struct Config {
    embed_dim: Option<usize>,
    #[serde(default)]
    text_cfg: TextConfig,
}

#[derive(Default, Deserialize)]
struct TextConfig {
    context_length: Option<usize>,
    tokenizer_kwargs: Option<TokenizerOptions>,
}

/// The two graphs and what is needed to feed them.
pub(crate) struct OnnxPair {
    visual: Graph,
    textual: Graph,
    maps: Option<Maps>,
    mask: Option<NodeId>,
    /// The graph takes texts of one length only.
    fixed_length: bool,
    tokens: TextTokens,
    preprocess: Preprocess,
    dimensions: usize,
}

/// The files that vectors depend on.
pub(crate) fn relevant_files(files: &Files) -> Result<Vec<String>, Error> {
    // Weights may lie in further files beside a graph, under any name.
    let mut names = files.list("visual")?;
    names.extend(files.list("textual")?);
    names.extend(files.exists(CONFIG).then(|| CONFIG.to_owned()));
    Ok(names)
}

impl OnnxPair {
    pub(crate) fn load(files: &Files) -> Result<Self, Error> {
        let preprocess = files
            .json::<PreprocessConfig>(PREPROCESS)?
            .try_into()
            .map_err(|reason: String| Error::invalid(files.path(PREPROCESS), reason))?;
        let config: Option<Config> = if files.exists(CONFIG) {
            Some(files.json(CONFIG)?)
        } else {
            None
        };

        let visual = Graph::load(files, VISUAL)?;
        visual.check_pictures(&preprocess)?;
        let textual = Graph::load(files, TEXTUAL)?;
        let mask = textual.mask()?;
        let graph_length = textual.text_length()?;
        let context_length = graph_length
            .or(config
                .as_ref()
                .and_then(|config| config.text_cfg.context_length))
            .unwrap_or(DEFAULT_CONTEXT);
        let text = config.as_ref().map(|config| &config.text_cfg);
        let clean = text.and_then(|text| text.tokenizer_kwargs.as_ref()?.clean);
        // Exported tokenizers change the case themselves where their model wants it.
        let clean = clean.unwrap_or(Clean::Whitespace);
        let tokens = TextTokens::read(files, "textual/", context_length, clean)?;

        let dimensions = visual.output_width();
        let stated = config.and_then(|config| config.embed_dim);
        for (graph, width) in [(&visual, dimensions), (&textual, textual.output_width())] {
            if let (Some(stated), Some(width)) = (stated, width)
                && stated != width
            {
                let reason = format!("gives vectors of {width} values, but {CONFIG} says {stated}");
                return Err(Error::invalid(&graph.path, reason));
            }
        }
        let mut pair = Self {
            maps: Maps::of(&visual.model),
            visual,
            textual,
            mask,
            fixed_length: graph_length.is_some(),
            tokens,
            preprocess,
            dimensions: 0,
        };
        pair.dimensions = match stated.or(dimensions) {
            Some(dimensions) => dimensions,
            None => pair.text("")?.len(),
        };
        Ok(pair)
    }

    /// A picture as the graph takes it.
    fn input(&self, image: &Prepared) -> Result<Value, Error> {
        let pixels = image.pixels();
        let (width, height) = (pixels.width() as usize, pixels.height() as usize);
        let scaling = self.preprocess.scaling();
        let mut planes = Vec::with_capacity(3 * width * height);
        for (channel, (scale, shift)) in scaling.into_iter().enumerate() {
            let samples = pixels.rgb()[channel..].iter().step_by(3);
            planes.extend(samples.map(|sample| f32::from(*sample) * scale + shift));
        }
        Value::from_shape([1, 3, height, width], planes)
            .map_err(|e| Error::run(&self.visual.path, e))
    }

    fn image(&self, image: &Prepared) -> Result<Vec<f32>, Error> {
        let input = self.input(image)?;
        self.visual.run(vec![(self.visual.input, input.into())])
    }

    fn text(&self, text: &str) -> Result<Vec<f32>, Error> {
        let failed = |e: &dyn std::fmt::Display| Error::run(&self.textual.path, e);
        let ids = if self.fixed_length {
            self.tokens.padded_ids(text)
        } else {
            self.tokens.ids(text)
        }
        .map_err(|e| failed(&e))?;
        let shape = [1, ids.len()];
        let mut inputs = Vec::with_capacity(2);
        if let Some(mask) = self.mask {
            let used = self.tokens.ids(text).map_err(|e| failed(&e))?.len();
            let ones = (0..ids.len())
                .map(|i| i32::from(i < used))
                .collect::<Vec<_>>();
            inputs.push((
                mask,
                Value::from_shape(shape, ones)
                    .map_err(|e| failed(&e))?
                    .into(),
            ));
        }
        let ids = Value::from_shape(shape, ids).map_err(|e| failed(&e))?;
        inputs.push((self.textual.input, ids.into()));
        self.textual.run(inputs)
    }
}

impl Encoder for OnnxPair {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    fn embed_images(&self, images: &[Prepared]) -> Result<Vec<Vec<f32>>, Error> {
        rten::thread_pool().run(|| images.par_iter().map(|image| self.image(image)).collect())
    }

    fn embed_positions(&self, image: &Prepared) -> Result<Option<Positions>, Error> {
        let Some(maps) = &self.maps else {
            return Ok(None);
        };
        let input = self.input(image)?;
        rten::thread_pool().run(|| maps.positions(&self.visual, input).map(Some))
    }

    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        rten::thread_pool().run(|| texts.par_iter().map(|text| self.text(text)).collect())
    }
}

/// open_clip's, where neither graph nor configuration says.
const DEFAULT_CONTEXT: usize = 77;

/// One graph, with the node that takes its main input and the node that gives its vector.
struct Graph {
    path: PathBuf,
    model: rten::Model,
    input: NodeId,
    output: NodeId,
}

impl Graph {
    fn load(files: &Files, name: &str) -> Result<Self, Error> {
        let path = files.path(name);
        let options = ModelOptions::with_all_ops();
        let model = match files.open(name)?.bytes {
            Bytes::Embedded(bytes) => options.load_static_slice(bytes),
            // SAFETY: a mapped file must not change while the model is used. Models are written
            // once, by a download that renames or by hand; the documentation of `Source` says
            // that a folder in use must be left alone.
            Bytes::File(_) => unsafe { options.load_mmap(&path) },
        }
        .map_err(|e| Error::invalid(&path, format!("is not an ONNX graph that can be run: {e}")))?;
        let input = model
            .input_ids()
            .iter()
            .copied()
            .find(|id| !is_mask(&model, *id));
        let (Some(input), Some(output)) = (input, model.output_ids().first().copied()) else {
            return Err(Error::invalid(
                path,
                "is a graph with no input or no output",
            ));
        };
        Ok(Self {
            path,
            model,
            input,
            output,
        })
    }

    fn shape(&self, node: NodeId) -> Option<Vec<Dimension>> {
        self.model.node_info(node).and_then(|info| info.shape())
    }

    /// Refuses a graph whose input is not one picture of the prepared size, or any size.
    fn check_pictures(&self, preprocess: &Preprocess) -> Result<(), Error> {
        self.check_type(DataType::Float)?;
        if self.model.input_ids().len() != 1 {
            let reason = "takes more than a picture, which is not supported";
            return Err(Error::invalid(&self.path, reason));
        }
        let (width, height) = preprocess.size();
        let wanted = [1, 3, height as usize, width as usize];
        let fits = self.shape(self.input).is_none_or(|shape| {
            shape.len() == 4
                && shape.iter().zip(wanted).all(|(dim, wanted)| match dim {
                    Dimension::Fixed(size) => *size == wanted,
                    Dimension::Symbolic(_) => true,
                })
        });
        if fits {
            Ok(())
        } else {
            let reason = format!(
                "takes input of shape {:?}, but {PREPROCESS} prepares {wanted:?}",
                self.shape(self.input).unwrap_or_default()
            );
            Err(Error::invalid(&self.path, reason))
        }
    }

    /// The number of tokens the graph insists on, if it does.
    fn text_length(&self) -> Result<Option<usize>, Error> {
        self.check_type(DataType::Int32)?;
        match self.shape(self.input).as_deref() {
            None | Some([_, Dimension::Symbolic(_)]) => Ok(None),
            Some([_, Dimension::Fixed(length)]) => Ok(Some(*length)),
            Some(other) => {
                let reason = format!("takes input of shape {other:?}, not [texts, tokens]");
                Err(Error::invalid(&self.path, reason))
            }
        }
    }

    /// The input that tells tokens from padding, in graphs that want to be told.
    fn mask(&self) -> Result<Option<NodeId>, Error> {
        let mut others = self
            .model
            .input_ids()
            .iter()
            .copied()
            .filter(|id| *id != self.input);
        match (others.next(), others.next()) {
            (None, _) => Ok(None),
            (Some(mask), None) if is_mask(&self.model, mask) => Ok(Some(mask)),
            (Some(other), _) => {
                let name = self.model.node_info(other).and_then(|info| info.name());
                let reason = format!("takes an input that is not known: {:?}", name.unwrap_or(""));
                Err(Error::invalid(&self.path, reason))
            }
        }
    }

    fn check_type(&self, wanted: DataType) -> Result<(), Error> {
        match self
            .model
            .node_info(self.input)
            .and_then(|info| info.dtype())
        {
            Some(found) if found != ValueType::Tensor(wanted) => {
                let reason = format!("takes input of type {found:?}, not {wanted:?}");
                Err(Error::invalid(&self.path, reason))
            }
            _ => Ok(()),
        }
    }

    fn output_width(&self) -> Option<usize> {
        match self.shape(self.output)?.last()? {
            Dimension::Fixed(width) => Some(*width),
            Dimension::Symbolic(_) => None,
        }
    }

    fn run(&self, inputs: Vec<(NodeId, ValueOrView)>) -> Result<Vec<f32>, Error> {
        let failed = |e: &dyn std::fmt::Display| Error::run(&self.path, e);
        let [output] = self
            .model
            .run_n(inputs, [self.output], None)
            .map_err(|e| failed(&e))?;
        let (shape, values) = output.into_shape_vec::<f32, 2>().map_err(|e| failed(&e))?;
        if shape[0] != 1 {
            return Err(failed(&format!("gave {} vectors for one input", shape[0])));
        }
        unit_vector(values).ok_or_else(|| failed(&"gave a vector without direction"))
    }
}

fn is_mask(model: &rten::Model, node: NodeId) -> bool {
    model.node_info(node).and_then(|info| info.name()) == Some("attention_mask")
}
