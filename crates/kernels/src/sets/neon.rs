//! NEON, which every 64-bit Arm processor has: 32 registers of four floats; `int8` products with the dot-product
//! instructions if available. Rust has no stable intrinsics for those yet, so each is a line of assembly.

use std::arch::aarch64::*;
use std::arch::asm;

use crate::lanes::{LANES, Lanes};
use crate::line::Line;
use crate::micro::{Factors, MicroKernel, Sums, tile};

pub(crate) const F32: MicroKernel = MicroKernel {
    name: "NEON",
    rows: ROWS,
    panels: 1,
    run: run_f32,
    prepare: || {},
    lhs_offset: 0.0,
};

pub(crate) const BF16: MicroKernel = MicroKernel {
    rows: ROWS_OF_PAIRS,
    run: run_bf16,
    ..F32
};

/// Unsigned times signed bytes (the I8MM extension).
pub(crate) const INT8_MIXED: MicroKernel = MicroKernel {
    name: "NEON i8mm",
    run: run_mixed,
    ..F32
};

/// Signed times signed bytes (the dot-product extension).
pub(crate) const INT8_SIGNED: MicroKernel = MicroKernel {
    name: "NEON dotprod",
    run: run_signed,
    lhs_offset: 128.0,
    ..F32
};

/// 24 registers hold sums; of the other eight, four hold a line.
const ROWS: usize = 6;

/// Fewer rows where a line takes eight registers.
const ROWS_OF_PAIRS: usize = 4;

type Integers = [int32x4_t; 4];

fn run_f32(factors: Factors, sums: &mut Sums) {
    tile::<ROWS, 1, _, _, _>(
        factors,
        sums,
        // SAFETY: every 64-bit Arm processor has NEON.
        [unsafe { vdupq_n_f32(0.0) }; 4],
        f32::from_ne_bytes,
        |line| {
            // SAFETY: every 64-bit Arm processor has NEON.
            load(line).map(|part| unsafe { vreinterpretq_f32_s32(part) })
        },
        |sums, group, line| {
            // SAFETY: every 64-bit Arm processor has NEON.
            std::array::from_fn(|i| unsafe { vfmaq_n_f32(sums[i], line[i], group) })
        },
        |sums, line| {
            store(
                // SAFETY: every 64-bit Arm processor has NEON.
                sums.map(|part| unsafe { vreinterpretq_s32_f32(part) }),
                line,
            )
        },
    );
}

/// Pairs of `bf16`, widened to `f32`.
fn run_bf16(factors: Factors, sums: &mut Sums) {
    const SECOND: u32 = 0xffff_0000;
    tile::<ROWS_OF_PAIRS, 1, _, _, _>(
        factors,
        sums,
        // SAFETY: every 64-bit Arm processor has NEON.
        [unsafe { vdupq_n_f32(0.0) }; 4],
        |group| {
            let pair = u32::from_ne_bytes(group);
            [pair << 16, pair & SECOND].map(f32::from_bits)
        },
        |line| {
            // SAFETY: every 64-bit Arm processor has NEON.
            load(line).map(|pairs| unsafe {
                let second = vandq_s32(pairs, vdupq_n_s32(SECOND.cast_signed()));
                [vshlq_n_s32::<16>(pairs), second].map(|part| vreinterpretq_f32_s32(part))
            })
        },
        |sums, group, line| {
            // SAFETY: every 64-bit Arm processor has NEON.
            std::array::from_fn(|i| unsafe {
                let sum = vfmaq_n_f32(sums[i], line[i][0], group[0]);
                vfmaq_n_f32(sum, line[i][1], group[1])
            })
        },
        |sums, line| {
            store(
                // SAFETY: every 64-bit Arm processor has NEON.
                sums.map(|part| unsafe { vreinterpretq_s32_f32(part) }),
                line,
            )
        },
    );
}

#[target_feature(enable = "neon,i8mm")]
fn run_mixed(factors: Factors, sums: &mut Sums) {
    tile::<ROWS, 1, _, _, _>(
        factors,
        sums,
        zero(),
        broadcast,
        load,
        |sums: Integers, group, line| {
            let mut sums = sums;
            for (sums, line) in sums.iter_mut().zip(line) {
                *sums = usdot(*sums, group, line);
            }
            sums
        },
        store,
    );
}

#[target_feature(enable = "neon,dotprod")]
fn run_signed(factors: Factors, sums: &mut Sums) {
    tile::<ROWS, 1, _, _, _>(
        factors,
        sums,
        zero(),
        // Flipping the highest bit turns an unsigned byte into a signed one that is 128 less.
        |group| broadcast(group.map(|byte| byte ^ 0x80)),
        load,
        |sums: Integers, group, line| {
            let mut sums = sums;
            for (sums, line) in sums.iter_mut().zip(line) {
                *sums = sdot(*sums, group, line);
            }
            sums
        },
        store,
    );
}

