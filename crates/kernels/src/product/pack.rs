//! Packing of a weight matrix into panels.

use rayon::prelude::*;

use crate::lanes::LANES;
use crate::line::Line;
use crate::precision::Precision;

/// Panels of weights, and what quantisation needs beside them.
pub(super) struct Packed {
    pub(super) lines: Vec<Line>,
    /// By output, for quantised weights only.
    pub(super) scales: Vec<f32>,
    /// By output, for quantised weights only: the sum of the integers of all inputs.
    pub(super) column_sums: Vec<f32>,
}

/// Packs `weights`, `[outputs][inputs]`, into `panels` panels of `depth` lines.
pub(super) fn pack(
    weights: &[f32],
    inputs: usize,
    [panels, depth]: [usize; 2],
    precision: Precision,
) -> Packed {
    let mut packed = vec![Line::ZERO; panels * depth];
    // By panel, then by output: scale and column sum.
    let quantised: Vec<[(f32, f32); LANES]> = packed
        .par_chunks_mut(depth.max(1))
        .enumerate()
        .map(|(panel, lines)| {
            let mut quantised = [(0.0, 0.0); LANES];
            let rows = weights.chunks_exact(inputs).skip(panel * LANES);
            for (output, row) in rows.take(LANES).enumerate() {
                let groups = lines
                    .iter_mut()
                    .map(|line| &mut line.0.as_chunks_mut::<4>().0[output]);
                match precision {
                    Precision::F32 => {
                        for (group, value) in groups.zip(row) {
                            *group = value.to_ne_bytes();
                        }
                    }
                    Precision::Bf16 => pack_bf16(row, groups),
                    Precision::Int8 => quantised[output] = pack_int8(row, groups),
                }
            }
            quantised
        })
        .collect();
    let (scales, column_sums) = match precision {
        Precision::Int8 => quantised.into_iter().flatten().unzip(),
        _ => (Vec::new(), Vec::new()),
    };
    Packed {
        lines: packed,
        scales,
        column_sums,
    }
}

fn pack_bf16<'a>(row: &[f32], mut groups: impl Iterator<Item = &'a mut [u8; 4]>) {
    let half = |value| half::bf16::from_f32(value).to_bits();
    let (pairs, last) = row.as_chunks::<2>();
    for (pair, group) in pairs.iter().zip(groups.by_ref()) {
        *group = bytemuck::cast(pair.map(half));
    }
    if let (Some(group), [last]) = (groups.next(), last) {
        *group = bytemuck::cast([half(*last), 0]);
    }
}

/// Returns the scale and the sum of the integers.
fn pack_int8<'a>(row: &[f32], groups: impl Iterator<Item = &'a mut [u8; 4]>) -> (f32, f32) {
    let largest = row.iter().fold(0.0f32, |largest, w| largest.max(w.abs()));
    let scale = (largest / 127.0).max(f32::MIN_POSITIVE);
    let mut sum = 0i32;
    for (group, values) in groups.zip(row.chunks(4)) {
        for (byte, value) in group.iter_mut().zip(values) {
            let integer = (value / scale).round() as i8;
            sum += i32::from(integer);
            *byte = integer.cast_unsigned();
        }
    }
    (scale, sum as f32)
}
