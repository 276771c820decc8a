//! The kernels of `phototag-clip`, built by themselves to test those of other processors.

// Only tests call them here.
#![allow(dead_code, unused_imports)]

#[path = "../../../src/kernels/mod.rs"]
mod kernels;

/// Stands for the crate's own.
#[derive(Debug)]
pub enum Error {
    Kernels { reason: String },
}
