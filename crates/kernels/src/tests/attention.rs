//! Attention.

use super::{assert_close, dot, every, values};
use crate::{AttentionInput, MatrixView, Precision, attend};

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
        let view = |data, rows, stride| MatrixView { data, rows, stride };
        let input = AttentionInput {
            query: view(&query, queries, width),
            key: view(&key_value, keys, 2 * width),
            value: view(&key_value[width..], keys, 2 * width),
            width,
            heads,
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
                attend(&kernels, &input, precision, &mut out);
                let what = format!("{} {precision:?} {queries}x{keys}x{width}", kernels.name);
                assert_close(&out, &expected, tolerance, &what);
            }
        }
    }
}
