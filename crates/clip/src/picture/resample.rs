//! Resizing exactly as Pillow does, because models are trained and used with it.
//!
//! Pillow's method for 8-bit images (libImaging/Resample.c): a filter that widens with the reduction, so that every source
//! pixel counts (antialiasing); weights as 22-bit fixed-point numbers; one pass per axis, rounded to bytes between the
//! two; no pass for an axis that keeps its size. Only the part of the result inside a window is computed, so that a crop
//! costs its own size, and an image one pixel wide cannot require gigabytes.

use phototag_kernels::{Group, Kernels, WEIGHT_BITS, Windows};

use super::pixels::Pixels;

/// The interpolations of published models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// A triangle, one pixel to each side.
    Bilinear,
    /// The cubic convolution with a = -0.5, two pixels to each side.
    Bicubic,
}

impl Filter {
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Self::Bilinear if x < 1.0 => 1.0 - x,
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            _ => 0.0,
        }
    }
}

/// A part of the resized image, in pixels. It lies inside the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Resizes the `area` (left, top, width, height in pixels and fractions: Pillow's `box`) of an image to `size` (width,
/// height). Returns the part in `window`, `[height][width][3]`.
pub(crate) fn resize(
    pixels: &Pixels,
    area: [f64; 4],
    size: (u32, u32),
    window: Window,
    filter: Filter,
) -> Vec<u8> {
    let [left, top, across, down] = area;
    let columns = Axis {
        source: pixels.width(),
        start: left,
        length: across,
        target: size.0,
    };
    let columns = Taps::new(columns, window.left, window.width, filter);
    let rows = Axis {
        source: pixels.height(),
        start: top,
        length: down,
        target: size.1,
    };
    let rows = Taps::new(rows, window.top, window.height, filter);
    let row_bytes = pixels.width() as usize * 3;
    if rows_first((pixels.width(), pixels.height()), size) {
        let low = resize_columns(pixels.rgb(), row_bytes, &rows, 0);
        return resize_rows(&low, row_bytes, &columns);
    }
    let (first, last) = rows.range();
    let needed = &pixels.rgb()[first * row_bytes..last * row_bytes];
    let narrow = resize_rows(needed, row_bytes, &columns);
    resize_columns(&narrow, window.width as usize * 3, &rows, first)
}

/// Whether rows are reduced before columns: since Pillow 13 (pull request 9549), if the image loses more than twice as
/// many rows as columns. The exact rule was found by resizing images of many sizes with Pillow 13.0.
fn rows_first(from: (u32, u32), to: (u32, u32)) -> bool {
    let lost = |from: u32, to: u32| i64::from(from) - i64::from(to);
    let rows = lost(from.1, to.1);
    rows > 0 && rows > 2 * lost(from.0, to.0)
}

/// One axis of a resize: `length` of the `source` pixels, from `start` on, become `target` pixels.
struct Axis {
    source: u32,
    start: f64,
    length: f64,
    target: u32,
}

/// For each pixel of the result along one axis, the source pixels that count, and their weights.
struct Taps {
    starts: Vec<usize>,
    /// `[pixels][taps]`. All pixels have the same number of taps; unused ones at the end are zero.
    weights: Vec<i32>,
    taps: usize,
}

impl Taps {
    fn new(axis: Axis, from: u32, count: u32, filter: Filter) -> Self {
        let source = f64::from(axis.source);
        if axis.start == 0.0 && axis.length == source && axis.source == axis.target {
            let starts = (from as usize..(from + count) as usize).collect();
            return Self {
                starts,
                weights: vec![1 << WEIGHT_BITS; count as usize],
                taps: 1,
            };
        }
        let scale = axis.length / f64::from(axis.target);
        let stretch = scale.max(1.0);
        let support = filter.support() * stretch;
        let mut starts = Vec::with_capacity(count as usize);
        let mut lists = Vec::with_capacity(count as usize);
        for pixel in from..from + count {
            let centre = axis.start + (f64::from(pixel) + 0.5) * scale;
            let start = (centre - support + 0.5).max(0.0).trunc();
            let end = (centre + support + 0.5).trunc().min(source);
            let list: Vec<f64> = (0..(end - start) as usize)
                .map(|i| filter.weight((i as f64 + start - centre + 0.5) * (1.0 / stretch)))
                .collect();
            starts.push(start as usize);
            lists.push(list);
        }
        let taps = lists.iter().map(Vec::len).max().unwrap_or(1);
        let mut weights = vec![0; taps * count as usize];
        for (list, weights) in lists.iter().zip(weights.chunks_exact_mut(taps)) {
            let sum: f64 = list.iter().sum();
            for (weight, fixed) in list.iter().zip(weights) {
                let scaled = weight / sum * f64::from(1 << WEIGHT_BITS);
                *fixed = (scaled + 0.5f64.copysign(scaled)) as i32;
            }
        }
        // Pixels near the far edge have fewer taps; they start earlier, so that every tap of every pixel lies inside the
        // source.
        let source = axis.source as usize;
        for (start, weights) in starts.iter_mut().zip(weights.chunks_exact_mut(taps)) {
            let beyond = (*start + taps).saturating_sub(source);
            weights.rotate_right(beyond);
            *start -= beyond;
        }
        Self {
            starts,
            weights,
            taps,
        }
    }

    /// The source pixels that count for any pixel of the result: the first, and one past the last.
    fn range(&self) -> (usize, usize) {
        let first = self.starts.iter().min().copied().unwrap_or(0);
        let last = self.starts.iter().max().map_or(0, |last| last + self.taps);
        (first, last)
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.starts
            .iter()
            .copied()
            .zip(self.weights.chunks_exact(self.taps))
    }
}

/// Rows that are resized together: as many as fit in a group, with four bytes each.
const ROWS: usize = size_of::<Group>() / 4;

fn resize_rows(source: &[u8], row_bytes: usize, columns: &Taps) -> Vec<u8> {
    let kernels = Kernels::chosen_or_portable();
    let windows = Windows {
        starts: &columns.starts,
        weights: &columns.weights,
    };
    let width = columns.starts.len();
    let mut result = vec![0; source.len() / row_bytes * width * 3];
    // For each column, the pixels of all rows.
    let mut groups: Vec<Group> = vec![[0; _]; row_bytes / 3];
    let mut narrow: Vec<Group> = vec![[0; _]; width];
    let blocks = source.chunks(ROWS * row_bytes);
    for (rows, results) in blocks.zip(result.chunks_mut(ROWS * width * 3)) {
        for (i, row) in rows.chunks_exact(row_bytes).enumerate() {
            for (group, pixel) in groups.iter_mut().zip(row.as_chunks::<3>().0) {
                group[4 * i..4 * i + 3].copy_from_slice(pixel);
            }
        }
        kernels.sum_along(&groups, windows, &mut narrow);
        for (i, row) in results.chunks_exact_mut(width * 3).enumerate() {
            for (pixel, group) in row.as_chunks_mut::<3>().0.iter_mut().zip(&narrow) {
                pixel.copy_from_slice(&group[4 * i..4 * i + 3]);
            }
        }
    }
    result
}

/// `source` starts with row `first` of the image.
fn resize_columns(source: &[u8], row_bytes: usize, rows: &Taps, first: usize) -> Vec<u8> {
    let kernels = Kernels::chosen_or_portable();
    let mut result = vec![0; rows.starts.len() * row_bytes];
    for ((start, weights), out) in rows.iter().zip(result.chunks_exact_mut(row_bytes)) {
        kernels.sum_across(&source[(start - first) * row_bytes..], weights, out);
    }
    result
}
