//! The arithmetic of the towers: everything that costs time, and nothing that knows what a model is.
//!
//! The towers call only what is here, so that hand-written kernels can take a function's place one
//! by one. Today matrix products come from rten-gemm and functions of single values from
//! rten-vecmath; both choose the instruction set (AVX-512, AVX2, NEON, ...) at run time. Each is
//! tested against the plain loops in `portable`. Products run on the threads of the pool that the
//! caller is in; results depend neither on the number of threads nor on the number of rows.

#[cfg(test)]
mod portable;

use rten_gemm::{BiasVector, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_simd::{SimdOp, SimdUnaryOp};
use rten_tensor::NdTensorView;
use rten_vecmath::{
    ApproxGelu, Gelu, Normalize, NormalizeOptions, Softmax, Sum, SumSquareSub, Swish,
};

/// A layer's weights, laid out for multiplication.
pub(crate) struct Weights {
    packed: PackedBMatrix<f32>,
    outputs: usize,
    inputs: usize,
}

impl Weights {
    /// `weights` is `[outputs][inputs]`, as PyTorch's `Linear` stores them.
    pub(crate) fn new(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        let view = strided(weights, [inputs, outputs], [1, inputs]);
        Self {
            packed: GemmExecutor::<f32>::new().prepack_b(view),
            outputs,
            inputs,
        }
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// `out = x * weights^T + bias`, or `out += ...` where `add`. `x` is `[rows][inputs]`, `out`
    /// `[rows][outputs]`.
    pub(crate) fn multiply(&self, x: &[f32], bias: Option<&[f32]>, out: &mut [f32], add: bool) {
        let rows = x.len() / self.inputs;
        let options = GemmOptions {
            beta: if add { 1.0 } else { 0.0 },
            bias: bias.map(BiasVector::Row),
            ..GemmOptions::default()
        };
        let x = strided(x, [rows, self.inputs], [self.inputs, 1]);
        GemmExecutor::<f32>::new()
            .gemm(
                out,
                GemmInputA::Unpacked(x),
                GemmInputB::Packed(&self.packed),
                options,
            )
            .expect("shapes agree");
    }
}

/// Part of a matrix that lies in `data` with a distance of `stride` from row to row.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) stride: usize,
}

/// `out = scale * a * b^T`, `[a.rows][b.rows]`.
pub(crate) fn multiply_transposed(a: Part, b: Part, scale: f32, out: &mut [f32]) {
    let b = strided(b.data, [b.columns, b.rows], [1, b.stride]);
    product(a, b, scale, out);
}

/// `out = a * b`, `[a.rows][b.columns]`.
pub(crate) fn multiply(a: Part, b: Part, out: &mut [f32]) {
    product(
        a,
        strided(b.data, [b.rows, b.columns], [b.stride, 1]),
        1.0,
        out,
    );
}

fn product(a: Part, b: NdTensorView<f32, 2>, alpha: f32, out: &mut [f32]) {
    let a = strided(a.data, [a.rows, a.columns], [a.stride, 1]);
    let options = GemmOptions {
        alpha,
        ..GemmOptions::default()
    };
    GemmExecutor::<f32>::new()
        .gemm(
            out,
            GemmInputA::Unpacked(a),
            GemmInputB::Unpacked(b),
            options,
        )
        .expect("shapes agree");
}

fn strided(data: &[f32], shape: [usize; 2], strides: [usize; 2]) -> NdTensorView<'_, f32, 2> {
    NdTensorView::from_slice_with_strides(shape, data, strides).expect("data covers the shape")
}

/// What stands between the two layers of a block's MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `x * Phi(x)`, exactly.
    Gelu,
    /// Its approximation by a hyperbolic tangent (PyTorch's `approximate="tanh"`).
    GeluTanh,
    /// Its approximation `x * sigmoid(1.702 x)`, OpenAI's.
    QuickGelu,
}

impl Activation {
    pub(crate) fn apply(self, values: &mut [f32]) {
        match self {
            Self::Gelu => Gelu {}.map_mut(values),
            Self::GeluTanh => ApproxGelu {}.map_mut(values),
            Self::QuickGelu => Swish { alpha: 1.702 }.map_mut(values),
        }
    }
}

/// Exponentials of `row`, scaled to a sum of 1.
pub(crate) fn softmax(row: &mut [f32]) {
    Softmax::new_mut(row).dispatch();
}

