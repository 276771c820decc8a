//! Every instruction set of this processor, against plain loops in f64, on shapes with ragged edges.

mod activation;
mod attention;
mod depthwise;
mod int8;
mod product;
mod resize;
mod rows;

use crate::{Epilogue, Kernels, LayerNorm, Operand, Weights};

/// All kernels of this processor, and those of AVX-512 without its extensions.
fn every() -> Vec<Kernels> {
    let all = Kernels::all();
    #[cfg(target_arch = "x86_64")]
    let all = {
        let plain = |kernels: Kernels| Kernels {
            name: "avx512 alone",
            bf16: Some(crate::sets::avx512::BF16),
            int8: None,
            ..kernels
        };
        let mut all = all;
        let again = Kernels::all().into_iter().find(|k| k.name == "avx512");
        all.splice(0..0, again.map(plain));
        all
    };
    all
}

/// Reproducible values between -1 and 1.
fn values(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn assert_close(actual: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
        let off = (f64::from(*a) - e).abs();
        assert!(off <= tolerance, "{what}: {a} for {e} at {i}");
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
    products.sum()
}

/// `x * weights^T + bias`.
fn linear(x: &[f32], weights: &[f32], bias: &[f32], inputs: usize) -> Vec<f64> {
    let row = |x: &[f32]| -> Vec<f64> {
        let weights = weights.chunks_exact(inputs).zip(bias);
        weights.map(|(w, b)| dot(x, w) + f64::from(*b)).collect()
    };
    x.chunks_exact(inputs).flat_map(row).collect()
}

/// `x`, normalised first if there is a norm, times `weights`, into `out`.
fn product(
    kernels: &Kernels,
    x: &[f32],
    weights: &Weights,
    norm: Option<LayerNorm>,
    epilogue: Epilogue,
    out: &mut [f32],
) {
    let mut operand = Operand::default();
    operand.set(kernels, x, weights.inputs(), norm, weights.precision());
    weights.multiply(kernels, &operand, epilogue, out);
}
