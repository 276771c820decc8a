//! The most that this processor can compute: loops of one instruction with all operands in registers.

use std::hint::black_box;

use phototag_kernels::{Kernels, Precision};

/// Repetitions of a loop; each has many independent instructions.
const ROUNDS: usize = 50_000;

/// Runs the loop for the instructions behind products of this precision, if there is one. Returns the number of
/// operations; a multiplication and an addition are two.
pub fn run(kernels: &Kernels, precision: Precision) -> Option<f64> {
    // Gives this thread's tile registers their shape, if these kernels use them.
    kernels.repeat_tile(precision, 1);
    // SAFETY: a `Kernels` exists only where the processor has its instructions.
    let (products, independent) = unsafe {
        match (kernels.instructions(precision), precision) {
            #[cfg(target_arch = "x86_64")]
            ("AMX", Precision::Int8) => (16 * 16 * 64, x86::amx_int8()),
            #[cfg(target_arch = "x86_64")]
            ("AMX", _) => (16 * 16 * 32, x86::amx_bf16()),
            #[cfg(target_arch = "x86_64")]
            ("AVX-512", _) => (16, x86::avx512()),
            #[cfg(target_arch = "x86_64")]
            ("AVX512-BF16", _) => (32, x86::avx512_bf16()),
            #[cfg(target_arch = "x86_64")]
            ("AVX512-VNNI", _) => (64, x86::avx512_vnni()),
            #[cfg(target_arch = "x86_64")]
            ("AVX2 FMA", _) => (8, x86::fma()),
            #[cfg(target_arch = "x86_64")]
            ("AVX-VNNI", _) => (32, x86::avx_vnni()),
            #[cfg(target_arch = "x86_64")]
            ("AVX2", _) => (16, x86::avx2()),
            #[cfg(target_arch = "aarch64")]
            ("NEON", _) => (4, neon::fma()),
            _ => return None,
        }
    };
    Some((2 * products * independent * ROUNDS) as f64)
}

/// Applies `$step` to each of `$n` independent sums, `ROUNDS` times. Returns `$n`.
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
                // SAFETY: both types are 64 bytes, and any bits are valid `bf16`.
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

    /// Multiplying pairs of 16 bits and adding the products to the sums take one instruction each.
    #[target_feature(enable = "avx2")]
    pub(super) fn avx2() -> usize {
        rounds!(
            12,
            _mm256_setzero_si256(),
            _mm256_set1_epi16(3),
            |sum, x| {
                // The second factor differs from sum to sum, so that the product is not computed once for all.
                _mm256_add_epi32(sum, _mm256_madd_epi16(x, sum))
            }
        )
    }

    macro_rules! tiles {
        ($name:ident, $product:literal) => {
            /// The thread's tile registers must have their shape.
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
