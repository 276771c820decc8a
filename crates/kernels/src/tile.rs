//! The micro-kernel by itself, which benches measure whole products against.

use std::hint::black_box;

use crate::kernels::Kernels;
use crate::lanes::LANES;
use crate::line::Line;
use crate::micro::{Factors, Sums};
use crate::precision::Precision;

/// Lines per row that fit in the nearest cache, with a panel for each.
const DEPTH: usize = 8;

impl Kernels {
    /// Computes the same tile of a product `times` times, with both sides in the nearest cache. Returns the number of
    /// operations; a multiplication and an addition are two.
    pub fn repeat_tile(&self, precision: Precision, times: usize) -> f64 {
        let kernel = self.micro(precision);
        let a = vec![Line::ZERO; kernel.rows * (DEPTH + 1)];
        let b = vec![Line::ZERO; kernel.panels * DEPTH * LANES];
        let mut sums = Sums::ZERO;
        // SAFETY: `Kernels` holds only what the processor has.
        unsafe { (kernel.prepare)() };
        for _ in 0..times {
            let factors = Factors::new(kernel, black_box(&a), DEPTH + 1, &b, DEPTH * LANES);
            // SAFETY: as above, and this thread is prepared.
            unsafe { (kernel.run)(factors, &mut sums) };
        }
        black_box(sums);
        let values = DEPTH * size_of::<Line>() / precision.bytes();
        (2 * times * kernel.rows * kernel.panels * LANES * values) as f64
    }
}
