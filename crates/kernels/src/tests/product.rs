//! Products of all precisions.

use super::{assert_close, every, linear, product, values};
use crate::{Epilogue, LayerNorm, Precision, Weights};

/// Shapes around the sizes of tiles, panels, lines and groups.
fn shapes() -> impl Iterator<Item = [usize; 3]> {
    let rows = [1, 5, 6, 7, 12, 13, 31, 32, 33, 65];
    let outputs = [1, 15, 16, 17, 32, 33, 63, 64];
    let inputs = [1, 3, 16, 63, 64, 65, 130];
    rows.into_iter().flat_map(move |r| {
        let inputs = inputs.into_iter();
        inputs.flat_map(move |i| outputs.into_iter().map(move |o| [r, o, i]))
    })
}

#[test]
fn products_agree_with_plain_loops() {
    for kernels in every() {
        for precision in Precision::ALL {
            for [rows, outputs, inputs] in shapes() {
                let x = values(rows * inputs, 1);
                let weights = values(outputs * inputs, 2);
                let bias = values(outputs, 3);
                let packed = Weights::new(&weights, Some(&bias), [outputs, inputs], precision);
                let expected = linear(&x, &weights, &bias, inputs);
                // What rounding both factors costs at most, and what single precision does.
                let tolerance = match precision {
                    Precision::F32 => 2e-5,
                    Precision::Bf16 => inputs as f64 / 128.0,
                    Precision::Int8 => inputs as f64 / 80.0,
                };
                let what = format!(
                    "{} {precision:?}: {rows}x{inputs} by {inputs}x{outputs}",
                    kernels.name
                );
                let mut out = vec![7.0; rows * outputs];
                product(&kernels, &x, &packed, None, Epilogue::Store, &mut out);
                assert_close(&out, &expected, tolerance, &what);
                let twice: Vec<f64> = expected
                    .iter()
                    .zip(&out)
                    .map(|(e, out)| e + f64::from(*out))
                    .collect();
                product(&kernels, &x, &packed, None, Epilogue::Add, &mut out);
                assert_close(&out, &twice, tolerance, &format!("{what}, added"));
            }
        }
    }
}

#[test]
fn every_instruction_set_rounds_as_the_portable_one() {
    let all = every();
    let portable = all.last().expect("always there");
    for precision in [Precision::Bf16, Precision::Int8] {
        for [rows, outputs, inputs] in shapes() {
            let (x, weights) = (values(rows * inputs, 4), values(outputs * inputs, 5));
            let weights = Weights::new(&weights, None, [outputs, inputs], precision);
            let mut expected = vec![0.0; rows * outputs];
            product(portable, &x, &weights, None, Epilogue::Store, &mut expected);
            let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
            for kernels in &all {
                let mut out = vec![0.0; rows * outputs];
                product(kernels, &x, &weights, None, Epilogue::Store, &mut out);
                // A value between two units may be rounded up here and down there.
                let tolerance = match precision {
                    Precision::Int8 => 2.0 / 127.0,
                    _ => 1e-4,
                };
                let what = format!("{} {precision:?} {rows} {outputs} {inputs}", kernels.name);
                assert_close(&out, &expected, tolerance, &what);
            }
        }
    }
}

#[test]
fn a_row_of_a_product_does_not_depend_on_the_others() {
    let (rows, inputs, outputs) = (67, 300, 70);
    let x = values(rows * inputs, 5);
    let (weight, bias) = (values(inputs, 6), values(inputs, 7));
    let norm = LayerNorm {
        weight: &weight,
        bias: &bias,
        eps: 1e-5,
    };
    for kernels in every() {
        for precision in Precision::ALL {
            let weights = values(outputs * inputs, 8);
            let weights = Weights::new(&weights, None, [outputs, inputs], precision);
            let mut all = vec![0.0; rows * outputs];
            product(
                &kernels,
                &x,
                &weights,
                Some(norm),
                Epilogue::Store,
                &mut all,
            );
            for row in 0..rows {
                let mut one = vec![0.0; outputs];
                let x = &x[row * inputs..][..inputs];
                product(&kernels, x, &weights, Some(norm), Epilogue::Store, &mut one);
                let what = format!("{} {precision:?}, row {row}", kernels.name);
                assert_eq!(one, all[row * outputs..][..outputs], "{what}");
            }
        }
    }
}
