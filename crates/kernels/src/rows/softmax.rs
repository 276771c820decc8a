//! Softmax of a row of attention scores.

use crate::lanes::{LANES, Lanes, exp};
use crate::line::Line;

/// Softmax of the first `seen` values of `row` times `scale`, followed by zeros.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(crate) unsafe fn softmax<L: Lanes>(row: &mut [Line], seen: usize, scale: f32) {
    let row: &mut [[f32; LANES]] = bytemuck::cast_slice_mut(row);
    let (used, behind) = row.split_at_mut(seen.div_ceil(LANES));
    behind.fill([0.0; LANES]);
    if let Some(last) = used.last_mut() {
        last[(seen - 1) % LANES + 1..].fill(f32::NEG_INFINITY);
    }
    // SAFETY: the caller guarantees the instruction set.
    unsafe {
        let mut most = L::splat(f32::NEG_INFINITY);
        for values in used.iter() {
            most = most.max(L::load(values));
        }
        let most = L::splat(most.reduce(f32::max) * scale);
        let scale = L::splat(scale);
        let mut sum = L::splat(0.0);
        for values in used.iter_mut() {
            let power = exp(L::load(values).mul(scale).sub(most));
            power.store(values);
            sum = sum.add(power);
        }
        // What was minus infinity is e^-80 now: too small to change the sum, but not zero.
        let inverse = L::splat(1.0 / sum.sum());
        for values in used.iter_mut() {
            L::load(values).mul(inverse).store(values);
        }
    }
    if let Some(last) = used.last_mut() {
        last[(seen - 1) % LANES + 1..].fill(0.0);
    }
}
