//! Products of activations and weights: how both lie in memory, and the loops around a micro-kernel.
//!
//! Weights lie in panels of 16 outputs. A panel is a list of lines; a line holds, for each of its
//! 16 outputs, one group of four bytes: one `f32`, two `bf16` or four `int8` of neighbouring
//! inputs. Activations lie row by row, in whole lines. So a micro-kernel reads four bytes of a row,
//! multiplies them with a line of each of its panels, and has advanced by one group; the layout
//! serves every instruction set. Both sides end in zeros, so there are no ragged edges in depth,
//! and rows are there in whole tiles, so there are none in height.

use rayon::prelude::*;

use super::lanes::LANES;
use super::line::{BYTES, Line, Lines, ReadLines, WriteLines};
use super::micro::{Factors, MOST_PANELS, MicroKernel, Sums};
use super::rows::{NormOf, Quantised, Then, Tile, lines_of};
use super::{Kernels, Precision};

/// Bytes of activations that stay in a core's cache while all weights pass by.
const BLOCK_BYTES: usize = 1 << 20;

/// Bytes of what comes out that stay there until they are read again.
const KEPT_BYTES: usize = BLOCK_BYTES * 3 / 4;

/// Rows below which all weights pass by for too little work: a core would wait for memory.
const LEAST_KEPT: usize = 48;

/// Rows that are encoded in one task.
const ROWS_A_TASK: usize = 32;

/// A layer's weights and bias, laid out for multiplication.
pub(crate) struct Weights {
    precision: Precision,
    lines: Lines,
    outputs: usize,
    inputs: usize,
    /// By output, as far as the last panel goes.
    bias: Vec<f32>,
    /// Of quantised weights, by output: what a unit stands for, and the sum of all inputs' units.
    scales: Vec<f32>,
    column_sums: Vec<f32>,
}

impl Weights {
    /// `weights` is `[outputs][inputs]`, as PyTorch's `Linear` stores them. Quantised weights have
    /// a scale for each output.
    pub(crate) fn new(
        weights: &[f32],
        bias: Option<&[f32]>,
        [outputs, inputs]: [usize; 2],
        precision: Precision,
    ) -> Self {
        let [panels, depth] = panels([outputs, inputs], precision);
        let mut packed = vec![Line::ZERO; panels * depth];
        let mut biases = vec![0.0; panels * LANES];
        if let Some(bias) = bias {
            biases[..outputs].copy_from_slice(bias);
        }
        // By panel, which are independent: by output, what a unit stands for, and the sum of all units.
        let units: Vec<[(f32, f32); LANES]> = packed
            .par_chunks_mut(depth.max(1))
            .enumerate()
            .map(|(panel, lines)| {
                let mut units = [(0.0, 0.0); LANES];
                let rows = weights.chunks_exact(inputs).skip(panel * LANES);
                for (output, row) in rows.take(LANES).enumerate() {
                    let places = lines
                        .iter_mut()
                        .map(|line| &mut line.0.as_chunks_mut::<4>().0[output]);
                    match precision {
                        Precision::F32 => {
                            for (place, value) in places.zip(row) {
                                *place = value.to_ne_bytes();
                            }
                        }
                        Precision::Bf16 => {
                            let half = |value| half::bf16::from_f32(value).to_bits();
                            let (pairs, last) = row.as_chunks::<2>();
                            let mut places = places;
                            for (pair, place) in pairs.iter().zip(places.by_ref()) {
                                *place = bytemuck::cast(pair.map(half));
                            }
                            if let (Some(place), [last]) = (places.next(), last) {
                                *place = bytemuck::cast([half(*last), 0]);
                            }
                        }
                        Precision::Int8 => {
                            let most = row.iter().fold(0.0f32, |most, w| most.max(w.abs()));
                            let scale = (most / 127.0).max(f32::MIN_POSITIVE);
                            let mut sum = 0i32;
                            for (place, values) in places.zip(row.chunks(4)) {
                                for (place, value) in place.iter_mut().zip(values) {
                                    let unit = (value / scale).round() as i8;
                                    sum += i32::from(unit);
                                    *place = unit.cast_unsigned();
                                }
                            }
                            units[output] = (scale, sum as f32);
                        }
                    }
                }
                units
            })
            .collect();
        let (scales, column_sums) = match precision {
            Precision::Int8 => units.into_iter().flatten().unzip(),
            _ => (Vec::new(), Vec::new()),
        };
        Self {
            precision,
            lines: Lines::Own(packed),
            outputs,
            inputs,
            bias: biases,
            scales,
            column_sums,
        }
    }

