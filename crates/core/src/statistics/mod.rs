//! How good an answer is, and how sure one may be of that: precision, recall, F1, average precision,
//! and intervals by resampling.
//!
//! Knows numbers only. Held against scikit-learn's outputs in `tests/statistics`.

mod bootstrap;
mod counts;
mod ranking;

pub use bootstrap::{Interval, bootstrap};
pub use counts::Counts;
pub use ranking::{CurvePoint, average_precision, precision_recall_curve};

/// The 2.5% and 97.5% points of the normal distribution lie so many deviations from its middle.
pub const DEVIATIONS_95: f64 = 1.959_963_984_540_054;

#[cfg(test)]
mod tests;