/// `row` shifted to mean 0 and scaled to variance 1, then `* weight + bias`.
pub(crate) fn layer_norm(row: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
    let count = row.len() as f32;
    let mean = Sum::new(row).dispatch() / count;
    let variance = SumSquareSub::new(row, mean).dispatch() / count;
    let options = NormalizeOptions {
        pre_scale_bias: mean,
        scale: 1.0 / (variance + eps).sqrt(),
        element_scale: Some(weight),
        element_bias: Some(bias),
        ..NormalizeOptions::default()
    };
    Normalize::new_mut(row, options).dispatch();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reproducible values between -1 and 1.
    fn values(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn assert_close(actual: &[f32], expected: &[f32], tolerance: f32, what: &str) {
        for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
            assert!((a - e).abs() <= tolerance, "{what}: {a} for {e} at {i}");
        }
    }

    #[test]
    fn products_agree_with_plain_loops_around_every_block_size() {
        // rten-gemm's tiles have 6 or 14 rows and 16 or 32 columns, its blocks 64 rows, 128
        // columns and a depth of 256.
        for rows in [1, 2, 5, 6, 7, 14, 15, 63, 65] {
            for outputs in [1, 15, 16, 33, 129] {
                for inputs in [1, 8, 255, 257] {
                    let x = values(rows * inputs, 1);
                    let weights = values(outputs * inputs, 2);
                    let bias = values(outputs, 3);
                    let mut actual = values(rows * outputs, 4);
                    let mut expected = actual.clone();
                    let packed = Weights::new(&weights, outputs, inputs);
                    packed.multiply(&x, Some(&bias), &mut actual, true);
                    portable::linear(&x, &weights, &bias, inputs, &mut expected);
                    let what = format!("{rows}x{inputs} by {inputs}x{outputs}");
                    assert_close(&actual, &expected, 1e-4, &what);
                }
            }
        }
    }

    #[test]
    fn a_row_of_a_product_does_not_depend_on_the_others() {
        let (inputs, outputs) = (300, 70);
        let x = values(9 * inputs, 5);
        let weights = Weights::new(&values(outputs * inputs, 6), outputs, inputs);
        let mut all = vec![0.0; 9 * outputs];
        weights.multiply(&x, None, &mut all, false);
        for row in 0..9 {
            let mut one = vec![0.0; outputs];
            weights.multiply(&x[row * inputs..][..inputs], None, &mut one, false);
            assert_eq!(one, all[row * outputs..][..outputs], "row {row}");
        }
    }

    #[test]
    fn parts_of_matrices_multiply_like_plain_loops() {
        let (data_a, data_b) = (values(5 * 20, 7), values(7 * 30, 8));
        let a = Part {
            data: &data_a[4..],
            rows: 5,
            columns: 8,
            stride: 20,
        };
        let b = Part {
            data: &data_b[9..],
            rows: 7,
            columns: 8,
            stride: 30,
        };
        let mut scores = vec![0.0; 5 * 7];
        multiply_transposed(a, b, 0.5, &mut scores);
        assert_close(
            &scores,
            &portable::multiply_transposed(a, b, 0.5),
            1e-5,
            "transposed",
        );
        let probabilities = Part {
            data: &scores,
            rows: 5,
            columns: 7,
            stride: 7,
        };
        let mut mixed = vec![0.0; 5 * 8];
        multiply(probabilities, b, &mut mixed);
        assert_close(&mixed, &portable::multiply(probabilities, b), 1e-5, "plain");
    }

    #[test]
    fn functions_agree_with_their_definitions() {
        let inputs: Vec<f32> = (-800..=800).map(|i| i as f32 / 100.0).collect();
        for activation in [
            Activation::Gelu,
            Activation::GeluTanh,
            Activation::QuickGelu,
        ] {
            let mut actual = inputs.clone();
            activation.apply(&mut actual);
            let expected = portable::activate(activation, &inputs);
            assert_close(&actual, &expected, 2e-6, &format!("{activation:?}"));
        }
        let mut row = values(77, 9);
        let expected = portable::softmax(&row);
        softmax(&mut row);
        assert_close(&row, &expected, 1e-6, "softmax");
        let (weight, bias) = (values(77, 10), values(77, 11));
        let expected = portable::layer_norm(&row, &weight, &bias, 1e-5);
        layer_norm(&mut row, &weight, &bias, 1e-5);
        assert_close(&row, &expected, 1e-5, "layer_norm");
    }
}
