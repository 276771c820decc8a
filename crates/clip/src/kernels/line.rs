//! Memory as products want it: lines of 64 bytes, aligned, each holding 16 groups of four bytes.

use bytemuck::{Pod, Zeroable};

/// Bytes of a line.
pub(super) const BYTES: usize = 64;

/// A cache line: 16 `f32`, 32 `bf16` or 64 `int8`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(super) [u8; BYTES]);

impl Line {
    pub(super) const ZERO: Self = Self([0; BYTES]);
}
