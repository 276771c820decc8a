//! The arithmetic of the towers: everything that costs time, and nothing that knows what a model is.
//!
//! [`Kernels`] is what this processor does best, chosen once: a micro-kernel for products of each
//! [`Precision`], and functions of rows. `product` and `attention` are the loops around them.
//! Results depend neither on the number of threads nor on the number of rows; between instruction
//! sets they differ by roundings.

#[cfg(target_arch = "x86_64")]
mod amx;
mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bytes;
mod depthwise;
mod lanes;
mod line;
mod micro;
#[cfg(target_arch = "aarch64")]
mod neon;
mod outliers;
#[cfg(feature = "bench")]
mod peak;
mod portable;
mod product;
mod rows;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

pub(crate) use attention::{Part, Sequence, attend};
pub(crate) use bytes::{Group, PRECISION_BITS, Windows};
pub(crate) use depthwise::Depthwise;
pub(crate) use line::{Line, Lines, ReadLines, WriteLines};
pub(crate) use product::{Operand, Weights};
pub(crate) use rows::{NormOf, Then};

use crate::Error;
use depthwise::Tap;
use micro::MicroKernel;
use rows::{Quantised, Tile};

/// Names the instruction set to use instead of the best, for tests and reports of faults.
const CHOICE: &str = "PHOTOTAG_KERNELS";

/// How products are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// In single precision.
    F32,
    /// Factors rounded to `bf16` (8 bits of mantissa), sums in single precision.
    Bf16,
    /// Weights as 8-bit integers with a scale for each output, activations with a scale and a zero
    /// for each row, sums exact.
    Int8,
}

impl Precision {
    /// From exact to fast.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Int8];

    /// As files and command lines write it: "f32", "bf16" or "int8".
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    /// The fastest on this processor whose vectors are as good as exact for every model: `Bf16`
    /// where there is a unit for it, else `F32`. An error says that the environment variable
    /// `PHOTOTAG_KERNELS` names what this processor does not have.
    pub fn automatic() -> Result<Self, Error> {
        Ok(Kernels::chosen()?.careful)
    }

    /// Bytes of a value.
    fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
            Self::Int8 => 1,
        }
    }
}

/// The kernels that are in use on this processor, for people. The environment variable
/// `PHOTOTAG_KERNELS` forces others by their first word; an error says that the processor does not
/// have those.
pub fn kernels_in_use() -> Result<String, Error> {
    Ok(Kernels::chosen()?.description())
}

/// What becomes of a layer's values before the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `x * Phi(x)`, exactly.
    Gelu,
    /// Its approximation by a hyperbolic tangent (PyTorch's `approximate="tanh"`).
    GeluTanh,
    /// Its approximation `x * sigmoid(1.702 x)`, OpenAI's.
    QuickGelu,
    /// Between 0 and 6, as in MobileNets.
    Relu6,
}

/// The kernels of one instruction set. A value of this type exists only where the processor has
/// the instructions that it stands for.
pub(crate) struct Kernels {
    name: &'static str,
    f32: MicroKernel,
    bf16: Option<MicroKernel>,
    int8: Option<MicroKernel>,
    /// How parts are computed that are small, or that rounding to bytes would hurt: in `bf16` where
    /// that is faster.
    careful: Precision,
    rows: RowFunctions,
}

/// `rows`, compiled for an instruction set. They may be called where the processor has it.
struct RowFunctions {
    layer_norm: unsafe fn(&[f32], NormOf, &mut [f32]),
    encode: unsafe fn(&[f32], Precision, &mut [Line]) -> Quantised,
    finish: unsafe fn(&Tile, &mut [f32], usize, usize),
    softmax: unsafe fn(&mut [Line], usize, f32),
    depthwise: unsafe fn(&[Tap], usize, &[f32], &mut [f32]),
    along: unsafe fn(&[Group], Windows, &mut [Group]),
    across: unsafe fn(&[u8], &[i32], &mut [u8]),
}

