//! Products of activations and weights: the layout of both in memory, and the loops around a micro-kernel.
//!
//! Weights lie in panels of 16 outputs. A panel is a list of lines, and a line holds one group of four bytes for each of
//! its 16 outputs: one `f32`, two `bf16` or four `int8` of consecutive inputs. Activations lie row by row, in whole
//! lines. A micro-kernel reads four bytes of a row, multiplies them with one line of each of its panels, and advances by
//! one group; the layout is the same for every instruction set. Both sides are padded with zeros in depth, and rows come
//! in whole tiles, so there are no ragged edges.

mod operand;
mod pack;

use rayon::prelude::*;

use crate::kernels::Kernels;
use crate::lanes::LANES;
use crate::line::{BYTES, Lines, ReadLines, WriteLines};
use crate::micro::{Factors, MAX_PANELS, Sums};
use crate::precision::Precision;
use crate::rows::{Epilogue, Tile, lines_of};

pub use operand::Operand;

/// Bytes of activations that stay in a core's cache while all weights pass by.
const BLOCK_BYTES: usize = 1 << 20;

/// Bytes of output that stay in the cache until they are read again.
const OUTPUT_BYTES: usize = BLOCK_BYTES * 3 / 4;

/// With fewer rows, too little work is done on the weights that pass by, and a core would wait for memory.
const MIN_ROWS: usize = 48;

/// A layer's weights and bias, laid out for multiplication.
pub struct Weights {
    precision: Precision,
    lines: Lines,
    outputs: usize,
    inputs: usize,
    /// By output, up to the end of the last panel.
    bias: Vec<f32>,
    /// For quantised weights, by output: the scale, and the sum of the integers of all inputs.
    scales: Vec<f32>,
    column_sums: Vec<f32>,
}

impl Weights {
    /// Packs `weights`, `[outputs][inputs]` as PyTorch's `Linear` stores them, and `bias`, `[outputs]`. Quantised weights
    /// get a scale for each output.
    ///
    /// # Panics
    /// If `bias` has another length.
    pub fn new(
        weights: &[f32],
        bias: Option<&[f32]>,
        [outputs, inputs]: [usize; 2],
        precision: Precision,
    ) -> Self {
        let [panels, depth] = panels([outputs, inputs], precision);
        let mut padded_bias = vec![0.0; panels * LANES];
        if let Some(bias) = bias {
            padded_bias[..outputs].copy_from_slice(bias);
        }
        let packed = pack::pack(weights, inputs, [panels, depth], precision);
        Self {
            precision,
            lines: packed.lines.into(),
            outputs,
            inputs,
            bias: padded_bias,
            scales: packed.scales,
            column_sums: packed.column_sums,
        }
    }

    /// Weights of this shape that [`write`](Self::write) has stored.
    ///
    /// # Panics
    /// If the store returns another number of lines than it was asked for.
    pub fn read(stored: &mut impl ReadLines, shape: [usize; 2], precision: Precision) -> Self {
        let [panels, depth] = panels(shape, precision);
        let mut values = |exist: bool| match exist {
            true => stored.values(panels * LANES),
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
            lines: stored.lines(panels * depth),
        }
    }

    /// Stores the packed weights.
    pub fn write(&self, store: &mut impl WriteLines) {
        for values in [&self.bias, &self.scales, &self.column_sums] {
            store.values(values);
        }
        store.lines(&self.lines);
    }

    /// Values per row of activations.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Values per row of output.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The precision of the product.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Into how many rows to divide a product of `rows` rows so that its output stays in the caches of the cores that
    /// compute it. Parts are whole tiles of about equal size.
    pub fn rows_in_cache(&self, kernels: &Kernels, rows: usize) -> usize {
        let tile = kernels.micro(self.precision).rows;
        let fit = OUTPUT_BYTES / (self.outputs * size_of::<f32>());
        let most = fit.max(MIN_ROWS).max(4 * tile) / tile * tile;
        let parts = rows.div_ceil(most * rayon::current_num_threads()).max(1);
        rows.div_ceil(parts).max(1).next_multiple_of(tile)
    }

    /// Computes `x * weights^T + bias` and applies the epilogue to it and `out`, `[rows][outputs]`. Runs on the threads of
    /// the current rayon pool.
    ///
    /// # Panics
    /// If `x` was encoded for another precision or another number of inputs.
    pub fn multiply(&self, kernels: &Kernels, x: &Operand, epilogue: Epilogue, out: &mut [f32]) {
        assert!(x.precision == self.precision && x.columns == self.inputs);
        let fit = BLOCK_BYTES / (x.stride * BYTES);
        let share = x.rows.div_ceil(rayon::current_num_threads());
        let tile = kernels.micro(self.precision).rows;
        let block = fit.min(share).max(1).next_multiple_of(tile);
        out.par_chunks_mut(block * self.outputs)
            .enumerate()
            .for_each(|(i, out)| self.multiply_rows(kernels, x, i * block, epilogue, out));
    }

    /// Computes the rows from `first` on, as many as `out` has.
    fn multiply_rows<'a>(
        &'a self,
        kernels: &Kernels,
        x: &Operand,
        first: usize,
        epilogue: Epilogue,
        out: &mut [f32],
    ) {
        let kernel = kernels.micro(self.precision);
        let depth = lines_of(self.inputs, self.precision) * LANES;
        let tile_columns = kernel.panels * LANES;
        let mut sums = Sums::ZERO;
        // SAFETY: `Kernels` holds only what the processor has.
        unsafe { (kernel.prepare)() };
        // After the last output there may be a panel of zeros.
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
                    prefetch(&row[column..column + columns]);
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
                    lhs_offset: kernel.lhs_offset,
                    scales: quantised(&self.scales),
                    column_sums: quantised(&self.column_sums),
                    panels,
                    depth,
                    bias: &self.bias[covered.clone()],
                    epilogue,
                };
                kernels.finish(&tile, &mut out[column..], self.outputs, columns);
            }
        }
    }
}

/// Prefetches the memory where a tile's values will be written, so that the core need not wait for it then.
fn prefetch(values: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(BYTES / size_of::<f32>()) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: every x86-64 processor has the instruction, and it only fetches.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
    // Rust has no stable prefetch for other processors.
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// The number of panels for weights of `[outputs, inputs]`, and the lines per panel.
fn panels([outputs, inputs]: [usize; 2], precision: Precision) -> [usize; 2] {
    [
        outputs.div_ceil(LANES).next_multiple_of(MAX_PANELS),
        lines_of(inputs, precision) * LANES,
    ]
}
