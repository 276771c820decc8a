//! Numbers as files store them: little-endian f32, f16 and bf16, converted to f32.

use half::{bf16, f16};
use safetensors::Dtype;

/// The values in `data`, which need not be aligned. The error names the type if it is not supported.
pub(crate) fn floats(dtype: Dtype, data: &[u8]) -> Result<Vec<f32>, String> {
    let halves = |convert: fn([u8; 2]) -> f32| {
        data.as_chunks::<2>()
            .0
            .iter()
            .map(|b| convert(*b))
            .collect()
    };
    match dtype {
        Dtype::F32 => Ok(data
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect()),
        Dtype::F16 => Ok(halves(|b| f16::from_le_bytes(b).to_f32())),
        Dtype::BF16 => Ok(halves(|b| bf16::from_le_bytes(b).to_f32())),
        other => Err(format!("has type {other:?}, not f32, f16 or bf16")),
    }
}
