//! The choice of an instruction set, and everything that depends on it behind one type.

use std::sync::OnceLock;

use crate::dispatch::{RowFunctions, row_functions};
use crate::line::Line;
use crate::micro::MicroKernel;
use crate::precision::Precision;
use crate::resize::{Group, Windows};
use crate::rows::{LayerNorm, Quantised, Tile};
use crate::sets;
use crate::taps::Tap;

/// The environment variable that names an instruction set to use instead of the best, for tests and bug reports.
const CHOICE: &str = "PHOTOTAG_KERNELS";

/// The environment variable `PHOTOTAG_KERNELS` names kernels that this processor does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{CHOICE} is {asked:?}; this processor has: {}", available.join(", "))]
pub struct UnavailableKernels {
    /// The value of the variable.
    pub asked: String,
    /// The names it may have on this processor.
    pub available: Vec<&'static str>,
}

/// A description of the kernels in use on this processor, as one line of text. The environment variable
/// `PHOTOTAG_KERNELS` forces others by their first word.
///
/// # Errors
/// If the variable names kernels that this processor does not have.
pub fn kernels_in_use() -> Result<String, UnavailableKernels> {
    Ok(Kernels::chosen()?.description())
}

impl Precision {
    /// The fastest precision on this processor whose vectors are as good as exact for every model: `Bf16` if the
    /// processor has a unit for it, else `F32`.
    ///
    /// # Errors
    /// If the environment variable `PHOTOTAG_KERNELS` names kernels that this processor does not have.
    pub fn automatic() -> Result<Self, UnavailableKernels> {
        Ok(Kernels::chosen()?.float)
    }
}

/// The kernels of one instruction set. A value exists only if the processor has the instructions it stands for.
pub struct Kernels {
    pub(crate) name: &'static str,
    pub(crate) f32: MicroKernel,
    pub(crate) bf16: Option<MicroKernel>,
    pub(crate) int8: Option<MicroKernel>,
    /// The fastest precision that is as good as exact.
    pub(crate) float: Precision,
    pub(crate) rows: RowFunctions,
}

