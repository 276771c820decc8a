//! The two towers of a model: what turns pixels, and what turns token ids, into a vector.
//!
//! A batch is a list of rows, one per token, sequence after sequence, so that sequences may differ in length. Only
//! attention looks across rows, and only within a sequence; that is why a vector does not depend on the batch.

mod arithmetic;
mod attention;
mod block;
pub(crate) mod convolution;
mod linear;
mod mlp;
mod norm;
mod scratch;
mod shape;
pub(crate) mod stage;
mod text;
mod vision;

pub(crate) use arithmetic::Arithmetic;
pub(crate) use linear::Linear;
pub(crate) use shape::{Mask, Shape};
pub(crate) use text::{Projection, TextConfig, TextPool, TextTower};
pub(crate) use vision::{Pool, VisionConfig, VisionTower};