    /// Weights of this shape that were kept.
    pub(crate) fn read(kept: &mut impl ReadLines, shape: [usize; 2], precision: Precision) -> Self {
        let [panels, depth] = panels(shape, precision);
        let mut values = |wanted: bool| match wanted {
            true => kept.values(panels * LANES),
            false => Vec::new(),
        };
        let quantised = precision == Precision::Int8;
        Self {
            precision,
            outputs: shape[0],
            inputs: shape[1],
            bias: values(true),
            scales: values(quantised),
            column_sums: values(quantised),
            lines: kept.lines(panels * depth),
        }
    }

    /// Keeps them.
    pub(crate) fn write(&self, kept: &mut impl WriteLines) {
        for values in [&self.bias, &self.scales, &self.column_sums] {
            kept.values(values);
        }
        kept.lines(&self.lines);
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// A part of `rows`, in whole tiles and all parts about equal, whose outputs stay in the caches of the cores
    /// that compute them.
    pub(crate) fn rows_kept(&self, kernels: &Kernels, rows: usize) -> usize {
        let tile = kernels.micro(self.precision).rows;
        let fit = KEPT_BYTES / (self.outputs * size_of::<f32>());
        let most = fit.max(LEAST_KEPT).max(4 * tile) / tile * tile;
        let parts = rows.div_ceil(most * rayon::current_num_threads()).max(1);
        rows.div_ceil(parts).max(1).next_multiple_of(tile)
    }

    /// `then` of `x * weights^T + bias`, into `out`, which is `[rows][outputs]`.
    pub(crate) fn multiply(&self, kernels: &Kernels, x: &Operand, then: Then, out: &mut [f32]) {
        assert!(x.precision == self.precision && x.columns == self.inputs);
        let kernel = kernels.micro(self.precision);
        let fit = BLOCK_BYTES / (x.stride * BYTES);
        let share = x.rows.div_ceil(rayon::current_num_threads());
        let block = fit.min(share).max(1).next_multiple_of(kernel.rows);
        out.par_chunks_mut(block * self.outputs)
            .enumerate()
            .for_each(|(i, out)| self.multiply_rows(kernels, kernel, x, i * block, then, out));
    }

    /// The rows from `first` on, as many as `out` has.
    fn multiply_rows<'a>(
        &'a self,
        kernels: &Kernels,
        kernel: &MicroKernel,
        x: &Operand,
        first: usize,
        then: Then,
        out: &mut [f32],
    ) {
        let depth = lines_of(self.inputs, self.precision) * LANES;
        let tile_columns = kernel.panels * LANES;
        let mut sums = Sums::ZERO;
        // SAFETY: `Kernels` holds only what the processor has.
        unsafe { (kernel.prepare)() };
        // Behind the last output there may be a panel of nothing but zeros.
        let tiles = self.lines.chunks_exact(kernel.panels * depth);
        for (i, panels) in tiles.take(self.outputs.div_ceil(tile_columns)).enumerate() {
            let column = i * tile_columns;
            let columns = tile_columns.min(self.outputs - column);
            let covered = column..column + tile_columns;
            let quantised = |values: &'a [f32]| match self.precision {
                Precision::Int8 => &values[covered.clone()],
                _ => &[],
            };
            for (j, out) in out.chunks_mut(kernel.rows * self.outputs).enumerate() {
                let row = first + j * kernel.rows;
                let rows = out.len() / self.outputs;
                for row in out.chunks(self.outputs) {
                    fetch(&row[column..column + columns]);
                }
                let factors =
                    Factors::new(kernel, &x.lines[row * x.stride..], x.stride, panels, depth);
                // SAFETY: as above, and this thread is prepared.
                unsafe { (kernel.run)(factors, &mut sums) };
                let tile = Tile {
                    precision: self.precision,
                    sums: sums.values(),
                    integers: sums.values(),
                    stride: tile_columns,
                    rows: match self.precision {
                        Precision::Int8 => &x.quantised[row..row + rows],
                        _ => &[],
                    },
                    taken_off: kernel.taken_off,
                    scales: quantised(&self.scales),
                    column_sums: quantised(&self.column_sums),
                    panels,
                    depth,
                    bias: &self.bias[covered.clone()],
                    then,
                };
                kernels.finish(&tile, &mut out[column..], self.outputs, columns);
            }
        }
    }
}

