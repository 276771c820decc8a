//! Memory in the shape that products need: aligned lines of 64 bytes, each of 16 groups of four bytes.

use std::ops::{Deref, Range};
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

/// Bytes per line.
pub(crate) const BYTES: usize = 64;

/// A cache line: 16 `f32`, 32 `bf16` or 64 `int8`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Line(pub(crate) [u8; BYTES]);

impl Line {
    /// A line of zeros.
    pub const ZERO: Self = Self([0; BYTES]);
}

/// Lines in memory of their own, or inside bytes that are shared, such as a mapped file.
pub struct Lines(Storage);

enum Storage {
    Owned(Vec<Line>),
    Shared(SharedBytes, Range<usize>),
}

/// Bytes that several owners look at. They must not change or move while they are shared.
pub type SharedBytes = Arc<dyn Deref<Target = [u8]> + Send + Sync>;

impl Lines {
    /// The lines at `range` of `bytes`. `None` if the range ends beyond the bytes, starts at an unaligned address, or
    /// does not hold whole lines.
    pub fn shared(bytes: SharedBytes, range: Range<usize>) -> Option<Self> {
        bytemuck::try_cast_slice::<u8, Line>(bytes.get(range.clone())?).ok()?;
        Some(Self(Storage::Shared(bytes, range)))
    }
}

impl From<Vec<Line>> for Lines {
    fn from(lines: Vec<Line>) -> Self {
        Self(Storage::Owned(lines))
    }
}

impl Deref for Lines {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        match &self.0 {
            Storage::Owned(lines) => lines,
            Storage::Shared(bytes, range) => bytemuck::cast_slice(&bytes[range.clone()]),
        }
    }
}

/// A source of stored lines, read block after block.
pub trait ReadLines {
    /// The next block, which has exactly `count` lines.
    fn lines(&mut self, count: usize) -> Lines;

    /// The next block, as `count` values.
    fn values(&mut self, count: usize) -> Vec<f32> {
        let lines = self.lines((count * size_of::<f32>()).div_ceil(BYTES));
        bytemuck::cast_slice(&lines)[..count].to_vec()
    }
}

/// A store of lines, written block after block.
pub trait WriteLines {
    /// Appends a block.
    fn lines(&mut self, lines: &[Line]);

    /// Appends a block of values, with zeros up to the end of its last line.
    fn values(&mut self, values: &[f32]) {
        for values in values.chunks(BYTES / size_of::<f32>()) {
            let mut line = Line::ZERO;
            line.0[..size_of_val(values)].copy_from_slice(bytemuck::cast_slice(values));
            self.lines(&[line]);
        }
    }
}
