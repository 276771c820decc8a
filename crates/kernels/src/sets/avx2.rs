//! AVX2 with FMA: 16 registers of eight floats; `int8` products with AVX-VNNI if available, else widened to 16 bits.

use std::arch::x86_64::*;

use crate::lanes::{LANES, Lanes};
use crate::line::Line;
use crate::micro::{Factors, MicroKernel, Sums, tile};

pub(crate) const F32: MicroKernel = MicroKernel {
    name: "AVX2 FMA",
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

pub(crate) const INT8_VNNI: MicroKernel = MicroKernel {
    name: "AVX-VNNI",
    run: run_int8_vnni,
    ..F32
};

pub(crate) const INT8: MicroKernel = MicroKernel {
    name: "AVX2",
    rows: ROWS_OF_PAIRS,
    run: run_int8,
    ..F32
};

/// 12 registers hold sums; of the other four, two hold a line.
const ROWS: usize = 6;

/// Fewer rows where a line takes four registers and a group two.
const ROWS_OF_PAIRS: usize = 4;

#[target_feature(enable = "avx2,fma")]
fn run_f32(factors: Factors, sums: &mut Sums) {
    tile::<ROWS, 1, _, _, _>(
        factors,
        sums,
        [_mm256_setzero_ps(); 2],
        |group| _mm256_set1_ps(f32::from_ne_bytes(group)),
        |line| load(line).map(|half| _mm256_castsi256_ps(half)),
        |[low, high], group, line| {
            [
                _mm256_fmadd_ps(group, line[0], low),
                _mm256_fmadd_ps(group, line[1], high),
            ]
        },
        |sums, line| store(sums.map(|half| _mm256_castps_si256(half)), line),
    );
}

/// The first and the second `bf16` of each pair, as `f32`.
#[target_feature(enable = "avx2")]
#[inline]
fn pair(values: __m256i) -> [__m256; 2] {
    let second = _mm256_and_si256(values, _mm256_set1_epi32(0xffff_0000_u32.cast_signed()));
    let first = _mm256_slli_epi32::<16>(values);
    [_mm256_castsi256_ps(first), _mm256_castsi256_ps(second)]
}

#[target_feature(enable = "avx2,fma")]
fn run_bf16(factors: Factors, sums: &mut Sums) {
    tile::<ROWS_OF_PAIRS, 1, _, _, _>(
        factors,
        sums,
        [_mm256_setzero_ps(); 2],
        |group| pair(_mm256_set1_epi32(i32::from_ne_bytes(group))),
        |line| {
            let [low, high] = load(line);
            [pair(low), pair(high)]
        },
        |[low, high], group, line| {
            let [first, second] = group;
            [
                _mm256_fmadd_ps(second, line[0][1], _mm256_fmadd_ps(first, line[0][0], low)),
                _mm256_fmadd_ps(second, line[1][1], _mm256_fmadd_ps(first, line[1][0], high)),
            ]
        },
        |sums, line| store(sums.map(|half| _mm256_castps_si256(half)), line),
    );
}

#[target_feature(enable = "avx2,avxvnni")]
fn run_int8_vnni(factors: Factors, sums: &mut Sums) {
    tile::<ROWS, 1, _, _, _>(
        factors,
        sums,
        [_mm256_setzero_si256(); 2],
        |group| _mm256_set1_epi32(i32::from_ne_bytes(group)),
        |line| load(line),
        |[low, high], group, line| {
            [
                _mm256_dpbusd_avx_epi32(low, group, line[0]),
                _mm256_dpbusd_avx_epi32(high, group, line[1]),
            ]
        },
        |sums, line| store(sums, line),
    );
}

/// Signed bytes widened to 16 bits: those at even positions, and those at odd ones.
#[target_feature(enable = "avx2")]
#[inline]
fn widen(bytes: __m256i) -> [__m256i; 2] {
    let even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(bytes));
    [even, _mm256_srai_epi16::<8>(bytes)]
}

#[target_feature(enable = "avx2")]
#[inline]
fn add(sum: __m256i, [a_even, a_odd]: [__m256i; 2], [b_even, b_odd]: [__m256i; 2]) -> __m256i {
    let even = _mm256_madd_epi16(a_even, b_even);
    _mm256_add_epi32(sum, _mm256_add_epi32(even, _mm256_madd_epi16(a_odd, b_odd)))
}

