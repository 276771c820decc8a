//! Reads the layers of a convolutional trunk from a graph. Every shape is checked against the values that exist, so that a
//! graph that contradicts itself is at most not split.

use std::collections::HashMap;

use phototag_kernels::Depthwise;
use rten_onnx::onnx::{DataType, GraphProto, NodeProto, ValueInfoProto};

use super::constants::{Constant, Constants};
use crate::towers::convolution::{Inverted, Layer, Window};
use crate::towers::{Arithmetic, Linear};

/// No convolution of images has a wider window.
const MAX_WINDOW: usize = 16;

/// Values of the largest map, 256 MiB. EfficientNet's largest model stays below.
const MAX_MAP: usize = 1 << 26;

/// The name of the mean with this number.
pub(super) fn mean(number: usize) -> String {
    format!("mean.{number}")
}

/// Follows a graph from its image, layer by layer.
pub(super) struct Reader<'a> {
    graph: &'a GraphProto,
    constants: Constants<'a>,
    arithmetic: Arithmetic,
    users: HashMap<&'a str, Vec<&'a NodeProto>>,
    /// The names of the image and of the output of each layer so far.
    values: Vec<&'a str>,
    size: [usize; 2],
    channels: usize,
}

/// A convolution, and whether ReLU6 follows.
struct Convolution<'a> {
    weights: Constant,
    bias: Vec<f32>,
    window: Window,
    depthwise: bool,
    limited: bool,
    output: &'a str,
}

impl Convolution<'_> {
    fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Whether it is a product of single pixels.
    fn is_pointwise(&self) -> bool {
        !self.depthwise && self.window.side == 1 && self.window.stride == 1
    }
}

impl<'a> Reader<'a> {
    pub(super) fn of(
        graph: &'a GraphProto,
        size: [usize; 2],
        arithmetic: Arithmetic,
    ) -> Option<Self> {
        let mut users: HashMap<&str, Vec<&NodeProto>> = HashMap::new();
        for node in &graph.node {
            for input in &node.input {
                users.entry(input).or_default().push(node);
            }
        }
        let [input] = graph.input.as_slice() else {
            return None;
        };
        if !takes(input, size) {
            return None;
        }
        Some(Self {
            graph,
            constants: Constants::of(graph),
            arithmetic,
            users,
            values: vec![input.name.as_deref()?],
            size,
            channels: 3,
        })
    }

    fn users(&self, value: &str) -> &[&'a NodeProto] {
        self.users.get(value).map_or(&[], Vec::as_slice)
    }

    /// The only node that takes a value, if it has this kind.
    fn only_user(&self, value: &str, kind: &str) -> Option<&'a NodeProto> {
        match self.users(value) {
            [node] if is(node, kind) => Some(node),
            _ => None,
        }
    }

    /// Reads the next layer.
    pub(super) fn layer(&mut self) -> Option<Layer> {
        let value = *self.values.last()?;
        let mut following = self.users(value).iter().filter(|node| is(node, "Conv"));
        let (Some(node), None) = (following.next(), following.next()) else {
            return None;
        };
        let first = self.convolution(node, self.channels, self.size)?;
        let wide = first.output;
        let next = self.only_user(wide, "Conv").and_then(|node| {
            let next = self.convolution(node, first.outputs(), first.window.size)?;
            next.depthwise.then_some(next)
        });
        let (layer, output, channels, size) = match next {
            Some(filter) if first.is_pointwise() && first.limited => {
                self.inverted(value, Some(&first), &filter)?
            }
            _ if first.depthwise => self.inverted(value, None, &first)?,
            _ if first.limited => {
                let (outputs, size) = (first.outputs(), first.window.size);
                let layer = Layer::Full {
                    window: first.window,
                    linear: self.linear(&first),
                };
                (layer, first.output, outputs, size)
            }
            _ => return None,
        };
        self.values.push(output);
        (self.channels, self.size) = (channels, size);
        Some(layer)
    }

    /// The layer, and the name, channels and size of its output.
    fn inverted(
        &self,
        value: &str,
        expand: Option<&Convolution>,
        filter: &Convolution<'a>,
    ) -> Option<(Layer, &'a str, usize, [usize; 2])> {
        if !filter.limited {
            return None;
        }
        let window = filter.window;
        let node = self.only_user(filter.output, "Conv")?;
        let project = self.convolution(node, filter.outputs(), window.size)?;
        if !project.is_pointwise() || project.limited {
            return None;
        }
        let sum = self.only_user(project.output, "Add").filter(|sum| {
            let mut inputs = [value, project.output];
            inputs.sort_unstable();
            let mut of_sum: Vec<&str> = sum.input.iter().map(String::as_str).collect();
            of_sum.sort_unstable();
            of_sum == inputs
        });
        let same = self.size == window.size && self.channels == project.outputs();
        if sum.is_some() && (!same || expand.is_none()) {
            return None;
        }
        let output = match sum {
            Some(sum) => sum.output.first()?.as_str(),
            None => project.output,
        };
        let layer = Layer::Inverted(Box::new(Inverted {
            expand: expand.map(|expand| self.linear(expand)),
            depthwise: Depthwise::new(
                &filter.weights.values,
                &filter.bias,
                window.side,
                window.stride,
                window.padding,
            ),
            size: window.size,
            project: self.linear(&project),
            residual: sum.is_some(),
            kernels: self.arithmetic.kernels,
        }));
        Some((layer, output, project.outputs(), window.size))
    }

    /// The convolution of a node, for a map with these channels and this size.
    fn convolution(
        &self,
        node: &'a NodeProto,
        channels: usize,
        size: [usize; 2],
    ) -> Option<Convolution<'a>> {
        let [_, weights, bias] = node.input.as_slice() else {
            return None;
        };
        let weights = self.constants.get(weights)?;
        let bias = self.constants.get(bias)?.values;
        let &[outputs, inputs, side, across] = weights.shape.as_slice() else {
            return None;
        };
        let depthwise = match integers(node, "group").unwrap_or(&[1]) {
            [1] => false,
            [groups] if usize::try_from(*groups) == Ok(channels) => true,
            _ => return None,
        };
        let wanted = if depthwise { 1 } else { channels };
        let fits = inputs == wanted && bias.len() == outputs && side == across;
        if !fits || outputs == 0 || (depthwise && outputs != channels) {
            return None;
        }
        let window = window(node, side, size)?;
        let [width, height] = window.size;
        let largest = width.checked_mul(height)?.checked_mul(outputs)?;
        if largest > MAX_MAP {
            return None;
        }
        let value = node.output.first()?.as_str();
        let limit = self.only_user(value, "Clip").filter(|clip| {
            let limits: Vec<_> = clip
                .input
                .iter()
                .skip(1)
                .map(|l| self.constants.scalar(l))
                .collect();
            limits == [Some(0.0), Some(6.0)]
        });
        Some(Convolution {
            weights,
            bias,
            window,
            depthwise,
            limited: limit.is_some(),
            output: match limit {
                Some(clip) => clip.output.first()?.as_str(),
                None => value,
            },
        })
    }

    /// The convolution as a product: weights with the channels last.
    fn linear(&self, convolution: &Convolution) -> Linear {
        let area = convolution.window.side.pow(2);
        let inputs = convolution.weights.values.len() / convolution.outputs();
        let channels = inputs / area;
        let mut weights = Vec::with_capacity(convolution.weights.values.len());
        for output in convolution.weights.values.chunks_exact(inputs) {
            for place in 0..area {
                weights.extend((0..channels).map(|channel| output[channel * area + place]));
            }
        }
        Linear::new(&weights, Some(&convolution.bias), inputs, self.arithmetic)
    }

    /// For each mean, the number of layers up to its map.
    pub(super) fn means(&self) -> Option<Vec<usize>> {
        let named = (0..).map_while(|number| self.constants.node(&mean(number)));
        let means: Option<Vec<usize>> = named
            .map(|node| {
                let over_places = match integers(node, "axes") {
                    Some(axes) => axes == [2, 3],
                    None => false,
                };
                let flat = integers(node, "keepdims") == Some(&[0]);
                let map = self
                    .values
                    .iter()
                    .position(|value| node.input.first().is_some_and(|map| map == value))?;
                (is(node, "ReduceMean") && over_places && flat && map > 0).then_some(map)
            })
            .collect();
        means.filter(|means| !means.is_empty() && self.graph.output.len() > means.len())
    }
}

