//! The constants of a graph as f32, whether stored as f32, f16, or scaled bytes that nodes convert.

use std::collections::HashMap;

use rten_onnx::onnx::{DataType, GraphProto, NodeProto, TensorProto};
use safetensors::Dtype;

use crate::checkpoint::floats;

/// The longest chain of nodes that make a constant.
const MAX_DEPTH: usize = 4;

/// Tensors by name, and nodes by the names of the values they make.
pub(super) struct Constants<'a> {
    tensors: HashMap<&'a str, &'a TensorProto>,
    nodes: HashMap<&'a str, &'a NodeProto>,
}

/// A constant tensor.
pub(super) struct Constant {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

impl<'a> Constants<'a> {
    pub(super) fn of(graph: &'a GraphProto) -> Self {
        let tensors = graph.initializer.iter();
        let made = graph.node.iter().flat_map(|node| {
            let outputs = node.output.iter();
            outputs.map(move |output| (output.as_str(), node))
        });
        Self {
            tensors: tensors
                .filter_map(|tensor| Some((tensor.name.as_deref()?, tensor)))
                .collect(),
            nodes: made.collect(),
        }
    }

    /// The node that makes the value `name`.
    pub(super) fn node(&self, name: &str) -> Option<&'a NodeProto> {
        self.nodes.get(name).copied()
    }

    /// The tensor `name` itself.
    pub(super) fn tensor(&self, name: &str) -> Option<&'a TensorProto> {
        self.tensors.get(name).copied()
    }

    /// The constant `name`. `None` if it is not constant, or made in a way that is not supported.
    pub(super) fn get(&self, name: &str) -> Option<Constant> {
        self.made(name, MAX_DEPTH)
    }

    /// The constant `name`, if it has one value.
    pub(super) fn scalar(&self, name: &str) -> Option<f32> {
        match self.get(name)?.values.as_slice() {
            [value] => Some(*value),
            _ => None,
        }
    }

    fn made(&self, name: &str, depth: usize) -> Option<Constant> {
        if let Some(tensor) = self.tensors.get(name) {
            return stored(tensor);
        }
        let node = self.nodes.get(name)?;
        let depth = depth.checked_sub(1)?;
        match (node.op_type.as_deref()?, node.input.as_slice()) {
            ("Cast", [from]) => self.made(from, depth),
            ("Mul", [values, scale]) => {
                scaled(self.made(values, depth)?, &self.made(scale, depth)?)
            }
            _ => None,
        }
    }
}

fn stored(tensor: &TensorProto) -> Option<Constant> {
    let shape = tensor.dims.iter().map(|side| usize::try_from(*side).ok());
    let shape = shape.collect::<Option<Vec<usize>>>()?;
    let raw = tensor.raw_data.as_ref()?.borrow();
    let values = match tensor.data_type? {
        DataType::FLOAT => floats(Dtype::F32, &raw).ok()?,
        DataType::FLOAT16 => floats(Dtype::F16, &raw).ok()?,
        DataType::INT8 => raw
            .iter()
            .map(|byte| f32::from(byte.cast_signed()))
            .collect(),
        _ => return None,
    };
    let count = shape
        .iter()
        .try_fold(1usize, |n, side| n.checked_mul(*side))?;
    (count == values.len()).then_some(Constant { shape, values })
}

/// Multiplies each slice along the first axis by its scale.
fn scaled(mut constant: Constant, scale: &Constant) -> Option<Constant> {
    let slices = *constant.shape.first()?;
    let fits = scale.shape.len() == constant.shape.len() && scale.values.len() == slices;
    if !fits || scale.shape[0] != slices || slices == 0 {
        return None;
    }
    let slice = (constant.values.len() / slices).max(1);
    for (values, scale) in constant.values.chunks_exact_mut(slice).zip(&scale.values) {
        values.iter_mut().for_each(|value| *value *= scale);
    }
    Some(constant)
}
