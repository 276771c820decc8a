//! How a tower computes.

use phototag_kernels::{Kernels, Precision};

/// The kernels of a tower, and the precision of its products.
#[derive(Clone, Copy)]
pub(crate) struct Arithmetic {
    pub(crate) kernels: &'static Kernels,
    pub(crate) precision: Precision,
}

impl Arithmetic {
    /// The same without `int8`, for parts that are small or that rounding to bytes would hurt.
    pub(crate) fn float(self) -> Self {
        Self {
            precision: self.kernels.float(self.precision),
            ..self
        }
    }

    /// The same for the layers whose rounding to bytes affects a vector most, a sixth of a block's products: without
    /// `int8` if the processor has a unit for `bf16` that makes this cheap.
    pub(super) fn sensitive(self) -> Self {
        match self.float() {
            float if float.precision == Precision::Bf16 => float,
            _ => self,
        }
    }
}
