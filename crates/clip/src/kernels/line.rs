//! Memory as products want it: lines of 64 bytes, aligned, each holding 16 groups of four bytes.

use std::ops::{Deref, Range};
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use crate::mapped::Mapped;

/// Bytes of a line.
pub(super) const BYTES: usize = 64;

/// A cache line: 16 `f32`, 32 `bf16` or 64 `int8`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(super) [u8; BYTES]);

impl Line {
    pub(crate) const ZERO: Self = Self([0; BYTES]);
}

/// Lines in memory of their own, or in a mapped file.
pub(crate) enum Lines {
    Own(Vec<Line>),
    Mapped(Arc<Mapped>, Range<usize>),
}

impl Lines {
    /// Those at `range`, if the file reaches so far and lines may begin there.
    pub(crate) fn mapped(map: &Arc<Mapped>, range: Range<usize>) -> Option<Self> {
        bytemuck::try_cast_slice::<u8, Line>(map.get(range.clone())?).ok()?;
        Some(Self::Mapped(Arc::clone(map), range))
    }
}

impl Deref for Lines {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        match self {
            Self::Own(lines) => lines,
            Self::Mapped(map, range) => bytemuck::cast_slice(&map[range.clone()]),
        }
    }
}
