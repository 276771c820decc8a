//! From an image of any size to a model's input.

mod pixels;
mod preprocess;
mod resample;
mod settings;

pub use pixels::Pixels;
pub(crate) use preprocess::ResizeMode;
pub use preprocess::{Prepared, Preprocess};
pub(crate) use settings::{OneOrMore, PreprocessConfig};