#[target_feature(enable = "neon,i8mm")]
#[inline]
fn usdot(mut sums: int32x4_t, unsigned: int32x4_t, signed: int32x4_t) -> int32x4_t {
    // SAFETY: the target feature guarantees the instruction, which changes nothing but its register.
    unsafe {
        asm!(
            "usdot {sums:v}.4s, {a:v}.16b, {b:v}.16b",
            sums = inout(vreg) sums,
            a = in(vreg) unsigned,
            b = in(vreg) signed,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

#[target_feature(enable = "neon,dotprod")]
#[inline]
fn sdot(mut sums: int32x4_t, a: int32x4_t, b: int32x4_t) -> int32x4_t {
    // SAFETY: as for `usdot`.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {a:v}.16b, {b:v}.16b",
            sums = inout(vreg) sums,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

#[inline(always)]
fn zero() -> Integers {
    // SAFETY: NEON, as above.
    [unsafe { vdupq_n_s32(0) }; 4]
}

#[inline(always)]
fn broadcast(group: [u8; 4]) -> int32x4_t {
    // SAFETY: NEON, as above.
    unsafe { vdupq_n_s32(i32::from_ne_bytes(group)) }
}

#[inline(always)]
fn load(line: &Line) -> Integers {
    let from: *const i32 = line.0.as_ptr().cast();
    // SAFETY: a line has 16 integers, and NEON as above.
    std::array::from_fn(|i| unsafe { vld1q_s32(from.add(4 * i)) })
}

#[inline(always)]
fn store(values: Integers, line: &mut Line) {
    let to: *mut i32 = line.0.as_mut_ptr().cast();
    for (i, part) in values.into_iter().enumerate() {
        // SAFETY: a line has room for 16 integers, and NEON as above.
        unsafe { vst1q_s32(to.add(4 * i), part) };
    }
}

/// Sixteen floats in four registers.
#[derive(Clone, Copy)]
pub(crate) struct Registers([float32x4_t; 4]);

impl Registers {
    #[inline(always)]
    fn with(self, other: Self, f: impl Fn(float32x4_t, float32x4_t) -> float32x4_t) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

/// The values rounded to `bf16`, as bits.
#[inline(always)]
fn to_bf16(part: float32x4_t) -> uint16x4_t {
    // SAFETY: NEON, as above.
    unsafe {
        let bits = vreinterpretq_u32_f32(part);
        let odd = vandq_u32(vshrq_n_u32::<16>(bits), vdupq_n_u32(1));
        let half = vaddq_u32(odd, vdupq_n_u32(0x7fff));
        vshrn_n_u32::<16>(vaddq_u32(bits, half))
    }
}

impl Lanes for Registers {
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: NEON.
        Self([unsafe { vdupq_n_f32(value) }; 4])
    }

    #[inline(always)]
    unsafe fn load(values: &[f32; LANES]) -> Self {
        let from = values.as_ptr();
        // SAFETY: NEON; 16 values are there.
        Self(std::array::from_fn(|i| unsafe {
            vld1q_f32(from.add(4 * i))
        }))
    }

    #[inline(always)]
    unsafe fn from_integers(values: &[i32; LANES]) -> Self {
        let from = values.as_ptr();
        // SAFETY: NEON; 16 values are there.
        Self(std::array::from_fn(|i| unsafe {
            vcvtq_f32_s32(vld1q_s32(from.add(4 * i)))
        }))
    }

    #[inline(always)]
    unsafe fn store(self, values: &mut [f32; LANES]) {
        let to = values.as_mut_ptr();
        for (i, part) in self.0.into_iter().enumerate() {
            // SAFETY: NEON; there is room for 16 values.
            unsafe { vst1q_f32(to.add(4 * i), part) };
        }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, values: &mut [u8; LANES]) {
        // SAFETY: NEON; there is room for 16 bytes.
        unsafe {
            let words = self.0.map(|part| vmovn_u32(vcvtnq_u32_f32(part)));
            let low = vmovn_u16(vcombine_u16(words[0], words[1]));
            let high = vmovn_u16(vcombine_u16(words[2], words[3]));
            vst1q_u8(values.as_mut_ptr(), vcombine_u8(low, high));
        }
    }

    #[inline(always)]
    unsafe fn store_bf16(self, values: &mut [u16; LANES]) {
        let to = values.as_mut_ptr();
        for (i, part) in self.0.into_iter().enumerate() {
            // SAFETY: NEON; there is room for 16 values.
            unsafe { vst1_u16(to.add(4 * i), to_bf16(part)) };
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: NEON.
        self.with(other, |a, b| unsafe { vaddq_f32(a, b) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: NEON.
        self.with(other, |a, b| unsafe { vsubq_f32(a, b) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: NEON.
        self.with(other, |a, b| unsafe { vmulq_f32(a, b) })
    }

    #[inline(always)]
    unsafe fn reciprocal(self) -> Self {
        // SAFETY: NEON.
        Self(
            self.0
                .map(|part| unsafe { vdivq_f32(vdupq_n_f32(1.0), part) }),
        )
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        // SAFETY: NEON.
        self.with(other, |a, b| unsafe { vminq_f32(a, b) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: NEON.
        self.with(other, |a, b| unsafe { vmaxq_f32(a, b) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: NEON.
        Self(std::array::from_fn(|i| unsafe {
            vfmaq_f32(addend.0[i], self.0[i], factor.0[i])
        }))
    }

    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        // SAFETY: NEON.
        Self(self.0.map(|n| unsafe {
            let exponent = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent))
        }))
    }
}
