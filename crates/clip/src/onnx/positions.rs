//! What a convolutional image tower sees at each place of a picture.
//!
//! Such a tower's vector comes from maps of features that are averaged over the picture. A graph that
//! has the outputs `map.0` and `mean.0` (and `map.1` and `mean.1`, and so on) lets the maps be asked
//! for, and the means be given: with the features of one place in their stead, what follows says what
//! that place would be by itself. Where what follows is linear this is the class activation map
//! (Zhou et al., arXiv:1512.04150).

use rayon::prelude::*;
use rten::{NodeId, Value};

use super::Graph;
use crate::Error;
use crate::model::Positions;

/// The maps of a graph, each with the place of its mean.
pub(super) struct Maps(Vec<(NodeId, NodeId)>);

impl Maps {
    /// `None` if the graph names none.
    pub(super) fn of(model: &rten::Model) -> Option<Self> {
        let named = |kind: &str, number: usize| model.find_node(&format!("{kind}.{number}"));
        let pairs: Vec<_> = (0..)
            .map_while(|number| Some((named("map", number)?, named("mean", number)?)))
            .collect();
        (!pairs.is_empty()).then_some(Self(pairs))
    }

    pub(super) fn positions(&self, graph: &Graph, input: Value) -> Result<Positions, Error> {
        let failed = |e: &dyn std::fmt::Display| Error::run(&graph.path, e);
        let maps: Vec<NodeId> = self.0.iter().map(|(map, _)| *map).collect();
        let values = graph
            .model
            .run(vec![(graph.input, input.into())], &maps, None)
            .map_err(|e| failed(&e))?;
        let maps = values
            .into_iter()
            .map(|map| map.into_shape_vec::<f32, 4>())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| failed(&e))?;
        let [_, _, down, across] = maps[0].0;
        let places = across * down;
        if places == 0
            || maps
                .iter()
                .any(|(shape, _)| shape[0] != 1 || shape[2..] != [down, across])
        {
            return Err(failed(&"gave maps of different sizes"));
        }
        let vectors = (0..places)
            .into_par_iter()
            .map(|place| {
                let inputs = self.0.iter().zip(&maps).map(|((_, mean), (shape, map))| {
                    let features: Vec<f32> = map[place..].iter().step_by(places).copied().collect();
                    let features = Value::from_shape([1, shape[1]], features);
                    features.map(|features| (*mean, features.into()))
                });
                graph.run(inputs.collect::<Result<_, _>>().map_err(|e| failed(&e))?)
            })
            .collect::<Result<_, _>>()?;
        let grid = [across, down];
        Ok(Positions { grid, vectors })
    }
}
