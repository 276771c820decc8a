//! Weighted sums of bytes.

use super::every;
use crate::{Group, WEIGHT_BITS, Windows};

#[test]
fn every_instruction_set_gives_the_same_sums() {
    let noise = |count: usize| {
        (0..count)
            .map(|i| (i * 7919 % 251) as u8)
            .collect::<Vec<u8>>()
    };
    let half = 1 << (WEIGHT_BITS - 1);
    let byte = |sum: i32| (sum >> WEIGHT_BITS).clamp(0, 255) as u8;
    // Some sums are below 0 or above 255.
    let weights = [-1, 3, 4, -2, 2, 0].map(|quarter| quarter << (WEIGHT_BITS - 2));
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
        kernels.sum_along(&groups, windows, &mut out);
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
            kernels.sum_across(&lines, &weights[..5], &mut out);
            for (at, out) in out.iter().enumerate() {
                let products =
                    (0..5).map(|line| i32::from(lines[line * length + at]) * weights[line]);
                assert_eq!(*out, byte(half + products.sum::<i32>()), "{}", kernels.name);
            }
        }
    }
}