/// Asks for the memory where values will be written once a tile is computed: otherwise the core waits for it then.
fn fetch(values: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(BYTES / size_of::<f32>()) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: every x86-64 processor has the instruction, and it does nothing but fetch.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
    // Rust has no stable way to ask other processors.
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// How many panels hold weights of `[outputs, inputs]`, and of how many lines each is.
fn panels([outputs, inputs]: [usize; 2], precision: Precision) -> [usize; 2] {
    [
        outputs.div_ceil(LANES).next_multiple_of(MOST_PANELS),
        lines_of(inputs, precision) * LANES,
    ]
}

/// Activations, encoded as the left side of products.
pub(crate) struct Operand {
    precision: Precision,
    /// Rows in whole tiles, each of `stride` lines.
    lines: Vec<Line>,
    stride: usize,
    rows: usize,
    columns: usize,
    /// By row, where quantised.
    quantised: Vec<Quantised>,
}

impl Operand {
    pub(crate) const EMPTY: Self = Self {
        precision: Precision::F32,
        lines: Vec::new(),
        stride: 0,
        rows: 0,
        columns: 0,
        quantised: Vec::new(),
    };

    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// Takes the rows of `x`, which is `[rows][columns]`, each through the layer norm first if
    /// there is one. The memory of what was there before is used again.
    pub(crate) fn set(
        &mut self,
        kernels: &Kernels,
        x: &[f32],
        columns: usize,
        norm: Option<NormOf>,
        precision: Precision,
    ) {
        let used = lines_of(columns, precision);
        // An odd number of lines: rows do not compete for the same places in the cache.
        let stride = used | 1;
        let rows = x.len() / columns;
        let tiles = rows.next_multiple_of(kernels.micro(precision).rows);
        if self.lines.len() < tiles * stride {
            self.lines.resize(tiles * stride, Line::ZERO);
        }
        if self.quantised.len() < rows {
            self.quantised.resize(rows, Quantised::default());
        }
        (self.precision, self.stride) = (precision, stride);
        (self.rows, self.columns) = (rows, columns);
        let lines = self.lines[..rows * stride].par_chunks_mut(ROWS_A_TASK * stride);
        let quantised = self.quantised[..rows].par_chunks_mut(ROWS_A_TASK);
        x.par_chunks(ROWS_A_TASK * columns)
            .zip(lines)
            .zip(quantised)
            .for_each(|((x, lines), quantised)| {
                let mut normed = vec![0.0; if norm.is_some() { columns } else { 0 }];
                let rows = x.chunks_exact(columns).zip(lines.chunks_mut(stride));
                for ((row, lines), quantised) in rows.zip(quantised) {
                    let row = match norm {
                        Some(norm) => {
                            kernels.layer_norm(row, norm, &mut normed);
                            &normed
                        }
                        None => row,
                    };
                    *quantised = kernels.encode(row, precision, &mut lines[..used]);
                }
            });
    }
}
