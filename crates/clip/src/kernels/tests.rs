//! Every instruction set that this processor has, against plain loops in f64, on shapes with ragged
//! edges.

use super::*;
use rows::lines_of;

/// All that this processor has, and AVX-512 without the units beside it.
fn every() -> Vec<Kernels> {
    let all = Kernels::all();
    #[cfg(target_arch = "x86_64")]
    let all = {
        let plain = |kernels: Kernels| Kernels {
            name: "avx512 without units",
            bf16: Some(avx512::BF16),
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

fn function(activation: Activation, x: f64) -> f64 {
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

fn product(
    kernels: &Kernels,
    x: &[f32],
    weights: &Weights,
    norm: Option<NormOf>,
    then: Then,
    out: &mut [f32],
) {
    let mut operand = Operand::EMPTY;
    operand.set(kernels, x, weights.inputs(), norm, weights.precision());
    weights.multiply(kernels, &operand, then, out);
}

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
                product(&kernels, &x, &packed, None, Then::Store, &mut out);
                assert_close(&out, &expected, tolerance, &what);
                let twice: Vec<f64> = expected
                    .iter()
                    .zip(&out)
                    .map(|(e, out)| e + f64::from(*out))
                    .collect();
                product(&kernels, &x, &packed, None, Then::Add, &mut out);
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
            product(portable, &x, &weights, None, Then::Store, &mut expected);
            let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
            for kernels in &all {
                let mut out = vec![0.0; rows * outputs];
                product(kernels, &x, &weights, None, Then::Store, &mut out);
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
fn outliers_cost_the_other_values_no_precision() {
    let (rows, inputs, outputs) = (9, 300, 40);
    let plain = values(rows * inputs, 9);
    let weights = values(outputs * inputs, 10);
    let packed = Weights::new(&weights, None, [outputs, inputs], Precision::Int8);
    let error = |kernels: &Kernels, x: &[f32]| {
        let mut out = vec![0.0; rows * outputs];
        product(kernels, x, &packed, None, Then::Store, &mut out);
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
            product(&kernels, x, &packed, None, Then::Store, &mut out);
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
        product(&kernels, &x, &packed, None, Then::Store, &mut out);
        assert_close(&out, &expected, 2.0, kernels.name);
    }
}

#[test]
fn a_row_of_a_product_does_not_depend_on_the_others() {
    let (rows, inputs, outputs) = (67, 300, 70);
    let x = values(rows * inputs, 5);
    let (weight, bias) = (values(inputs, 6), values(inputs, 7));
    let norm = NormOf {
        weight: &weight,
        bias: &bias,
        eps: 1e-5,
    };
    for kernels in every() {
        for precision in Precision::ALL {
            let weights = values(outputs * inputs, 8);
            let weights = Weights::new(&weights, None, [outputs, inputs], precision);
            let mut all = vec![0.0; rows * outputs];
            product(&kernels, &x, &weights, Some(norm), Then::Store, &mut all);
            for row in 0..rows {
                let mut one = vec![0.0; outputs];
                let x = &x[row * inputs..][..inputs];
                product(&kernels, x, &weights, Some(norm), Then::Store, &mut one);
                let what = format!("{} {precision:?}, row {row}", kernels.name);
                assert_eq!(one, all[row * outputs..][..outputs], "{what}");
            }
        }
    }
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
            let then = Then::Activate(activation);
            product(&kernels, &inputs, &weights, None, then, &mut out);
            let expected: Vec<f64> = inputs
                .iter()
                .map(|x| function(activation, f64::from(*x)))
                .collect();
            let what = format!("{} {activation:?}", kernels.name);
            assert_close(&out, &expected, 3e-6, &what);

            // Of the same values after a product in `bf16`, which they get through unchanged.
            let rounded: Vec<f32> = inputs
                .iter()
                .map(|x| half::bf16::from_f32(*x).to_f32())
                .collect();
            product(&kernels, &rounded, &short, None, then, &mut out);
            let expected: Vec<f64> = rounded
                .iter()
                .map(|x| function(activation, f64::from(*x)))
                .collect();
            assert_close(&out, &expected, 1e-4, &what);
        }
    }
}

#[test]
fn layer_norms_agree_with_their_definition() {
    for columns in [1, 15, 16, 17, 77, 768] {
        let row: Vec<f32> = values(columns, 9).iter().map(|v| v * 3.0 + 2.0).collect();
        let (weight, bias) = (values(columns, 10), values(columns, 11));
        let count = columns as f64;
        let mean = row.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
        let squares = row.iter().map(|v| (f64::from(*v) - mean).powi(2));
        let scale = 1.0 / (squares.sum::<f64>() / count + 1e-5).sqrt();
        let expected: Vec<f64> = (0..columns)
            .map(|i| (f64::from(row[i]) - mean) * scale * f64::from(weight[i]) + f64::from(bias[i]))
            .collect();
        let norm = NormOf {
            weight: &weight,
            bias: &bias,
            eps: 1e-5,
        };
        for kernels in every() {
            let mut out = vec![0.0; columns];
            kernels.layer_norm(&row, norm, &mut out);
            assert_close(
                &out,
                &expected,
                1e-5,
                &format!("{} {columns}", kernels.name),
            );
        }
    }
}

#[test]
fn softmax_sees_as_far_as_it_may() {
    for kernels in every() {
        for (seen, scale) in [(1, 1.0), (15, 0.5), (16, 1.0), (17, 2.0), (40, 90.0)] {
            let row = values(48, 12);
            let seen_values = row[..seen].iter().map(|v| f64::from(*v) * f64::from(scale));
            let most = seen_values.clone().fold(f64::MIN, f64::max);
            let powers: Vec<f64> = seen_values.map(|v| (v - most).exp()).collect();
            let sum: f64 = powers.iter().sum();
            let mut expected: Vec<f64> = powers.iter().map(|power| power / sum).collect();
            expected.resize(48, 0.0);
            let mut lines = vec![Line::ZERO; lines_of(48, Precision::F32)];
            bytemuck::cast_slice_mut(&mut lines).copy_from_slice(&row);
            kernels.softmax(&mut lines, seen, scale);
            let what = format!("{} {seen}", kernels.name);
            assert_close(bytemuck::cast_slice(&lines), &expected, 1e-6, &what);
        }
    }
}

#[test]
fn attention_agrees_with_plain_loops() {
    // Heads narrower than a line, as wide as one, and ending within one.
    for (queries, keys, heads, head_width, causal) in [
        (1, 50, 2, 64, false),
        (50, 50, 3, 16, false),
        (7, 7, 2, 72, true),
        (33, 33, 1, 5, true),
        (13, 100, 2, 88, false),
    ] {
        let width = heads * head_width;
        let (query, key_value) = (values(queries * width, 13), values(keys * 2 * width, 14));
        let part = |data, rows, stride| Part { data, rows, stride };
        let sequence = Sequence {
            query: part(&query, queries, width),
            key: part(&key_value, keys, 2 * width),
            value: part(&key_value[width..], keys, 2 * width),
            causal,
        };
        let mut expected = vec![0.0f64; queries * width];
        for head in 0..heads {
            for i in 0..queries {
                let columns = head * head_width..(head + 1) * head_width;
                let query = &query[i * width..][columns.clone()];
                let seen = if causal { i + 1 } else { keys };
                let row = |j: usize| &key_value[j * 2 * width..][columns.clone()];
                let powers: Vec<f64> = (0..seen)
                    .map(|j| (dot(query, row(j)) / (head_width as f64).sqrt()).exp())
                    .collect();
                let sum: f64 = powers.iter().sum();
                for (j, power) in powers.iter().enumerate() {
                    let values = &key_value[j * 2 * width + width..][columns.clone()];
                    let out = &mut expected[i * width..][columns.clone()];
                    for (out, value) in out.iter_mut().zip(values) {
                        *out += power / sum * f64::from(*value);
                    }
                }
            }
        }
        for kernels in every() {
            for (precision, tolerance) in [(Precision::F32, 2e-6), (Precision::Bf16, 1e-2)] {
                let mut out = vec![9.0; queries * width];
                attend(&kernels, &sequence, width, heads, precision, &mut out);
                let what = format!("{} {precision:?} {queries}x{keys}x{width}", kernels.name);
                assert_close(&out, &expected, tolerance, &what);
            }
        }
    }
}

#[test]
fn channels_by_themselves_agree_with_plain_loops() {
    for (width, height, channels, side, stride, before) in [
        (9, 7, 5, 3, 1, 1),
        (8, 8, 16, 3, 2, 0),
        (5, 6, 83, 5, 2, 2),
        (1, 2, 144, 5, 1, 2),
        (7, 7, 64, 1, 1, 0),
    ] {
        // Zeros behind the last row and column as many as before the first.
        let after = |length: usize| (length + 2 * before - side) / stride + 1;
        let map = values(width * height * channels, 15);
        let (weights, bias) = (values(channels * side * side, 16), values(channels, 17));
        let depthwise = Depthwise::new(&weights, &bias, side, stride, before);
        let sum = |row: usize, column: usize, channel: usize| {
            let mut sum = f64::from(bias[channel]);
            for (i, j) in (0..side * side).map(|tap| (tap / side, tap % side)) {
                let y = (row * stride + i)
                    .checked_sub(before)
                    .filter(|y| *y < height);
                let x = (column * stride + j)
                    .checked_sub(before)
                    .filter(|x| *x < width);
                if let (Some(y), Some(x)) = (y, x) {
                    let value = map[(y * width + x) * channels + channel];
                    sum += f64::from(value) * f64::from(weights[(channel * side + i) * side + j]);
                }
            }
            sum.clamp(0.0, 6.0)
        };
        for kernels in every() {
            for row in 0..after(height) {
                let expected: Vec<f64> = (0..after(width) * channels)
                    .map(|at| sum(row, at / channels, at % channels))
                    .collect();
                let seen = depthwise.sees(row, height);
                let seen = &map[seen.start * width * channels..seen.end * width * channels];
                let mut out = vec![9.0; after(width) * channels];
                depthwise.row(&kernels, row, seen, width, &mut out);
                assert_close(
                    &out,
                    &expected,
                    1e-5,
                    &format!("{} {channels}", kernels.name),
                );
            }
        }
    }
}

#[test]
fn sums_of_bytes_are_the_same_everywhere() {
    let noise = |count: usize| {
        (0..count)
            .map(|i| (i * 7919 % 251) as u8)
            .collect::<Vec<u8>>()
    };
    let half = 1 << (PRECISION_BITS - 1);
    let byte = |sum: i32| (sum >> PRECISION_BITS).clamp(0, 255) as u8;
    // Some below zero and beyond 255.
    let weights = [-1, 3, 4, -2, 2, 0].map(|quarter| quarter << (PRECISION_BITS - 2));
    for kernels in every() {
        let groups: Vec<Group> = noise(40 * 16).as_chunks().0.to_vec();
        let starts = [0, 3, 3, 37];
        let weights = weights.iter().chain(&weights).copied();
        let weights: Vec<i32> = weights.collect();
        let mut out = vec![[0; 16]; 4];
        let windows = Windows {
            starts: &starts,
            weights: &weights,
        };
        kernels.along(&groups, windows, &mut out);
        for (i, (start, out)) in starts.iter().zip(&out).enumerate() {
            for (lane, out) in out.iter().enumerate() {
                let products =
                    (0..3).map(|tap| i32::from(groups[start + tap][lane]) * weights[3 * i + tap]);
                assert_eq!(*out, byte(half + products.sum::<i32>()), "{}", kernels.name);
            }
        }
        for length in [1, 15, 16, 17, 50] {
            let lines = noise(length * 5);
            let mut out = vec![0; length];
            kernels.across(&lines, &weights[..5], &mut out);
            for (at, out) in out.iter().enumerate() {
                let products =
                    (0..5).map(|line| i32::from(lines[line * length + at]) * weights[line]);
                assert_eq!(*out, byte(half + products.sum::<i32>()), "{}", kernels.name);
            }
        }
    }
}
