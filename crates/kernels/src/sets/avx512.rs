//! AVX-512: 32 registers of 16 floats; `int8` products with VNNI, `bf16` products with AVX512-BF16 if available.

use std::arch::x86_64::*;

use crate::lanes::{LANES, Lanes};
use crate::line::Line;
use crate::micro::{Factors, MicroKernel, Sums, tile};

pub(crate) const F32: MicroKernel = MicroKernel {
    name: "AVX-512",
    rows: ROWS,
    panels: PANELS,
    run: run_f32,
    prepare: || {},
    lhs_offset: 0.0,
};

pub(crate) const BF16: MicroKernel = MicroKernel {
    run: run_bf16,
    ..F32
};

pub(crate) const BF16_DOT: MicroKernel = MicroKernel {
    name: "AVX512-BF16",
    run: run_bf16_dot,
    ..F32
};

pub(crate) const INT8: MicroKernel = MicroKernel {
    name: "AVX512-VNNI",
    run: run_int8,
    ..F32
};

/// 24 registers hold sums; of the other eight, two hold a line of each panel.
const ROWS: usize = 12;
const PANELS: usize = 2;

#[target_feature(enable = "avx512f")]
fn run_f32(factors: Factors, sums: &mut Sums) {
    tile::<ROWS, PANELS, _, _, _>(
        factors,
        sums,
        _mm512_setzero_ps(),
        |group| _mm512_set1_ps(f32::from_ne_bytes(group)),
        // SAFETY: a line is 64 aligned bytes.
        |line| unsafe { _mm512_load_ps(line.0.as_ptr().cast()) },
        |sums, group, line| _mm512_fmadd_ps(group, line, sums),
        // SAFETY: as above.
        |sums, line| unsafe { _mm512_store_ps(line.0.as_mut_ptr().cast(), sums) },
    );
}

/// The first and the second `bf16` of each pair, as `f32`.
#[target_feature(enable = "avx512f")]
#[inline]
fn pair(values: __m512i) -> [__m512; 2] {
    let second = _mm512_and_si512(values, _mm512_set1_epi32(0xffff_0000_u32.cast_signed()));
    let first = _mm512_slli_epi32::<16>(values);
    [_mm512_castsi512_ps(first), _mm512_castsi512_ps(second)]
}

#[target_feature(enable = "avx512f")]
fn run_bf16(factors: Factors, sums: &mut Sums) {
    tile::<ROWS, PANELS, _, _, _>(
        factors,
        sums,
        _mm512_setzero_ps(),
        |group| pair(_mm512_set1_epi32(i32::from_ne_bytes(group))),
        |line| pair(load(line)),
        |sums, group, line| {
            _mm512_fmadd_ps(group[1], line[1], _mm512_fmadd_ps(group[0], line[0], sums))
        },
        // SAFETY: a line is 64 aligned bytes.
        |sums, line| unsafe { _mm512_store_ps(line.0.as_mut_ptr().cast(), sums) },
    );
}

#[target_feature(enable = "avx512f,avx512bf16")]
fn run_bf16_dot(factors: Factors, sums: &mut Sums) {
    tile::<ROWS, PANELS, _, _, _>(
        factors,
        sums,
        _mm512_setzero_ps(),
        |group| _mm512_set1_epi32(i32::from_ne_bytes(group)),
        |line| load(line),
        |sums, group, line| {
            // SAFETY: both types are 64 bytes, and any bits are valid `bf16`.
            let [group, line] =
                unsafe { std::mem::transmute::<[__m512i; 2], [__m512bh; 2]>([group, line]) };
            _mm512_dpbf16_ps(sums, group, line)
        },
        // SAFETY: a line is 64 aligned bytes.
        |sums, line| unsafe { _mm512_store_ps(line.0.as_mut_ptr().cast(), sums) },
    );
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn run_int8(factors: Factors, sums: &mut Sums) {
    tile::<ROWS, PANELS, _, _, _>(
        factors,
        sums,
        _mm512_setzero_si512(),
        |group| _mm512_set1_epi32(i32::from_ne_bytes(group)),
        |line| load(line),
        |sums, group, line| _mm512_dpbusd_epi32(sums, group, line),
        // SAFETY: a line is 64 aligned bytes.
        |sums, line| unsafe { _mm512_store_si512(line.0.as_mut_ptr().cast(), sums) },
    );
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(line: &Line) -> __m512i {
    // SAFETY: a line is 64 aligned bytes.
    unsafe { _mm512_load_si512(line.0.as_ptr().cast()) }
}

/// Sixteen floats in a register.
#[derive(Clone, Copy)]
pub(crate) struct Register(__m512);

impl Lanes for Register {
    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn splat(value: f32) -> Self {
        Self(_mm512_set1_ps(value))
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn load(values: &[f32; LANES]) -> Self {
        // SAFETY: 16 values are there.
        Self(unsafe { _mm512_loadu_ps(values.as_ptr()) })
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn from_integers(values: &[i32; LANES]) -> Self {
        // SAFETY: 16 values are there.
        Self(_mm512_cvtepi32_ps(unsafe {
            _mm512_loadu_si512(values.as_ptr().cast())
        }))
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn store(self, values: &mut [f32; LANES]) {
        // SAFETY: there is room for 16 values.
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), self.0) };
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn store_bytes(self, values: &mut [u8; LANES]) {
        let bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(self.0));
        // SAFETY: there is room for 16 bytes.
        unsafe { _mm_storeu_si128(values.as_mut_ptr().cast(), bytes) };
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn store_bf16(self, values: &mut [u16; LANES]) {
        let bits = _mm512_castps_si512(self.0);
        let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        let half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
        let rounded = _mm512_srli_epi32::<16>(_mm512_add_epi32(bits, half));
        // SAFETY: there is room for 32 bytes.
        unsafe {
            _mm256_storeu_si256(values.as_mut_ptr().cast(), _mm512_cvtepi32_epi16(rounded));
        }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn add(self, other: Self) -> Self {
        Self(_mm512_add_ps(self.0, other.0))
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn sub(self, other: Self) -> Self {
        Self(_mm512_sub_ps(self.0, other.0))
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn mul(self, other: Self) -> Self {
        Self(_mm512_mul_ps(self.0, other.0))
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn reciprocal(self) -> Self {
        // 14 bits; a step of Newton's method doubles them.
        let guess = _mm512_rcp14_ps(self.0);
        let off = _mm512_fnmadd_ps(self.0, guess, _mm512_set1_ps(1.0));
        Self(_mm512_fmadd_ps(guess, off, guess))
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn min(self, other: Self) -> Self {
        Self(_mm512_min_ps(self.0, other.0))
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn max(self, other: Self) -> Self {
        Self(_mm512_max_ps(self.0, other.0))
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(_mm512_fmadd_ps(self.0, factor.0, addend.0))
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn power_of_two(self) -> Self {
        let exponent = _mm512_add_epi32(_mm512_cvtps_epi32(self.0), _mm512_set1_epi32(127));
        Self(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent)))
    }
}
