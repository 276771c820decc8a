//! What is particular to products of bytes.

use super::{assert_close, every, linear, product, values};
use crate::{Epilogue, Kernels, Precision, Weights};

#[test]
fn outliers_cost_the_other_values_no_precision() {
    let (rows, inputs, outputs) = (9, 300, 40);
    let plain = values(rows * inputs, 9);
    let weights = values(outputs * inputs, 10);
    let packed = Weights::new(&weights, None, [outputs, inputs], Precision::Int8);
    let error = |kernels: &Kernels, x: &[f32]| {
        let mut out = vec![0.0; rows * outputs];
        product(kernels, x, &packed, None, Epilogue::Store, &mut out);
        let expected = linear(x, &weights, &vec![0.0; outputs], inputs);
        let off = out
            .iter()
            .zip(&expected)
            .map(|(a, e)| (f64::from(*a) - e).powi(2));
        (off.sum::<f64>() / out.len() as f64).sqrt()
    };
    // No row is alike: in the first there is none, in the others in other columns, the last included.
    let mut planted = plain.clone();
    for row in 1..rows {
        for (column, times) in [(row, 20.0), (7 * row, -60.0), (inputs - 1, 40.0)] {
            planted[row * inputs + column] = times;
        }
    }
    for kernels in every() {
        let (before, after) = (error(&kernels, &plain), error(&kernels, &planted));
        // The outliers' own weights are rounded too, and they are 20 to 60 times as large.
        assert!(after < 8.0 * before, "{}: {before} {after}", kernels.name);
        let same = |x: &[f32]| {
            let mut out = vec![0.0; rows * outputs];
            product(&kernels, x, &packed, None, Epilogue::Store, &mut out);
            out
        };
        assert_eq!(
            same(&plain)[..outputs],
            same(&planted)[..outputs],
            "{}",
            kernels.name
        );
    }
}

#[test]
fn sums_of_bytes_are_exact() {
    // Whole numbers that bytes hold exactly, at the ends of their ranges.
    let (rows, outputs, inputs) = (3, 20, 700);
    let x: Vec<f32> = (0..rows * inputs).map(|i| (i % 256) as f32).collect();
    let weights: Vec<f32> = (0..outputs * inputs)
        .map(|i| (i * 7 % 255) as f32 - 127.0)
        .collect();
    let packed = Weights::new(&weights, None, [outputs, inputs], Precision::Int8);
    let expected = linear(&x, &weights, &vec![0.0; outputs], inputs);
    for kernels in every() {
        let mut out = vec![0.0; rows * outputs];
        product(&kernels, &x, &packed, None, Epilogue::Store, &mut out);
        assert_close(&out, &expected, 2.0, kernels.name);
    }
}
