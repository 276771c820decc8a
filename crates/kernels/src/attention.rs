//! Scaled dot-product attention within one sequence, head by head, so that what a head needs stays in the cache.

use std::ops::Range;

use crate::kernels::Kernels;
use crate::lanes::LANES;
use crate::line::Line;
use crate::micro::{Factors, MicroKernel, Sums};
use crate::precision::Precision;
use crate::rows::lines_of;

/// Rows of a matrix in single precision.
#[derive(Clone, Copy)]
pub struct MatrixView<'a> {
    /// The values, from the first row on.
    pub data: &'a [f32],
    /// The number of rows.
    pub rows: usize,
    /// The distance between rows, in values.
    pub stride: usize,
}

impl<'a> MatrixView<'a> {
    fn row(&self, index: usize, columns: Range<usize>) -> &'a [f32] {
        &self.data[index * self.stride..][columns]
    }
}

/// Queries, keys and values of one sequence, each `[tokens][width]`. Head h has the h-th part of the width.
#[derive(Clone, Copy)]
pub struct AttentionInput<'a> {
    /// The queries.
    pub query: MatrixView<'a>,
    /// The keys.
    pub key: MatrixView<'a>,
    /// The values, as many as keys.
    pub value: MatrixView<'a>,
    /// The width of all heads together.
    pub width: usize,
    /// The number of heads.
    pub heads: usize,
    /// Whether query i attends to the first i + 1 keys only.
    pub causal: bool,
}

/// Writes `softmax(query * key^T / sqrt(width / heads)) * value`, computed for each head, to `out`,
/// `[queries][width]`. Factors are rounded to `precision`.
///
/// # Panics
/// If a slice is too short for its rows.
pub fn attend(kernels: &Kernels, input: &AttentionInput, precision: Precision, out: &mut [f32]) {
    let kernel = kernels.micro(precision);
    let AttentionInput {
        query,
        key,
        value,
        width,
        heads,
        causal,
    } = *input;
    let head_width = width / heads;
    let scale = (head_width as f32).sqrt().recip();
    let rows = query.rows.next_multiple_of(kernel.rows);
    let panels = |columns: usize| columns.div_ceil(LANES).next_multiple_of(kernel.panels);
    // Lines per row: of a head's factors, of the scores, and of the scores as factors.
    let across = lines_of(head_width, precision);
    let (sums, along) = (panels(key.rows), lines_of(key.rows, precision));
    // An odd number of lines, so that rows do not compete for the same places in the cache.
    let (query_stride, score_stride, mixed_stride) = (across | 1, along | 1, panels(head_width));
    let mut queries = vec![Line::ZERO; rows * query_stride];
    let mut keys = Panels::new(panels(key.rows), across * LANES);
    let mut values = Panels::new(panels(head_width), along * LANES);
    let mut scores = vec![Line::ZERO; rows * sums];
    let mut probabilities = vec![Line::ZERO; rows * score_stride];
    let mut mixed = vec![Line::ZERO; rows * mixed_stride];
    let mut encoded = vec![Line::ZERO; across];

    for first in (0..width).step_by(head_width) {
        let head = first..first + head_width;
        let query_lines = queries.chunks_exact_mut(query_stride);
        for (row, lines) in query_lines.take(query.rows).enumerate() {
            let row = query.row(row, head.clone());
            kernels.encode(row, precision, &mut lines[..across]);
        }
        for row in 0..key.rows {
            kernels.encode(key.row(row, head.clone()), precision, &mut encoded);
            keys.set_column(row, &encoded);
            kernels.encode(value.row(row, head.clone()), precision, &mut encoded);
            values.set_row(row, &encoded, precision);
        }
        keys.multiply(kernel, &queries, query_stride, &mut scores, sums);
        let score_lines = scores.chunks_exact_mut(sums).take(query.rows);
        let rows = score_lines.zip(probabilities.chunks_exact_mut(score_stride));
        for (i, (scores, probabilities)) in rows.enumerate() {
            let seen = if causal { i + 1 } else { key.rows };
            kernels.softmax(scores, seen, scale);
            let scores: &[f32] = bytemuck::cast_slice(scores);
            kernels.encode(&scores[..key.rows], precision, &mut probabilities[..along]);
        }
        values.multiply(
            kernel,
            &probabilities,
            score_stride,
            &mut mixed,
            mixed_stride,
        );
        let rows = mixed
            .chunks_exact(mixed_stride)
            .zip(out.chunks_exact_mut(width));
        for (mixed, out) in rows {
            let mixed: &[f32] = bytemuck::cast_slice(mixed);
            out[head.clone()].copy_from_slice(&mixed[..head_width]);
        }
    }
}

