//! Depthwise convolutions.

use super::{assert_close, every, values};
use crate::Depthwise;

#[test]
fn depthwise_convolutions_agree_with_plain_loops() {
    for (width, height, channels, side, stride, before) in [
        (9, 7, 5, 3, 1, 1),
        (8, 8, 16, 3, 2, 0),
        (5, 6, 83, 5, 2, 2),
        (1, 2, 144, 5, 1, 2),
        (7, 7, 64, 1, 1, 0),
    ] {
        // As many zero rows and columns after the last as before the first.
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
                let seen = depthwise.input_rows(row, height);
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
