//! The left side of products: activations, encoded for a precision.

use rayon::prelude::*;

use crate::kernels::Kernels;
use crate::line::Line;
use crate::precision::Precision;
use crate::rows::{LayerNorm, Quantised, lines_of};

/// Rows that are encoded in one task.
const ROWS_PER_TASK: usize = 32;

/// Activations, encoded as the left side of products.
pub struct Operand {
    pub(super) precision: Precision,
    /// Whole tiles of rows, each of `stride` lines.
    pub(super) lines: Vec<Line>,
    pub(super) stride: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// By row, if quantised.
    pub(super) quantised: Vec<Quantised>,
}

impl Default for Operand {
    fn default() -> Self {
        Self {
            precision: Precision::F32,
            lines: Vec::new(),
            stride: 0,
            rows: 0,
            columns: 0,
            quantised: Vec::new(),
        }
    }
}

impl Operand {
    /// The precision of the products it was encoded for.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Encodes `x`, `[rows][columns]`, each row after the layer norm if there is one. Memory is reused from call to call.
    /// Runs on the threads of the current rayon pool.
    pub fn set(
        &mut self,
        kernels: &Kernels,
        x: &[f32],
        columns: usize,
        norm: Option<LayerNorm>,
        precision: Precision,
    ) {
        let used = lines_of(columns, precision);
        // An odd number of lines, so that rows do not compete for the same places in the cache.
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
        let lines = self.lines[..rows * stride].par_chunks_mut(ROWS_PER_TASK * stride);
        let quantised = self.quantised[..rows].par_chunks_mut(ROWS_PER_TASK);
        x.par_chunks(ROWS_PER_TASK * columns)
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
