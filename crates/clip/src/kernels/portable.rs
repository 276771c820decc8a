//! The same arithmetic as plain loops in f64: what the fast kernels are tested against. Never used
//! in a build that ships.

use super::{Activation, Part};

/// `out += x * weights^T + bias`.
pub(super) fn linear(x: &[f32], weights: &[f32], bias: &[f32], inputs: usize, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(inputs).zip(out.chunks_exact_mut(bias.len())) {
        for ((weights, bias), out) in weights.chunks_exact(inputs).zip(bias).zip(out) {
            *out += (dot(x, weights) + f64::from(*bias)) as f32;
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}

fn row<'a>(part: Part<'a>, index: usize) -> &'a [f32] {
    &part.data[index * part.stride..][..part.columns]
}

pub(super) fn multiply_transposed(a: Part, b: Part, scale: f32) -> Vec<f32> {
    let element = |i, j| (dot(row(a, i), row(b, j)) * f64::from(scale)) as f32;
    (0..a.rows)
        .flat_map(|i| (0..b.rows).map(move |j| element(i, j)))
        .collect()
}

pub(super) fn multiply(a: Part, b: Part) -> Vec<f32> {
    let column = |j: usize| (0..b.rows).map(move |k| row(b, k)[j]).collect::<Vec<f32>>();
    let element = |i, j| dot(row(a, i), &column(j)) as f32;
    (0..a.rows)
        .flat_map(|i| (0..b.columns).map(move |j| element(i, j)))
        .collect()
}

pub(super) fn activate(activation: Activation, values: &[f32]) -> Vec<f32> {
    let function = |x: f64| match activation {
        Activation::Gelu => x * 0.5 * (1.0 + erf(x / std::f64::consts::SQRT_2)),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            x * 0.5 * (1.0 + inner.tanh())
        }
        Activation::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
    };
    values
        .iter()
        .map(|x| function(f64::from(*x)) as f32)
        .collect()
}

/// By its Taylor series, which converges quickly enough for the arguments of a test.
fn erf(x: f64) -> f64 {
    if x.abs() > 5.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        let n = f64::from(n);
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

pub(super) fn softmax(row: &[f32]) -> Vec<f32> {
    let exponentials: Vec<f64> = row.iter().map(|v| f64::from(*v).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|e| (e / sum) as f32).collect()
}

pub(super) fn layer_norm(row: &[f32], weight: &[f32], bias: &[f32], eps: f32) -> Vec<f32> {
    let count = row.len() as f64;
    let mean = row.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
    let variance = row
        .iter()
        .map(|v| (f64::from(*v) - mean).powi(2))
        .sum::<f64>()
        / count;
    let scale = 1.0 / (variance + f64::from(eps)).sqrt();
    row.iter()
        .zip(weight.iter().zip(bias))
        .map(|(v, (w, b))| ((f64::from(*v) - mean) * scale * f64::from(*w)) as f32 + b)
        .collect()
}
