//! Sixteen floats at a time, in whatever registers an instruction set has.
//!
//! An instruction set implements [`Lanes`]; functions of values and rows are written once over it and compiled for each
//! set.

use std::f32::consts::LOG2_E;

/// Values in one [`Lanes`].
pub(crate) const LANES: usize = 16;

/// Sixteen `f32`.
///
/// # Safety
///
/// Every method is unsafe because it may be called only on a processor that has the instruction set of the
/// implementation. There is no other condition.
pub(crate) trait Lanes: Copy {
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(values: &[f32; LANES]) -> Self;
    unsafe fn from_integers(values: &[i32; LANES]) -> Self;
    unsafe fn store(self, values: &mut [f32; LANES]);
    /// Rounds to the nearest integer, ties to even. Values must be in 0..=255.
    unsafe fn store_bytes(self, values: &mut [u8; LANES]);
    /// Rounds to `bf16`, ties to even.
    unsafe fn store_bf16(self, values: &mut [u16; LANES]);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// 1 divided by each value, to within two units in the last place.
    unsafe fn reciprocal(self) -> Self;
    unsafe fn min(self, other: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    /// `self * factor + addend`, rounded once where the processor can.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// 2 to the power of each value. Values must be integers in -126..=127.
    unsafe fn power_of_two(self) -> Self;

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { self.reduce(|a, b| a + b) }
    }

    /// Combines the values pairwise, as a tree: the order is the same on every processor.
    #[inline(always)]
    unsafe fn reduce(self, with: impl Fn(f32, f32) -> f32) -> f32 {
        let mut values = [0.0; LANES];
        // SAFETY: the caller guarantees the instruction set.
        unsafe { self.store(&mut values) };
        let mut half = LANES / 2;
        while half > 0 {
            for i in 0..half {
                values[i] = with(values[i], values[i + half]);
            }
            half /= 2;
        }
        values[0]
    }
}

/// `e^x` to within two units in the last place, with x clamped to -80..=88.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(crate) unsafe fn exp<L: Lanes>(x: L) -> L {
    // SAFETY: the caller guarantees the instruction set.
    unsafe {
        let x = x.max(L::splat(-80.0)).min(L::splat(88.0));
        // x = n ln 2 + r; adding and subtracting 1.5 * 2^23 rounds to an integer.
        let magic = L::splat(12_582_912.0);
        let n = x.mul_add(L::splat(LOG2_E), magic).sub(magic);
        let r = n.mul_add(L::splat(-0.693_145_75), x);
        let r = n.mul_add(L::splat(-1.428_606_8e-6), r);
        // The Taylor series up to r^6 / 6!; |r| is at most ln 2 / 2.
        let mut p = L::splat(1.0 / 720.0);
        for coefficient in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
            p = p.mul_add(r, L::splat(coefficient));
        }
        p.mul(n.power_of_two())
    }
}
