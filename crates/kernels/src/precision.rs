//! The number formats in which products are computed.

/// How products are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Single precision.
    F32,
    /// Factors rounded to `bf16` (8 bits of mantissa), sums in single precision.
    Bf16,
    /// Weights as 8-bit integers with one scale per output, activations as bytes with one scale and one zero point
    /// per row, exact sums.
    Int8,
}

impl Precision {
    /// All precisions, the most exact first.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Int8];

    /// The name in files and on command lines: "f32", "bf16" or "int8".
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    /// Bytes per value.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
            Self::Int8 => 1,
        }
    }
}
