//! How good an answer is, and how sure one may be of that: precision, recall, F1, average precision,
//! and intervals.
//!
//! Knows numbers only. Held against scikit-learn's outputs in `tests/statistics`.

mod beta;
mod bootstrap;
mod counts;
mod ranking;
mod stratified;

pub use bootstrap::{Interval, bootstrap};
pub use counts::Counts;
pub use ranking::{
    CurvePoint, Ranked, average_precision, precision_recall_curve, weighted_average_precision,
    weighted_curve,
};
pub use stratified::{Population, Unit, stratified_ratio};

#[cfg(test)]
mod tests;
