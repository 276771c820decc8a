//! The convolutional trunk of an image graph, for this project's kernels, and the rest of the graph.
//!
//! A graph can be split if it leads from the image through convolutions and inverted residuals to feature maps, names the
//! means of those maps `mean.0`, `mean.1` and so on, and uses the image for nothing else: EfficientNet-Lite as
//! `models/starter` writes it. rten runs any other graph as a whole.

use std::collections::HashSet;

use rten_onnx::onnx::{GraphProto, ModelProto};

use super::constants::Constants;
use super::reader::{Reader, mean};
use crate::towers::Arithmetic;
use crate::towers::convolution::{Layer, Map, Scratch};

/// The layers from an image to the maps that are averaged.
pub(super) struct Trunk {
    layers: Vec<Layer>,
    /// For each mean, the number of layers up to its map.
    means: Vec<usize>,
}

impl Trunk {
    /// The trunk of a graph for images of `size` (width, height), and the rest as a graph that takes the means. `None` if
    /// the graph cannot be split.
    pub(super) fn split(
        mut model: ModelProto,
        size: [usize; 2],
        arithmetic: Arithmetic,
    ) -> Option<(Self, ModelProto)> {
        let graph = model.graph.take()?;
        let mut reader = Reader::of(&graph, size, arithmetic)?;
        let mut layers = Vec::new();
        while let Some(layer) = reader.layer() {
            layers.push(layer);
        }
        let means = reader.means()?;
        model.graph = Some(rest(&graph, means.len())?);
        Some((Self { layers, means }, model))
    }

    /// The maps whose means the rest of the graph takes, in order.
    pub(super) fn maps(&self, picture: Map) -> Vec<Map> {
        let mut scratch = Scratch::default();
        let mut maps: Vec<Option<Map>> = vec![None; self.means.len()];
        let mut map = picture;
        for (behind, layer) in (1..).zip(&self.layers) {
            map = layer.apply(map, &mut scratch);
            for (place, _) in self.means.iter().enumerate().filter(|(_, b)| **b == behind) {
                maps[place] = Some(map.clone());
            }
        }
        maps.into_iter().flatten().collect()
    }
}

/// The part of `graph` from its means, of this number, to its first output.
fn rest(graph: &GraphProto, means: usize) -> Option<GraphProto> {
    let constants = Constants::of(graph);
    let given: HashSet<String> = (0..means).map(mean).collect();
    let output = graph.output.first()?;
    let mut needed: HashSet<&str> = HashSet::new();
    let mut open = vec![output.name.as_deref()?];
    while let Some(value) = open.pop() {
        if given.contains(value) || !needed.insert(value) {
            continue;
        }
        match constants.node(value) {
            Some(node) => open.extend(node.input.iter().map(String::as_str)),
            // Neither made by a node nor constant: the image itself.
            None if constants.tensor(value).is_none() => return None,
            None => {}
        }
    }
    let is_needed = |name: &Option<String>| name.as_deref().is_some_and(|n| needed.contains(n));
    let node = graph.node.iter();
    let inputs = graph.output.iter();
    Some(GraphProto {
        node: node
            .filter(|node| node.output.iter().any(|o| needed.contains(o.as_str())))
            .cloned()
            .collect(),
        initializer: graph
            .initializer
            .iter()
            .filter(|tensor| is_needed(&tensor.name))
            .cloned()
            .collect(),
        input: inputs
            .filter(|value| value.name.as_ref().is_some_and(|n| given.contains(n)))
            .cloned()
            .collect(),
        output: vec![output.clone()],
        value_info: Vec::new(),
    })
}
