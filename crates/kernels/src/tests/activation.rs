//! Activation functions, against their definitions.

use super::{assert_close, every, product};
use crate::{Activation, Epilogue, Precision, Weights};

/// An activation by its definition.
fn by_definition(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Gelu => x * 0.5 * (1.0 + erf(x / std::f64::consts::SQRT_2)),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            x * 0.5 * (1.0 + inner.tanh())
        }
        Activation::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
        Activation::Relu6 => x.clamp(0.0, 6.0),
    }
}

/// The error function by its Taylor series, which converges quickly enough for the arguments of a test.
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

#[test]
fn activations_agree_with_their_definitions() {
    let inputs: Vec<f32> = (-1500..=1500).map(|i| i as f32 / 100.0).collect();
    let weights = Weights::new(&[1.0], None, [1, 1], Precision::F32);
    let short = Weights::new(&[1.0], None, [1, 1], Precision::Bf16);
    for kernels in every() {
        for activation in [
            Activation::Gelu,
            Activation::GeluTanh,
            Activation::QuickGelu,
            Activation::Relu6,
        ] {
            let mut out = vec![0.0; inputs.len()];
            let epilogue = Epilogue::Activate(activation);
            product(&kernels, &inputs, &weights, None, epilogue, &mut out);
            let expected: Vec<f64> = inputs
                .iter()
                .map(|x| by_definition(activation, f64::from(*x)))
                .collect();
            let what = format!("{} {activation:?}", kernels.name);
            assert_close(&out, &expected, 3e-6, &what);

            // The same after a product in `bf16`, which does not change rounded values.
            let rounded: Vec<f32> = inputs
                .iter()
                .map(|x| half::bf16::from_f32(*x).to_f32())
                .collect();
            product(&kernels, &rounded, &short, None, epilogue, &mut out);
            let expected: Vec<f64> = rounded
                .iter()
                .map(|x| by_definition(activation, f64::from(*x)))
                .collect();
            assert_close(&out, &expected, 1e-4, &what);
        }
    }
}