/// Whether an input is one f32 image with three channels and this size.
fn takes(input: &ValueInfoProto, [width, height]: [usize; 2]) -> bool {
    let tensor = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let Some(tensor) = tensor.filter(|tensor| tensor.elem_type == Some(DataType::FLOAT)) else {
        return false;
    };
    let sides = tensor.shape.iter().flat_map(|shape| &shape.dim);
    let sides: Vec<Option<i64>> = sides.map(|side| side.dim_value).collect();
    let wanted = [1, 3, height, width].map(|side| i64::try_from(side).ok());
    let fits = |(side, wanted): (&Option<i64>, Option<i64>)| side.is_none() || *side == wanted;
    sides.len() == wanted.len() && sides.iter().zip(wanted).all(fits)
}

fn is(node: &NodeProto, kind: &str) -> bool {
    node.op_type.as_deref() == Some(kind) && node.domain.as_deref().unwrap_or("").is_empty()
}

/// An attribute that is one or several integers.
fn integers<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [i64]> {
    let mut attributes = node.attribute.iter();
    let found = attributes.find(|a| a.name.as_deref() == Some(name))?;
    match &found.i {
        Some(one) => Some(std::slice::from_ref(one)),
        None => Some(&found.ints),
    }
}

/// The window of a convolution over a map of this size.
fn window(node: &NodeProto, side: usize, size: [usize; 2]) -> Option<Window> {
    let known = ["group", "kernel_shape", "pads", "strides"];
    let unknown = |a: &rten_onnx::onnx::AttributeProto| {
        !a.name.as_deref().is_some_and(|name| known.contains(&name))
    };
    if node.attribute.iter().any(unknown) || side == 0 || side > MAX_WINDOW {
        return None;
    }
    let differs = |sides: &[i64]| sides.iter().any(|s| usize::try_from(*s) != Ok(side));
    if integers(node, "kernel_shape").is_some_and(differs) {
        return None;
    }
    let small = |value: i64| usize::try_from(value).ok().filter(|v| *v <= MAX_WINDOW);
    let stride = match integers(node, "strides").unwrap_or(&[1, 1]) {
        [down, across] if down == across => small(*down).filter(|stride| *stride > 0)?,
        _ => return None,
    };
    let (before, after) = match integers(node, "pads").unwrap_or(&[0; 4]) {
        [top, left, bottom, right] if top == left && bottom == right => {
            (small(*top)?, small(*bottom)?)
        }
        _ => return None,
    };
    if before >= side || after >= side {
        return None;
    }
    let moved = size.map(|side_of_map| {
        let room = (side_of_map + before + after).checked_sub(side)?;
        Some(room / stride + 1)
    });
    let [Some(width), Some(height)] = moved else {
        return None;
    };
    Some(Window {
        side,
        stride,
        padding: before,
        size: [width, height],
    })
}