impl Kernels {
    /// The best kernels of this processor, or those that the environment variable `PHOTOTAG_KERNELS` names.
    ///
    /// # Errors
    /// If the processor does not have those.
    pub fn chosen() -> Result<&'static Self, UnavailableKernels> {
        static CHOSEN: OnceLock<Result<Kernels, UnavailableKernels>> = OnceLock::new();
        let chosen = CHOSEN.get_or_init(|| {
            let mut all = Self::all();
            let Ok(asked) = std::env::var(CHOICE) else {
                return Ok(all.swap_remove(0));
            };
            let available: Vec<&str> = all.iter().map(|kernels| kernels.name).collect();
            match available.iter().position(|name| *name == asked) {
                Some(at) => Ok(all.swap_remove(at)),
                None => Err(UnavailableKernels { asked, available }),
            }
        });
        chosen.as_ref().map_err(Clone::clone)
    }

    /// The chosen kernels, or portable ones if the choice is not available. For work that precedes a model's and has no
    /// way to report an error.
    pub fn chosen_or_portable() -> &'static Self {
        static PORTABLE: OnceLock<Kernels> = OnceLock::new();
        Self::chosen().unwrap_or_else(|_| PORTABLE.get_or_init(Self::portable))
    }

    /// All kernels of this processor, the best first.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        all.extend(Self::avx512());
        #[cfg(target_arch = "x86_64")]
        all.extend(Self::avx2());
        #[cfg(target_arch = "aarch64")]
        all.extend(Self::neon());
        all.push(Self::portable());
        all
    }

    #[cfg(target_arch = "x86_64")]
    fn avx512() -> Vec<Self> {
        use std::arch::is_x86_feature_detected as has;

        use sets::{amx, avx512};
        let mut all = Vec::new();
        if !has!("avx512f") {
            return all;
        }
        let rows = || row_functions!(avx512::Register, "avx512f");
        if amx::allowed() {
            all.push(Self {
                name: "amx",
                f32: avx512::F32,
                bf16: Some(amx::BF16),
                int8: Some(amx::INT8),
                float: Precision::Bf16,
                rows: rows(),
            });
        }
        let (bf16, float) = match has!("avx512bf16") {
            true => (avx512::BF16_DOT, Precision::Bf16),
            false => (avx512::BF16, Precision::F32),
        };
        all.push(Self {
            name: "avx512",
            f32: avx512::F32,
            bf16: Some(bf16),
            int8: has!("avx512vnni").then_some(avx512::INT8),
            float,
            rows: rows(),
        });
        all
    }

    #[cfg(target_arch = "x86_64")]
    fn avx2() -> Vec<Self> {
        use std::arch::is_x86_feature_detected as has;

        use sets::avx2;
        let kernels = |name, int8| Self {
            name,
            f32: avx2::F32,
            bf16: Some(avx2::BF16),
            int8: Some(int8),
            float: Precision::F32,
            rows: row_functions!(avx2::Registers, "avx2,fma"),
        };
        let mut all = Vec::new();
        if has!("avx2") && has!("fma") {
            if has!("avxvnni") {
                all.push(kernels("avxvnni", avx2::INT8_VNNI));
            }
            all.push(kernels("avx2", avx2::INT8));
        }
        all
    }

    #[cfg(target_arch = "aarch64")]
    fn neon() -> Vec<Self> {
        use std::arch::is_aarch64_feature_detected as has;

        use sets::neon;
        let kernels = |name, int8| Self {
            name,
            f32: neon::F32,
            bf16: Some(neon::BF16),
            int8,
            float: Precision::F32,
            rows: row_functions!(neon::Registers),
        };
        let mut all = Vec::new();
        if has!("i8mm") {
            all.push(kernels("i8mm", Some(neon::INT8_MIXED)));
        }
        if has!("dotprod") {
            all.push(kernels("dotprod", Some(neon::INT8_SIGNED)));
        }
        all.push(kernels("neon", None));
        all
    }

    fn portable() -> Self {
        use sets::portable;
        Self {
            name: "portable",
            f32: portable::F32,
            bf16: None,
            int8: None,
            float: Precision::F32,
            rows: row_functions!(portable::Array),
        }
    }

    /// The name of the set, which `PHOTOTAG_KERNELS` takes.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The name of the instructions behind products of this precision.
    pub fn instructions(&self, precision: Precision) -> &'static str {
        self.micro(precision).name
    }

    fn description(&self) -> String {
        format!(
            "{} (f32: {}; bf16: {}; int8: {})",
            self.name,
            self.instructions(Precision::F32),
            self.instructions(Precision::Bf16),
            self.instructions(Precision::Int8)
        )
    }

    /// `precision` itself, or, for `Int8`, the fastest precision that is as good as exact: for parts that are small, or
    /// that rounding to bytes would hurt.
    pub fn float(&self, precision: Precision) -> Precision {
        match precision {
            Precision::Int8 => self.float,
            precision => precision,
        }
    }

    pub(crate) fn micro(&self, precision: Precision) -> &MicroKernel {
        use sets::portable;
        match precision {
            Precision::F32 => &self.f32,
            Precision::Bf16 => self.bf16.as_ref().unwrap_or(&portable::BF16),
            Precision::Int8 => self.int8.as_ref().unwrap_or(&portable::INT8),
        }
    }

    /// Shifts `row` to mean 0, scales it to variance 1, and applies weight and bias. All slices have the same length.
    pub fn layer_norm(&self, row: &[f32], norm: LayerNorm, out: &mut [f32]) {
        // SAFETY: a `Kernels` exists only where the processor has its instructions.
        unsafe { (self.rows.layer_norm)(row, norm, out) }
    }

    /// For each window, the weighted sum of the groups from its start on.
    ///
    /// # Panics
    /// If a window starts beyond the last group.
    pub fn sum_along(&self, groups: &[Group], windows: Windows, out: &mut [Group]) {
        // SAFETY: as above.
        unsafe { (self.rows.along)(groups, windows, out) }
    }

    /// For each column, the weighted sum of the bytes below one another in `lines`, whose lines are as long as `out`.
    pub fn sum_across(&self, lines: &[u8], weights: &[i32], out: &mut [u8]) {
        // SAFETY: as above.
        unsafe { (self.rows.across)(lines, weights, out) }
    }

    pub(crate) fn encode(
        &self,
        row: &[f32],
        precision: Precision,
        lines: &mut [Line],
    ) -> Quantised {
        // SAFETY: as above.
        unsafe { (self.rows.encode)(row, precision, lines) }
    }

    pub(crate) fn finish(&self, tile: &Tile, out: &mut [f32], out_stride: usize, columns: usize) {
        // SAFETY: as above.
        unsafe { (self.rows.finish)(tile, out, out_stride, columns) }
    }

    pub(crate) fn softmax(&self, row: &mut [Line], seen: usize, scale: f32) {
        // SAFETY: as above.
        unsafe { (self.rows.softmax)(row, seen, scale) }
    }

    pub(crate) fn depthwise(&self, taps: &[Tap], step: usize, bias: &[f32], out: &mut [f32]) {
        // SAFETY: as above.
        unsafe { (self.rows.depthwise)(taps, step, bias, out) }
    }
}
