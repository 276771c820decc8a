//! Activation functions, on 16 values at a time.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use crate::lanes::{Lanes, exp};

/// What is applied to a layer's outputs before the next layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x * Phi(x)`, with the exact normal distribution function.
    Gelu,
    /// GELU approximated by a hyperbolic tangent (PyTorch's `approximate="tanh"`).
    GeluTanh,
    /// GELU approximated by `x * sigmoid(1.702 x)`, as OpenAI's CLIP has it.
    QuickGelu,
    /// Clamped to 0..=6, as in MobileNets.
    Relu6,
}

/// `activation(x)`.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(crate) unsafe fn activate<L: Lanes>(activation: Activation, x: L) -> L {
    // SAFETY: the caller guarantees the instruction set.
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
    // SAFETY: the caller guarantees the instruction set.
    unsafe {
        let one = L::splat(1.0);
        one.add(exp(L::splat(0.0).sub(x))).reciprocal()
    }
}

/// `x Phi(x)`, with the error function of Abramowitz and Stegun, "Handbook of Mathematical Functions", 7.1.26, whose
/// error is below 1.5e-7.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
unsafe fn gelu<L: Lanes>(x: L) -> L {
    // SAFETY: the caller guarantees the instruction set.
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

/// `x Phi(x)` to within 1e-4 for |x| up to 15, at less than half the cost, for values that are rounded to `bf16` or
/// bytes next. `Phi(x)` is one half plus an odd polynomial, a minimax fit by Lawson's iteration for |x| up to 4.5.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(crate) unsafe fn fast_gelu<L: Lanes>(x: L) -> L {
    // SAFETY: the caller guarantees the instruction set.
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
