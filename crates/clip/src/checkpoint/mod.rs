//! A model's weights: tensors in safetensors files, their names, and the packed form of large layers beside them.
//!
//! Towers read their layers through [`Layers`] and do not know whether they come from tensors or from a packed file.

mod floats;
mod layers;
mod mapped;
mod matrix;
mod names;
mod packed;
mod shards;
mod tensors;

pub(crate) use floats::floats;
pub(crate) use layers::{FromPacked, FromTensors, Layers, Packing, Stack};
pub(crate) use matrix::Matrix;
pub(crate) use names::{
    AttentionNames, BlockNames, PoolingNames, PoolingProjections, Scheme, TextNames, VisionNames,
};
pub(crate) use packed::{PackedFile, PackedWriter};
pub(crate) use shards::shards;
pub(crate) use tensors::{Checkpoint, Table};
