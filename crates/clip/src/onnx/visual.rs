//! The image side of a pair of graphs: its trunk runs on this project's kernels if it can be split off, and the rest in
//! rten. Also, what it sees at each position of an image.
//!
//! The vector of a convolutional tower comes from feature maps that are averaged over the image. If a graph has the outputs
//! `map.0` and `mean.0` (and `map.1` and `mean.1`, and so on), the maps can be read and the means replaced. With the
//! features of one position in place of the means, the rest of the graph tells what this position would be by itself. If
//! the rest is linear, this is the class activation map (Zhou et al., arXiv:1512.04150).

use phototag_kernels::{Kernels, Precision};
use rayon::prelude::*;
use rten::{NodeId, Value};
use rten_onnx::onnx::ModelProto;

use super::VISUAL;
use super::graph::Graph;
use super::reader::mean;
use super::trunk::Trunk;
use crate::files::Files;
use crate::model::Positions;
use crate::picture::{Prepared, Preprocess};
use crate::towers::Arithmetic;
use crate::towers::convolution::Map;
use crate::{Error, Threads};

/// Larger graphs are not split, because splitting reads and copies them.
const MAX_SPLIT_BYTES: u64 = 64 << 20;

/// The image graph, whole or split.
pub(super) struct VisualGraph {
    /// The whole graph, or the part after the means.
    graph: Graph,
    maps: Maps,
    /// The nodes of the means.
    means: Vec<NodeId>,
}

/// Where feature maps come from.
enum Maps {
    Trunk(Trunk),
    /// These nodes of the graph; none if it does not name them.
    Nodes(Vec<NodeId>),
}

impl VisualGraph {
    pub(super) fn load(
        files: &Files,
        preprocess: &Preprocess,
        precision: Precision,
    ) -> Result<Self, Error> {
        if let Some((trunk, bytes)) = split(files, preprocess, precision)? {
            let graph = Graph::read(files.path(VISUAL), bytes)?;
            let means = named(&graph.model, mean);
            let maps = Maps::Trunk(trunk);
            return Ok(Self { graph, maps, means });
        }
        let graph = Graph::load(files, VISUAL)?;
        graph.check_images(preprocess)?;
        let mut maps = named(&graph.model, |number| format!("map.{number}"));
        let mut means = named(&graph.model, mean);
        let both = maps.len().min(means.len());
        maps.truncate(both);
        means.truncate(both);
        let maps = Maps::Nodes(maps);
        Ok(Self { graph, maps, means })
    }

    /// The length of a vector, if the graph states it.
    pub(super) fn output_width(&self) -> Option<usize> {
        self.graph.output_width()
    }

    /// The vector of an image, of unit length.
    pub(super) fn embed(
        &self,
        image: &Prepared,
        preprocess: &Preprocess,
        threads: &Threads,
    ) -> Result<Vec<f32>, Error> {
        match &self.maps {
            Maps::Trunk(trunk) => {
                let maps = trunk.maps(pixels(image, preprocess));
                self.vector_of(maps.iter().map(Map::mean), threads)
            }
            Maps::Nodes(_) => {
                let input = self.planes(image, preprocess)?;
                self.graph
                    .run(vec![(self.graph.input, input.into())], threads)
            }
        }
    }

    /// See [`Model::embed_positions`](crate::Model::embed_positions).
    pub(super) fn positions(
        &self,
        image: &Prepared,
        preprocess: &Preprocess,
    ) -> Result<Option<Positions>, Error> {
        let maps = match &self.maps {
            Maps::Trunk(trunk) => trunk.maps(pixels(image, preprocess)),
            Maps::Nodes(nodes) if nodes.is_empty() => return Ok(None),
            Maps::Nodes(nodes) => self.maps_of(nodes, self.planes(image, preprocess)?)?,
        };
        let (across, down) = (maps[0].width, maps[0].height);
        let count = across * down;
        if maps
            .iter()
            .any(|map| (map.width, map.height) != (across, down))
        {
            return Err(Error::run(
                &self.graph.path,
                "returned maps of different sizes",
            ));
        }
        let at = |map: &Map, place: usize| {
            let channels = map.values.len() / count;
            map.values[place * channels..][..channels].to_vec()
        };
        let vectors = (0..count)
            .into_par_iter()
            .map(|place| self.vector_of(maps.iter().map(|map| at(map, place)), &Threads::all()))
            .collect::<Result<_, _>>()?;
        let grid = [across, down];
        Ok(Some(Positions { grid, vectors }))
    }

