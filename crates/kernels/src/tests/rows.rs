//! Layer norm and softmax.

use super::{assert_close, every, values};
use crate::line::Line;
use crate::rows::lines_of;
use crate::{LayerNorm, Precision};

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
        let norm = LayerNorm {
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