/// `vpmaddubsw` would take bytes directly, but it sums two products in 16 bits, which can overflow.
#[target_feature(enable = "avx2")]
fn run_int8(factors: Factors, sums: &mut Sums) {
    tile::<ROWS_OF_PAIRS, 1, _, _, _>(
        factors,
        sums,
        [_mm256_setzero_si256(); 2],
        |group| {
            let group = _mm256_set1_epi32(i32::from_ne_bytes(group));
            let even = _mm256_and_si256(group, _mm256_set1_epi16(0xff));
            [even, _mm256_srli_epi16::<8>(group)]
        },
        |line| {
            let [low, high] = load(line);
            [widen(low), widen(high)]
        },
        |[low, high], group, line| [add(low, group, line[0]), add(high, group, line[1])],
        |sums, line| store(sums, line),
    );
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(line: &Line) -> [__m256i; 2] {
    let from: *const __m256i = line.0.as_ptr().cast();
    // SAFETY: a line is 64 aligned bytes.
    unsafe { [_mm256_load_si256(from), _mm256_load_si256(from.add(1))] }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store(values: [__m256i; 2], line: &mut Line) {
    let to: *mut __m256i = line.0.as_mut_ptr().cast();
    // SAFETY: a line is 64 aligned bytes.
    unsafe {
        _mm256_store_si256(to, values[0]);
        _mm256_store_si256(to.add(1), values[1]);
    }
}

/// Sixteen floats in two registers.
#[derive(Clone, Copy)]
pub(crate) struct Registers([__m256; 2]);

impl Registers {
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn integers(self) -> [__m256i; 2] {
        self.0.map(|half| _mm256_cvtps_epi32(half))
    }
}

impl Lanes for Registers {
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn splat(value: f32) -> Self {
        Self([_mm256_set1_ps(value); 2])
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn load(values: &[f32; LANES]) -> Self {
        let from = values.as_ptr();
        // SAFETY: 16 values are there.
        Self(unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] })
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn from_integers(values: &[i32; LANES]) -> Self {
        let from: *const __m256i = values.as_ptr().cast();
        // SAFETY: 16 values are there.
        let halves = unsafe { [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))] };
        Self(halves.map(|half| _mm256_cvtepi32_ps(half)))
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn store(self, values: &mut [f32; LANES]) {
        let to = values.as_mut_ptr();
        // SAFETY: there is room for 16 values.
        unsafe {
            _mm256_storeu_ps(to, self.0[0]);
            _mm256_storeu_ps(to.add(8), self.0[1]);
        }
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn store_bytes(self, values: &mut [u8; LANES]) {
        let [low, high] = self.integers();
        // Packing works within each half of a register; the permutation restores the order of the quarters.
        let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(low, high));
        let bytes = _mm_packus_epi16(
            _mm256_castsi256_si128(words),
            _mm256_extracti128_si256::<1>(words),
        );
        // SAFETY: there is room for 16 bytes.
        unsafe { _mm_storeu_si128(values.as_mut_ptr().cast(), bytes) };
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn store_bf16(self, values: &mut [u16; LANES]) {
        let [low, high] = self.0.map(|half| {
            let bits = _mm256_castps_si256(half);
            let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
            let half = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
            _mm256_srli_epi32::<16>(_mm256_add_epi32(bits, half))
        });
        let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(low, high));
        // SAFETY: there is room for 32 bytes.
        unsafe { _mm256_storeu_si256(values.as_mut_ptr().cast(), words) };
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| {
            _mm256_add_ps(self.0[i], other.0[i])
        }))
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| {
            _mm256_sub_ps(self.0[i], other.0[i])
        }))
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn mul(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| {
            _mm256_mul_ps(self.0[i], other.0[i])
        }))
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn reciprocal(self) -> Self {
        Self(self.0.map(|half| _mm256_div_ps(_mm256_set1_ps(1.0), half)))
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn min(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| {
            _mm256_min_ps(self.0[i], other.0[i])
        }))
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn max(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| {
            _mm256_max_ps(self.0[i], other.0[i])
        }))
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(std::array::from_fn(|i| {
            _mm256_fmadd_ps(self.0[i], factor.0[i], addend.0[i])
        }))
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn power_of_two(self) -> Self {
        Self(self.integers().map(|n| {
            let exponent = _mm256_add_epi32(n, _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
        }))
    }
}