    /// The vector for these means.
    fn vector_of(
        &self,
        means: impl Iterator<Item = Vec<f32>>,
        threads: &Threads,
    ) -> Result<Vec<f32>, Error> {
        let inputs = self.means.iter().zip(means).map(|(node, mean)| {
            let mean = Value::from_shape([1, mean.len()], mean);
            let mean = mean.map_err(|e| Error::run(&self.graph.path, e))?;
            Ok((*node, mean.into()))
        });
        self.graph
            .run(inputs.collect::<Result<_, Error>>()?, threads)
    }

    /// The maps of these nodes.
    fn maps_of(&self, nodes: &[NodeId], input: Value) -> Result<Vec<Map>, Error> {
        let failed = |e: &dyn std::fmt::Display| Error::run(&self.graph.path, e);
        let values = self.graph.values(
            vec![(self.graph.input, input.into())],
            nodes,
            &Threads::all(),
        )?;
        let maps = values.into_iter().map(|value| {
            let (shape, values) = value.into_shape_vec::<f32, 4>().map_err(|e| failed(&e))?;
            let [1, channels, height, width] = shape else {
                return Err(failed(
                    &"returned maps whose shape is not [1, channels, height, width]",
                ));
            };
            if values.is_empty() {
                return Err(failed(&"returned an empty map"));
            }
            let count = width * height;
            let pixels = (0..count).flat_map(|place| values[place..].iter().step_by(count));
            let values: Vec<f32> = pixels.copied().collect();
            debug_assert_eq!(values.len(), count * channels);
            Ok(Map {
                width,
                height,
                values,
            })
        });
        maps.collect()
    }

    /// An image as rten takes it, `[1][3][height][width]`.
    fn planes(&self, image: &Prepared, preprocess: &Preprocess) -> Result<Value, Error> {
        let pixels = image.pixels();
        let (width, height) = (pixels.width() as usize, pixels.height() as usize);
        let mut planes = Vec::with_capacity(3 * width * height);
        for (channel, (scale, shift)) in preprocess.scaling().into_iter().enumerate() {
            let samples = pixels.rgb()[channel..].iter().step_by(3);
            planes.extend(samples.map(|sample| f32::from(*sample) * scale + shift));
        }
        Value::from_shape([1, 3, height, width], planes)
            .map_err(|e| Error::run(&self.graph.path, e))
    }
}

/// The trunk, and the rest of the graph as the bytes of a file, if the graph can be split.
fn split(
    files: &Files,
    preprocess: &Preprocess,
    precision: Precision,
) -> Result<Option<(Trunk, Vec<u8>)>, Error> {
    if files.open(VISUAL)?.length > MAX_SPLIT_BYTES {
        return Ok(None);
    }
    let kernels = Kernels::chosen()?;
    let arithmetic = Arithmetic { kernels, precision };
    let (width, height) = preprocess.size();
    let size = [width as usize, height as usize];
    // If the graph cannot be read, rten reports it.
    let model = ModelProto::parse_buf(&files.text(VISUAL)?).ok();
    let parts = model.and_then(|model| Trunk::split(model, size, arithmetic.float()));
    Ok(parts.and_then(|(trunk, rest)| Some((trunk, rest.write_buf().ok()?))))
}

/// The nodes with these names, from number 0 on.
fn named(model: &rten::Model, name: impl Fn(usize) -> String) -> Vec<NodeId> {
    (0..)
        .map_while(|number| model.find_node(&name(number)))
        .collect()
}

/// An image as a map of scaled values.
fn pixels(image: &Prepared, preprocess: &Preprocess) -> Map {
    let pixels = image.pixels();
    let scaling = preprocess.scaling();
    let values = pixels.rgb().as_chunks::<3>().0.iter().flat_map(|pixel| {
        let samples = pixel.iter().zip(scaling);
        samples.map(|(sample, (scale, shift))| f32::from(*sample) * scale + shift)
    });
    Map {
        width: pixels.width() as usize,
        height: pixels.height() as usize,
        values: values.collect(),
    }
}
