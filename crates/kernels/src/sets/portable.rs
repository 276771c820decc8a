//! Plain Rust for processors without kernels of their own; compilers vectorise it decently. The other sets are tested
//! against it.

use crate::lanes::{LANES, Lanes};
use crate::micro::{Factors, MicroKernel, Sums, tile};

pub(crate) const F32: MicroKernel = MicroKernel {
    name: "plain loops",
    rows: ROWS,
    panels: 1,
    run: run_f32,
    prepare: || {},
    lhs_offset: 0.0,
};

pub(crate) const BF16: MicroKernel = MicroKernel {
    name: "plain loops",
    rows: ROWS,
    panels: 1,
    run: run_bf16,
    prepare: || {},
    lhs_offset: 0.0,
};

pub(crate) const INT8: MicroKernel = MicroKernel {
    name: "plain loops",
    rows: ROWS,
    panels: 1,
    run: run_int8,
    prepare: || {},
    lhs_offset: 0.0,
};

const ROWS: usize = 4;

/// `step` adds the products of a row's group and an output's group to a sum.
#[inline(always)]
fn run<T: bytemuck::Pod>(
    factors: Factors,
    sums: &mut Sums,
    step: impl Fn(T, [u8; 4], [u8; 4]) -> T,
) {
    tile::<ROWS, 1, _, _, _>(
        factors,
        sums,
        [T::zeroed(); LANES],
        |group| group,
        |line| bytemuck::cast::<_, [[u8; 4]; LANES]>(*line),
        |mut sums, a, line| {
            for (sum, b) in sums.iter_mut().zip(line) {
                *sum = step(*sum, a, b);
            }
            sums
        },
        |sums, line| bytemuck::cast_slice_mut(std::slice::from_mut(line)).copy_from_slice(&sums),
    );
}

fn run_f32(factors: Factors, sums: &mut Sums) {
    run(factors, sums, |sum: f32, a, b| {
        f32::from_ne_bytes(a) * f32::from_ne_bytes(b) + sum
    });
}

fn run_bf16(factors: Factors, sums: &mut Sums) {
    let both = |group: [u8; 4]| {
        bytemuck::cast::<_, [u16; 2]>(group).map(|half| f32::from_bits(u32::from(half) << 16))
    };
    run(factors, sums, |sum: f32, a, b| {
        let (a, b) = (both(a), both(b));
        sum + a[0] * b[0] + a[1] * b[1]
    });
}

fn run_int8(factors: Factors, sums: &mut Sums) {
    run(factors, sums, |sum: i32, a, b| {
        let products = a.into_iter().zip(b);
        sum + products
            .map(|(a, b)| i32::from(a) * i32::from(b.cast_signed()))
            .sum::<i32>()
    });
}

/// Sixteen floats in an array.
#[derive(Clone, Copy)]
pub(crate) struct Array([f32; LANES]);

impl Array {
    #[inline(always)]
    fn with(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl Lanes for Array {
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(values: &[f32; LANES]) -> Self {
        Self(*values)
    }

    #[inline(always)]
    unsafe fn from_integers(values: &[i32; LANES]) -> Self {
        Self(values.map(|value| value as f32))
    }

    #[inline(always)]
    unsafe fn store(self, values: &mut [f32; LANES]) {
        *values = self.0;
    }

    #[inline(always)]
    unsafe fn store_bytes(self, values: &mut [u8; LANES]) {
        *values = self.0.map(|value| value.round_ties_even() as u8);
    }

    #[inline(always)]
    unsafe fn store_bf16(self, values: &mut [u16; LANES]) {
        *values = self.0.map(|value| {
            let bits = value.to_bits();
            ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
        });
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn reciprocal(self) -> Self {
        Self(self.0.map(|value| 1.0 / value))
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        self.with(other, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.with(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(std::array::from_fn(|i| {
            self.0[i] * factor.0[i] + addend.0[i]
        }))
    }

    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        Self(
            self.0
                .map(|n| f32::from_bits(((n as i32 + 127) << 23).cast_unsigned())),
        )
    }
}
