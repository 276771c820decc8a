//! Encoding of a row as the left side of a product.

use super::padded;
use crate::lanes::{LANES, Lanes};
use crate::line::Line;
use crate::outliers::{OUTLIER_RATIO, Outliers};
use crate::precision::Precision;

/// How the bytes of a row stand for its values: `value = scale * (byte - zero)`. The bytes of outliers stand for 0.
#[derive(Clone, Copy, Default)]
pub(crate) struct Quantised {
    pub(crate) scale: f32,
    pub(crate) zero: f32,
    pub(crate) outliers: Outliers,
}

/// Writes `row` into `lines` as a product of this precision reads it, followed by zeros.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(crate) unsafe fn encode<L: Lanes>(
    row: &[f32],
    precision: Precision,
    lines: &mut [Line],
) -> Quantised {
    // SAFETY: the caller guarantees the instruction set.
    unsafe {
        match precision {
            Precision::F32 => {
                let out: &mut [f32] = bytemuck::cast_slice_mut(lines);
                let (out, behind) = out.split_at_mut(row.len());
                out.copy_from_slice(row);
                behind.fill(0.0);
                Quantised::default()
            }
            Precision::Bf16 => {
                store_all::<L, Bf16>(row, Bf16, bytemuck::cast_slice_mut(lines));
                Quantised::default()
            }
            Precision::Int8 => {
                let lines = bytemuck::cast_slice_mut(lines);
                let (quantised, largest, rms) = range::<L>(row);
                if largest <= OUTLIER_RATIO * rms {
                    store_all::<L, Units>(row, Units::of(quantised), lines);
                    return quantised;
                }
                let mut rest = row.to_vec();
                let outliers = Outliers::take_from(&mut rest);
                let (quantised, ..) = range::<L>(&rest);
                store_all::<L, Units>(&rest, Units::of(quantised), lines);
                Quantised {
                    outliers,
                    ..quantised
                }
            }
        }
    }
}

/// A conversion of 16 values to a shorter type.
trait Short: Copy {
    type Value: bytemuck::Pod;

    /// # Safety
    ///
    /// The processor has the instruction set of `L`.
    unsafe fn store<L: Lanes>(self, values: &[f32; LANES], out: &mut [Self::Value; LANES]);
}

#[derive(Clone, Copy)]
struct Bf16;

impl Short for Bf16 {
    type Value = u16;

    #[inline(always)]
    unsafe fn store<L: Lanes>(self, values: &[f32; LANES], out: &mut [u16; LANES]) {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { L::load(values).store_bf16(out) }
    }
}

/// `value * inverse + zero`, rounded to bytes.
#[derive(Clone, Copy)]
struct Units {
    inverse: f32,
    zero: f32,
}

impl Units {
    fn of(quantised: Quantised) -> Self {
        Self {
            inverse: 1.0 / quantised.scale,
            zero: quantised.zero,
        }
    }
}

impl Short for Units {
    type Value = u8;

    #[inline(always)]
    unsafe fn store<L: Lanes>(self, values: &[f32; LANES], out: &mut [u8; LANES]) {
        // SAFETY: the caller guarantees the instruction set.
        unsafe {
            let units = L::load(values).mul_add(L::splat(self.inverse), L::splat(self.zero));
            let units = units.max(L::splat(0.0)).min(L::splat(255.0));
            units.store_bytes(out);
        }
    }
}

/// Converts all of `row`, and fills the rest of `out` with zeros.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
unsafe fn store_all<L: Lanes, S: Short>(row: &[f32], short: S, out: &mut [[S::Value; LANES]]) {
    let (whole, rest) = row.as_chunks::<LANES>();
    let (outs, behind) = out.split_at_mut(whole.len());
    behind.fill(bytemuck::Zeroable::zeroed());
    // SAFETY: the caller guarantees the instruction set.
    unsafe {
        for (values, out) in whole.iter().zip(outs) {
            short.store::<L>(values, out);
        }
        if let (false, Some(out)) = (rest.is_empty(), behind.first_mut()) {
            short.store::<L>(&padded(rest, 0.0), out);
        }
    }
}

/// The scale and zero point with which 256 steps cover the values of `row` and represent 0 exactly; the largest
/// magnitude of `row`; and its root mean square.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
unsafe fn range<L: Lanes>(row: &[f32]) -> (Quantised, f32, f32) {
    let (whole, rest) = row.as_chunks::<LANES>();
    // SAFETY: the caller guarantees the instruction set.
    let (least, most, squares) = unsafe {
        let rest = L::load(&padded(rest, 0.0));
        let zero = L::splat(0.0);
        let (mut least, mut most) = (rest.min(zero), rest.max(zero));
        let mut squares = rest.mul(rest);
        for values in whole {
            let values = L::load(values);
            least = least.min(values);
            most = most.max(values);
            squares = values.mul_add(values, squares);
        }
        (least.reduce(f32::min), most.reduce(f32::max), squares.sum())
    };
    let scale = ((most - least) / 255.0).max(f32::MIN_POSITIVE);
    let quantised = Quantised {
        scale,
        zero: (-least / scale).round_ties_even(),
        outliers: Outliers::default(),
    };
    (
        quantised,
        most.max(-least),
        (squares / row.len() as f32).sqrt(),
    )
}
