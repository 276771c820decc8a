//! Memory as products want it: lines of 64 bytes, aligned, each holding 16 groups of four bytes.

use std::ops::{Deref, Range};
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

/// Bytes of a line.
pub(super) const BYTES: usize = 64;

/// A cache line: 16 `f32`, 32 `bf16` or 64 `int8`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(super) [u8; BYTES]);

impl Line {
    pub(crate) const ZERO: Self = Self([0; BYTES]);
}

/// Lines in memory of their own, or among bytes that others look at as well, as those of a mapped file.
pub(crate) enum Lines {
    Own(Vec<Line>),
    Shared(Shared, Range<usize>),
}

type Shared = Arc<dyn Deref<Target = [u8]> + Send + Sync>;

impl Lines {
    /// Those at `range`, if there are so many bytes and lines may begin there.
    pub(crate) fn shared(bytes: Shared, range: Range<usize>) -> Option<Self> {
        bytemuck::try_cast_slice::<u8, Line>(bytes.get(range.clone())?).ok()?;
        Some(Self::Shared(bytes, range))
    }
}

impl Deref for Lines {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        match self {
            Self::Own(lines) => lines,
            Self::Shared(bytes, range) => bytemuck::cast_slice(&bytes[range.clone()]),
        }
    }
}

/// Where lines were kept, block after block.
pub(crate) trait ReadLines {
    /// The next block, of `count` lines.
    fn lines(&mut self, count: usize) -> Lines;

    /// The next block, of `count` values.
    fn values(&mut self, count: usize) -> Vec<f32> {
        let lines = self.lines((count * size_of::<f32>()).div_ceil(BYTES));
        bytemuck::cast_slice(&lines)[..count].to_vec()
    }
}

/// Where lines are kept, block after block.
pub(crate) trait WriteLines {
    fn lines(&mut self, lines: &[Line]);

    fn values(&mut self, values: &[f32]) {
        for values in values.chunks(BYTES / size_of::<f32>()) {
            let mut line = Line::ZERO;
            line.0[..size_of_val(values)].copy_from_slice(bytemuck::cast_slice(values));
            self.lines(&[line]);
        }
    }
}
