//! Models as two ONNX graphs, run by rten except for what `trunk` can run on this project's kernels.
//!
//! Every image and every text is run alone, several concurrently on the threads of rten's pool. On a CPU that is as fast as
//! batches, and it makes a vector independent of its neighbours: a dynamically quantised graph takes its scale from the
//! whole batch.

mod constants;
mod graph;
mod reader;
mod trunk;
mod visual;

use phototag_kernels::Precision;
use rayon::prelude::*;
use rten::{NodeId, Value};
use serde::Deserialize;

use self::graph::Graph;
use self::visual::VisualGraph;
use crate::config::TokenizerOptions;
use crate::files::Files;
use crate::model::{Engine, Positions};
use crate::picture::{Prepared, Preprocess, PreprocessConfig};
use crate::words::{Clean, TextTokens};
use crate::{Error, Threads};

pub(crate) const VISUAL: &str = "visual/model.onnx";
pub(crate) const TEXTUAL: &str = "textual/model.onnx";
const PREPROCESS: &str = "visual/preprocess_cfg.json";
const CONFIG: &str = "config.json";

/// open_clip's context length, where neither the graph nor the configuration states one.
const DEFAULT_CONTEXT: usize = 77;

/// The part of open_clip's model configuration that an exported model needs.
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
    visual: VisualGraph,
    textual: Graph,
    mask: Option<NodeId>,
    /// Whether the text graph takes texts of one length only.
    fixed_length: bool,
    tokens: TextTokens,
    preprocess: Preprocess,
    dimensions: usize,
}

/// The files that vectors depend on.
pub(crate) fn relevant_files(files: &Files) -> Result<Vec<String>, Error> {
    // Weights may be in further files beside a graph, under any name.
    let mut names = files.list("visual")?;
    names.extend(files.list("textual")?);
    names.extend(files.exists(CONFIG).then(|| CONFIG.to_owned()));
    Ok(names)
}

impl OnnxPair {
    pub(crate) fn load(files: &Files, precision: Precision) -> Result<Self, Error> {
        let preprocess = files
            .json::<PreprocessConfig>(PREPROCESS)?
            .preprocess()
            .map_err(|reason: String| Error::invalid(files.path(PREPROCESS), reason))?;
        let config: Option<Config> = if files.exists(CONFIG) {
            Some(files.json(CONFIG)?)
        } else {
            None
        };

        let visual = VisualGraph::load(files, &preprocess, precision)?;
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
        // Exported tokenizers change the case themselves if their model needs it.
        let clean = clean.unwrap_or(Clean::Whitespace);
        let tokens = TextTokens::read(files, "textual/", context_length, clean)?;

        let dimensions = visual.output_width();
        let stated = config.and_then(|config| config.embed_dim);
        for (name, width) in [(VISUAL, dimensions), (TEXTUAL, textual.output_width())] {
            if let (Some(stated), Some(width)) = (stated, width)
                && stated != width
            {
                let reason =
                    format!("returns vectors of {width} values, but {CONFIG} states {stated}");
                return Err(Error::invalid(files.path(name), reason));
            }
        }
        let mut pair = Self {
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
        self.textual.run(inputs, &Threads::all())
    }
}

impl Engine for OnnxPair {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    fn embed_images(&self, images: &[Prepared], threads: &Threads) -> Result<Vec<Vec<f32>>, Error> {
        threads.run(|| {
            let images = images.par_iter();
            images
                .map(|image| self.visual.embed(image, &self.preprocess, threads))
                .collect()
        })
    }

    fn images_together(&self) -> usize {
        1
    }

    fn embed_positions(&self, image: &Prepared) -> Result<Option<Positions>, Error> {
        Threads::all().run(|| self.visual.positions(image, &self.preprocess))
    }

    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        Threads::all().run(|| texts.par_iter().map(|text| self.text(text)).collect())
    }
}