/// The right side of a product in panels of 16 columns, as `product` describes them.
struct Panels {
    lines: Vec<Line>,
    /// Groups per column.
    depth: usize,
}

impl Panels {
    fn new(panels: usize, depth: usize) -> Self {
        Self {
            lines: vec![Line::ZERO; panels * depth],
            depth,
        }
    }

    /// Sets a column from an encoded row. Setting all columns transposes a matrix.
    fn set_column(&mut self, column: usize, encoded: &[Line]) {
        let groups: &[u32] = bytemuck::cast_slice(encoded);
        let panel = &mut self.lines[column / LANES * self.depth..];
        let panel: &mut [[u32; LANES]] = bytemuck::cast_slice_mut(panel);
        for (line, group) in panel.iter_mut().zip(groups) {
            line[column % LANES] = *group;
        }
    }

    /// Sets a row. Its values share the groups of their columns with those of neighbouring rows.
    fn set_row(&mut self, row: usize, encoded: &[Line], precision: Precision) {
        match precision {
            Precision::F32 => self.interleave::<f32>(row, bytemuck::cast_slice(encoded)),
            Precision::Bf16 => self.interleave::<u16>(row, bytemuck::cast_slice(encoded)),
            Precision::Int8 => self.interleave::<u8>(row, bytemuck::cast_slice(encoded)),
        }
    }

    fn interleave<T: bytemuck::Pod>(&mut self, row: usize, values: &[T]) {
        let in_group = 4 / size_of::<T>();
        let panels = self.lines.chunks_exact_mut(self.depth);
        for (panel, values) in panels.zip(values.chunks(LANES)) {
            let line = std::slice::from_mut(&mut panel[row / in_group]);
            let groups = bytemuck::cast_slice_mut::<_, T>(line).chunks_exact_mut(in_group);
            for (group, value) in groups.zip(values) {
                group[row % in_group] = *value;
            }
        }
    }

    /// `out = a * self`. `a` is `[rows][depth]` with rows `stride` lines apart; `out`, in single precision, has rows of
    /// `out_stride` lines. Both consist of whole tiles.
    fn multiply(
        &self,
        kernel: &MicroKernel,
        a: &[Line],
        stride: usize,
        out: &mut [Line],
        out_stride: usize,
    ) {
        let mut sums = Sums::ZERO;
        // SAFETY: `Kernels` holds only what the processor has.
        unsafe { (kernel.prepare)() };
        for (i, panels) in self
            .lines
            .chunks_exact(kernel.panels * self.depth)
            .enumerate()
        {
            let tiles = out.chunks_exact_mut(kernel.rows * out_stride);
            for (a, out) in a.chunks(kernel.rows * stride).zip(tiles) {
                let factors = Factors::new(kernel, a, stride, panels, self.depth);
                // SAFETY: as above, and this thread is prepared.
                unsafe { (kernel.run)(factors, &mut sums) };
                let sums: &[Line] = sums.values();
                let rows = sums.chunks_exact(kernel.panels);
                for (sums, out) in rows.zip(out.chunks_exact_mut(out_stride)) {
                    out[i * kernel.panels..][..kernel.panels].copy_from_slice(sums);
                }
            }
        }
    }
}
