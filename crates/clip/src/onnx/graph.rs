//! One ONNX graph, run by rten: its inputs are checked when it is loaded, and each run gives one vector.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rten::{DataType, Dimension, ModelOptions, NodeId, Value, ValueOrView, ValueType};

use super::PREPROCESS;
use crate::files::{Bytes, Files};
use crate::picture::Preprocess;
use crate::vector::{self, normalised};
use crate::{Error, Threads};

/// A loaded graph, with the nodes of its main input and of its vector.
pub(super) struct Graph {
    pub(super) path: PathBuf,
    pub(super) model: rten::Model,
    pub(super) input: NodeId,
    output: NodeId,
}

impl Graph {
    pub(super) fn load(files: &Files, name: &str) -> Result<Self, Error> {
        let path = files.path(name);
        let bytes = files.open(name)?.bytes;
        let options = ModelOptions::with_all_ops();
        let model = guarded(|| match bytes {
            Bytes::Embedded(bytes) => options.load_static_slice(bytes),
            // SAFETY: a mapped file must not change while the model is used. Models are written once, by a download
            // that renames or by hand; the documentation of `Source` says not to write to a folder in use.
            Bytes::File(_) => unsafe { options.load_mmap(&path) },
        });
        Self::of(path, model)
    }

    /// The graph in `bytes`, which were made from the file at `path`.
    pub(super) fn read(path: PathBuf, bytes: Vec<u8>) -> Result<Self, Error> {
        let model = guarded(|| ModelOptions::with_all_ops().load(bytes));
        Self::of(path, model)
    }

    fn of(path: PathBuf, model: Result<rten::Model, String>) -> Result<Self, Error> {
        let invalid = |e| Error::invalid(&path, format!("not an ONNX graph that can be run: {e}"));
        let model = model.map_err(invalid)?;
        let input = model
            .input_ids()
            .iter()
            .copied()
            .find(|id| !is_mask(&model, *id));
        let (Some(input), Some(output)) = (input, model.output_ids().first().copied()) else {
            return Err(Error::invalid(path, "the graph has no input or no output"));
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

    /// An error unless the input is one image of the prepared size, or of any size.
    pub(super) fn check_images(&self, preprocess: &Preprocess) -> Result<(), Error> {
        self.check_type(DataType::Float)?;
        if self.model.input_ids().len() != 1 {
            let reason = "the graph takes more than an image, which is not supported";
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
                "the graph takes input of shape {:?}, but {PREPROCESS} prepares {wanted:?}",
                self.shape(self.input).unwrap_or_default()
            );
            Err(Error::invalid(&self.path, reason))
        }
    }

    /// The number of tokens that the graph takes, if it is fixed.
    pub(super) fn text_length(&self) -> Result<Option<usize>, Error> {
        self.check_type(DataType::Int32)?;
        match self.shape(self.input).as_deref() {
            None | Some([_, Dimension::Symbolic(_)]) => Ok(None),
            Some([_, Dimension::Fixed(length)]) => Ok(Some(*length)),
            Some(other) => {
                let reason =
                    format!("the graph takes input of shape {other:?}, not [texts, tokens]");
                Err(Error::invalid(&self.path, reason))
            }
        }
    }

    /// The input that distinguishes tokens from padding, if the graph has one.
    pub(super) fn mask(&self) -> Result<Option<NodeId>, Error> {
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
                let reason = format!("the graph takes an unknown input: {:?}", name.unwrap_or(""));
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
                let reason = format!("the graph takes input of type {found:?}, not {wanted:?}");
                Err(Error::invalid(&self.path, reason))
            }
            _ => Ok(()),
        }
    }

    /// The length of the vector, if the graph states it.
    pub(super) fn output_width(&self) -> Option<usize> {
        match self.shape(self.output)?.last()? {
            Dimension::Fixed(width) => Some(*width),
            Dimension::Symbolic(_) => None,
        }
    }

    /// The values of the given nodes.
    pub(super) fn values(
        &self,
        inputs: Vec<(NodeId, ValueOrView)>,
        nodes: &[NodeId],
        threads: &Threads,
    ) -> Result<Vec<Value>, Error> {
        guarded(|| self.model.run(inputs, nodes, Some(threads.options())))
            .map_err(|e| Error::run(&self.path, e))
    }

    /// The vector, scaled to unit length.
    pub(super) fn run(
        &self,
        inputs: Vec<(NodeId, ValueOrView)>,
        threads: &Threads,
    ) -> Result<Vec<f32>, Error> {
        let failed = |e: &dyn std::fmt::Display| Error::run(&self.path, e);
        let mut values = self.values(inputs, &[self.output], threads)?;
        let output = values.pop().ok_or_else(|| failed(&"returned nothing"))?;
        let (shape, values) = output.into_shape_vec::<f32, 2>().map_err(|e| failed(&e))?;
        if shape[0] != 1 {
            return Err(failed(&format!(
                "returned {} vectors for one input",
                shape[0]
            )));
        }
        normalised(values).ok_or_else(|| failed(&vector::NO_LENGTH))
    }
}

fn is_mask(model: &rten::Model, node: NodeId) -> bool {
    model.node_info(node).and_then(|info| info.name()) == Some("attention_mask")
}

/// Turns a panic into an error: rten panics on some graphs that contradict themselves.
fn guarded<T, E: std::fmt::Display>(ask: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(ask)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("it contradicts itself".to_owned()),
    }
}
