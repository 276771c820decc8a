//! The most that this processor computes, to hold products against: loops of one instruction with all operands in
//! registers, and a micro-kernel alone with all of its in the nearest cache. Built by `bench/kernels` only.

use std::hint::black_box;

use super::lanes::LANES;
use super::line::Line;
use super::micro::{Factors, Sums};
use super::{Kernels, Precision};

/// Repetitions of a loop; each has many independent instructions.
const ROUNDS: usize = 50_000;

/// Lines of a row in the nearest cache, with a panel for each.
const DEPTH: usize = 8;

impl Kernels {
    pub(crate) fn names(&self, precision: Precision) -> [&'static str; 2] {
        [self.name, self.micro(precision).name]
    }

    /// Runs the loop for the instructions behind these products, if there is one. Returns how many operations that
    /// were: a multiplication and an addition count two.
    pub(crate) fn run_peak(&self, precision: Precision) -> Option<f64> {
        let kernel = self.micro(precision);
        // SAFETY: `Kernels` holds only what the processor has.
        unsafe { (kernel.prepare)() };
        let (products, independent) = match (kernel.name, precision) {
            #[cfg(target_arch = "x86_64")]
            ("AMX", Precision::Int8) => (16 * 16 * 64, x86::amx_int8()),
            #[cfg(target_arch = "x86_64")]
            ("AMX", _) => (16 * 16 * 32, x86::amx_bf16()),
            // SAFETY: here and below, as above.
            #[cfg(target_arch = "x86_64")]
            ("AVX-512", _) => (16, unsafe { x86::avx512() }),
            #[cfg(target_arch = "x86_64")]
            ("AVX512-BF16", _) => (32, unsafe { x86::avx512_bf16() }),
            #[cfg(target_arch = "x86_64")]
            ("AVX512-VNNI", _) => (64, unsafe { x86::avx512_vnni() }),
            #[cfg(target_arch = "x86_64")]
            ("AVX2 FMA", _) => (8, unsafe { x86::fma() }),
            #[cfg(target_arch = "x86_64")]
            ("AVX-VNNI", _) => (32, unsafe { x86::avx_vnni() }),
            #[cfg(target_arch = "x86_64")]
            ("AVX2", _) => (16, unsafe { x86::avx2() }),
            #[cfg(target_arch = "aarch64")]
            ("NEON", _) => (4, neon::fma()),
            _ => return None,
        };
        Some((2 * products * independent * ROUNDS) as f64)
    }

    /// Runs the micro-kernel alone. Returns how many operations that were.
    pub(crate) fn run_tiles(&self, precision: Precision) -> f64 {
        let kernel = self.micro(precision);
        let a = vec![Line::ZERO; kernel.rows * (DEPTH + 1)];
        let b = vec![Line::ZERO; kernel.panels * DEPTH * LANES];
        let mut sums = Sums::ZERO;
        // SAFETY: as above.
        unsafe { (kernel.prepare)() };
        let tiles = ROUNDS / 25;
        for _ in 0..tiles {
            let factors = Factors::new(kernel, black_box(&a), DEPTH + 1, &b, DEPTH * LANES);
            // SAFETY: as above, and this thread is prepared.
            unsafe { (kernel.run)(factors, &mut sums) };
        }
        black_box(sums);
        let values = DEPTH * size_of::<Line>() / precision.bytes();
        (2 * tiles * kernel.rows * kernel.panels * LANES * values) as f64
    }
}

/// `ROUNDS` times: each of `$n` sums becomes `$step` of it, a factor and another. Returns `$n`.
macro_rules! rounds {
    ($n:literal, $zero:expr, $factor:expr, $step:expr) => {{
        let mut sums = [$zero; $n];
        let factor = black_box($factor);
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = $step(*sum, factor);
            }
        }
        black_box(sums);
        $n
    }};
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::*;

    #[target_feature(enable = "avx512f")]
    pub(super) fn avx512() -> usize {
        rounds!(24, _mm512_setzero_ps(), _mm512_set1_ps(0.5), |sum, x| {
            _mm512_fmadd_ps(x, x, sum)
        })
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn avx512_bf16() -> usize {
        rounds!(
            24,
            _mm512_setzero_ps(),
            _mm512_set1_epi32(0x3f00_3f00),
            |sum, x| {
                // SAFETY: both are 64 bytes, any bits of which are `bf16`.
                let x = unsafe { std::mem::transmute::<__m512i, __m512bh>(x) };
                _mm512_dpbf16_ps(sum, x, x)
            }
        )
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn avx512_vnni() -> usize {
        rounds!(24, _mm512_setzero_si512(), _mm512_set1_epi8(3), |sum, x| {
            _mm512_dpbusd_epi32(sum, x, x)
        })
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn fma() -> usize {
        rounds!(12, _mm256_setzero_ps(), _mm256_set1_ps(0.5), |sum, x| {
            _mm256_fmadd_ps(x, x, sum)
        })
    }

    #[target_feature(enable = "avx2,avxvnni")]
    pub(super) fn avx_vnni() -> usize {
        rounds!(12, _mm256_setzero_si256(), _mm256_set1_epi8(3), |sum, x| {
            _mm256_dpbusd_avx_epi32(sum, x, x)
        })
    }

    /// Products of pairs of 16 bits and their addition to the sums take an instruction each.
    #[target_feature(enable = "avx2")]
    pub(super) fn avx2() -> usize {
        rounds!(
            12,
            _mm256_setzero_si256(),
            _mm256_set1_epi16(3),
            |sum, x| {
                // The second factor differs from sum to sum, lest the product be computed once for all.
                _mm256_add_epi32(sum, _mm256_madd_epi16(x, sum))
            }
        )
    }

    macro_rules! tiles {
        ($name:ident, $product:literal) => {
            /// The registers have their shape.
            pub(super) fn $name() -> usize {
                // SAFETY: nothing else in the program uses the registers, and no memory is touched.
                unsafe {
                    std::arch::asm!(
                        "tilezero tmm4",
                        "tilezero tmm5",
                        "tilezero tmm6",
                        "tilezero tmm7",
                        "2:",
                        concat!($product, " tmm0, tmm4, tmm6"),
                        concat!($product, " tmm1, tmm4, tmm7"),
                        concat!($product, " tmm2, tmm5, tmm6"),
                        concat!($product, " tmm3, tmm5, tmm7"),
                        "dec {rounds}",
                        "jnz 2b",
                        rounds = inout(reg) ROUNDS => _,
                        options(nostack),
                    );
                }
                4
            }
        };
    }
    tiles!(amx_bf16, "tdpbf16ps");
    tiles!(amx_int8, "tdpbusd");
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::*;

    use super::*;

    pub(super) fn fma() -> usize {
        // SAFETY: every 64-bit Arm processor has these instructions.
        unsafe {
            rounds!(24, vdupq_n_f32(0.0), vdupq_n_f32(0.5), |sum, x| vfmaq_f32(
                sum, x, x
            ))
        }
    }
}
