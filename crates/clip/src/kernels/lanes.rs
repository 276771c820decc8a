//! Sixteen floats at a time, on whatever registers the processor has, and the functions of single
//! values that towers need.
//!
//! An instruction set implements [`Lanes`]; everything else here and in `rows` is written once and
//! compiled for each of them. Nothing here knows of matrices.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LOG2_E};

use super::Activation;

/// Values that one [`Lanes`] holds.
pub(super) const LANES: usize = 16;

/// Sixteen `f32`.
///
/// # Safety
///
/// Every method may be called only on a processor that has the instruction set it is implemented
/// with, which is why all of them are unsafe. They have no other condition.
pub(super) trait Lanes: Copy {
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(values: &[f32; LANES]) -> Self;
    /// Each integer converted.
    unsafe fn from_integers(values: &[i32; LANES]) -> Self;
    unsafe fn store(self, values: &mut [f32; LANES]);
    /// `values` have to be 0 to 255; they are rounded to the nearest, ties to even.
    unsafe fn store_bytes(self, values: &mut [u8; LANES]);
    /// The upper halves of the bits, rounded to the nearest, ties to even.
    unsafe fn store_bf16(self, values: &mut [u16; LANES]);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// 1 divided by these, to within two units in the last place.
    unsafe fn reciprocal(self) -> Self;
    unsafe fn min(self, other: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    /// `self * factor + addend`, in one rounding where the processor can.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// 2 to the power of these values, which have to be integers from -126 to 127.
    unsafe fn power_of_two(self) -> Self;

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { self.folded(|a, b| a + b) }
    }

    /// All values combined pairwise: the order of a tree, the same on every processor.
    #[inline(always)]
    unsafe fn folded(self, with: impl Fn(f32, f32) -> f32) -> f32 {
        let mut values = [0.0; LANES];
        // SAFETY: the caller vouches for the instruction set.
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

/// `e^x`, to within two units in the last place where x is in -80..=88; beyond, its value there.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(super) unsafe fn exp<L: Lanes>(x: L) -> L {
    // SAFETY: as the caller vouches.
    unsafe {
        let x = x.max(L::splat(-80.0)).min(L::splat(88.0));
        // x = n ln 2 + r; adding and subtracting 1.5 * 2^23 rounds to an integer.
        let magic = L::splat(12_582_912.0);
        let n = x.mul_add(L::splat(LOG2_E), magic).sub(magic);
        let r = n.mul_add(L::splat(-0.693_145_75), x);
        let r = n.mul_add(L::splat(-1.428_606_8e-6), r);
        // The Taylor series to r^6 / 6!; |r| is at most ln 2 / 2.
        let mut p = L::splat(1.0 / 720.0);
        for coefficient in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
            p = p.mul_add(r, L::splat(coefficient));
        }
        p.mul(n.power_of_two())
    }
}

/// `activation(x)`.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(super) unsafe fn activate<L: Lanes>(activation: Activation, x: L) -> L {
    // SAFETY: as the caller vouches.
    unsafe {
        match activation {
            Activation::Gelu => gelu(x),
            Activation::GeluTanh => {
                // 0.5 (1 + tanh y) = sigmoid(2 y), y = sqrt(2 / pi) (x + 0.044715 x^3)
                let factor = 2.0 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
                let cubic = x
                    .mul(x)
                    .mul_add(L::splat(0.044_715 * factor), L::splat(factor));
                x.mul(sigmoid(x.mul(cubic)))
            }
            Activation::QuickGelu => x.mul(sigmoid(x.mul(L::splat(1.702)))),
            Activation::Relu6 => x.max(L::splat(0.0)).min(L::splat(6.0)),
        }
    }
}

/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
unsafe fn sigmoid<L: Lanes>(x: L) -> L {
    // SAFETY: as the caller vouches.
    unsafe {
        let one = L::splat(1.0);
        one.add(exp(L::splat(0.0).sub(x))).reciprocal()
    }
}

/// `x Phi(x)` with the error function of Abramowitz and Stegun, "Handbook of Mathematical
/// Functions", 7.1.26, whose error is below 1.5e-7.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
unsafe fn gelu<L: Lanes>(x: L) -> L {
    // SAFETY: as the caller vouches.
    unsafe {
        let (zero, one) = (L::splat(0.0), L::splat(1.0));
        let magnitude = x.max(zero.sub(x));
        let z = magnitude.mul(L::splat(FRAC_1_SQRT_2));
        let t = z.mul_add(L::splat(0.327_591_1), one).reciprocal();
        let mut p = L::splat(1.061_405_4);
        for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
            p = p.mul_add(t, L::splat(coefficient));
        }
        // The upper tail: 1 - Phi(|x|).
        let tail = p.mul(t).mul(L::splat(0.5)).mul(exp(zero.sub(z.mul(z))));
        // x Phi(x) is max(x, 0) - |x| (1 - Phi(|x|)).
        x.max(zero).sub(magnitude.mul(tail))
    }
}

/// `x Phi(x)` to within 1e-4 (up to 15), at less than half the cost, for what is rounded to `bf16` or bytes next: `Phi(x)`
/// is a half and an odd polynomial, fitted by Lawson's iteration to the least largest error up to 4.5.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(super) unsafe fn rough_gelu<L: Lanes>(x: L) -> L {
    // SAFETY: as the caller vouches.
    unsafe {
        let z = x.max(L::splat(-4.5)).min(L::splat(4.5));
        let square = z.mul(z);
        let mut p = L::splat(3.036_420_4e-11);
        for coefficient in [
            -3.314_662e-9,
            1.590_997_8e-7,
            -4.451_731_5e-6,
            8.142_519e-5,
            -1.037_591_5e-3,
            9.585_204e-3,
            -6.598_466e-2,
            3.987_126e-1,
        ] {
            p = p.mul_add(square, L::splat(coefficient));
        }
        x.mul(p.mul_add(z, L::splat(0.5)))
    }
}