macro_rules! row_functions {
    ($lanes:ty $(, $features:literal)?) => {{
        $(#[target_feature(enable = $features)])?
        fn layer_norm(row: &[f32], norm: NormOf, out: &mut [f32]) {
            // SAFETY: this function is called only where the processor has the instructions.
            unsafe { rows::layer_norm::<$lanes>(row, norm, out) }
        }
        $(#[target_feature(enable = $features)])?
        fn encode(row: &[f32], precision: Precision, lines: &mut [Line]) -> Quantised {
            // SAFETY: as above.
            unsafe { rows::encode::<$lanes>(row, precision, lines) }
        }
        $(#[target_feature(enable = $features)])?
        fn finish(tile: &Tile, out: &mut [f32], out_stride: usize, columns: usize) {
            // SAFETY: as above.
            unsafe { rows::finish::<$lanes>(tile, out, out_stride, columns) }
        }
        $(#[target_feature(enable = $features)])?
        fn softmax(row: &mut [Line], seen: usize, scale: f32) {
            // SAFETY: as above.
            unsafe { rows::softmax::<$lanes>(row, seen, scale) }
        }
        $(#[target_feature(enable = $features)])?
        fn depthwise(taps: &[Tap], step: usize, bias: &[f32], out: &mut [f32]) {
            // SAFETY: as above.
            unsafe { depthwise::pixels::<$lanes>(taps, step, bias, out) }
        }
        $(#[target_feature(enable = $features)])?
        fn along(groups: &[Group], windows: Windows, out: &mut [Group]) {
            bytes::along(groups, windows, out);
        }
        $(#[target_feature(enable = $features)])?
        fn across(lines: &[u8], weights: &[i32], out: &mut [u8]) {
            bytes::across(lines, weights, out);
        }
        RowFunctions { layer_norm, encode, finish, softmax, depthwise, along, across }
    }};
}

impl Kernels {
    /// The best that this processor has, or what the environment names.
    pub(crate) fn chosen() -> Result<&'static Self, Error> {
        static CHOSEN: OnceLock<Result<Kernels, String>> = OnceLock::new();
        let chosen = CHOSEN.get_or_init(|| {
            let mut all = Self::all();
            match std::env::var(CHOICE) {
                Err(_) => Ok(all.swap_remove(0)),
                Ok(asked) => {
                    let names: Vec<&str> = all.iter().map(|kernels| kernels.name).collect();
                    match names.iter().position(|name| *name == asked) {
                        Some(at) => Ok(all.swap_remove(at)),
                        None => Err(format!(
                            "{CHOICE} is {asked:?}; this processor has: {}",
                            names.join(", ")
                        )),
                    }
                }
            }
        });
        chosen.as_ref().map_err(|reason| Error::Kernels {
            reason: reason.clone(),
        })
    }

    /// Those chosen, or portable ones if the choice is not to be had, for work that comes before a model's:
    /// loading a model says what is wrong.
    pub(crate) fn chosen_or_portable() -> &'static Self {
        static PORTABLE: OnceLock<Kernels> = OnceLock::new();
        Self::chosen().unwrap_or_else(|_| PORTABLE.get_or_init(Self::portable))
    }

    /// All that this processor has, the best first.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let (avx512, avx2) = (has!("avx512f"), has!("avx2") && has!("fma"));
            let vectors = || row_functions!(avx512::Register, "avx512f");
            if avx512 && amx::allowed() {
                all.push(Self {
                    name: "amx",
                    f32: avx512::F32,
                    bf16: Some(amx::BF16),
                    int8: Some(amx::INT8),
                    careful: Precision::Bf16,
                    rows: vectors(),
                });
            }
            if avx512 {
                let (bf16, careful) = match has!("avx512bf16") {
                    true => (avx512::BF16_DOT, Precision::Bf16),
                    false => (avx512::BF16, Precision::F32),
                };
                all.push(Self {
                    name: "avx512",
                    f32: avx512::F32,
                    bf16: Some(bf16),
                    int8: has!("avx512vnni").then_some(avx512::INT8),
                    careful,
                    rows: vectors(),
                });
            }
            let registers = |name, int8| Self {
                name,
                f32: avx2::F32,
                bf16: Some(avx2::BF16),
                int8: Some(int8),
                careful: Precision::F32,
                rows: row_functions!(avx2::Registers, "avx2,fma"),
            };
            if avx2 && has!("avxvnni") {
                all.push(registers("avxvnni", avx2::INT8_VNNI));
            }
            if avx2 {
                all.push(registers("avx2", avx2::INT8));
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            use std::arch::is_aarch64_feature_detected as has;
            let neon = |name, int8| Self {
                name,
                f32: neon::F32,
                bf16: Some(neon::BF16),
                int8,
                careful: Precision::F32,
                rows: row_functions!(neon::Registers),
            };
            if has!("i8mm") {
                all.push(neon("i8mm", Some(neon::INT8_MIXED)));
            }
            if has!("dotprod") {
                all.push(neon("dotprod", Some(neon::INT8_SIGNED)));
            }
            all.push(neon("neon", None));
        }
        all.push(Self::portable());
        all
    }

    fn portable() -> Self {
        Self {
            name: "portable",
            f32: portable::F32,
            bf16: None,
            int8: None,
            careful: Precision::F32,
            rows: row_functions!(portable::Array),
        }
    }

    /// The name, and the instructions behind each precision.
    fn description(&self) -> String {
        let name = |precision| self.micro(precision).name;
        format!(
            "{} (f32: {}; bf16: {}; int8: {})",
            self.name,
            name(Precision::F32),
            name(Precision::Bf16),
            name(Precision::Int8)
        )
    }

    /// How parts are computed that are small, or that rounding to bytes would hurt, in a tower of
    /// this precision.
    pub(crate) fn careful(&self, precision: Precision) -> Precision {
        match precision {
            Precision::Int8 => self.careful,
            precision => precision,
        }
    }

    fn micro(&self, precision: Precision) -> &MicroKernel {
        match precision {
            Precision::F32 => &self.f32,
            Precision::Bf16 => self.bf16.as_ref().unwrap_or(&portable::BF16),
            Precision::Int8 => self.int8.as_ref().unwrap_or(&portable::INT8),
        }
    }

    /// `row` shifted to mean 0 and scaled to variance 1, then `* weight + bias`.
    pub(crate) fn layer_norm(&self, row: &[f32], norm: NormOf, out: &mut [f32]) {
        // SAFETY: a `Kernels` exists only where the processor has its instructions.
        unsafe { (self.rows.layer_norm)(row, norm, out) }
    }

    fn encode(&self, row: &[f32], precision: Precision, lines: &mut [Line]) -> Quantised {
        // SAFETY: as above.
        unsafe { (self.rows.encode)(row, precision, lines) }
    }

    fn finish(&self, tile: &Tile, out: &mut [f32], out_stride: usize, columns: usize) {
        // SAFETY: as above.
        unsafe { (self.rows.finish)(tile, out, out_stride, columns) }
    }

    fn softmax(&self, row: &mut [Line], seen: usize, scale: f32) {
        // SAFETY: as above.
        unsafe { (self.rows.softmax)(row, seen, scale) }
    }

    /// By window, the weighted sum of its groups.
    pub(crate) fn along(&self, groups: &[Group], windows: Windows, out: &mut [Group]) {
        // SAFETY: as above.
        unsafe { (self.rows.along)(groups, windows, out) }
    }

    /// By place, the weighted sum of the bytes above one another in `lines`, each as long as `out`.
    pub(crate) fn across(&self, lines: &[u8], weights: &[i32], out: &mut [u8]) {
        // SAFETY: as above.
        unsafe { (self.rows.across)(lines, weights, out) }
    }

    fn depthwise(&self, taps: &[Tap], step: usize, bias: &[f32], out: &mut [f32]) {
        // SAFETY: as above.
        unsafe { (self.rows.depthwise)(taps, step, bias, out) }
    }
}
