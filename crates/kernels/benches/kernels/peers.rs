//! Products of the same shapes by established crates, rten-gemm and gemm, with weights packed in advance where the crate
//! allows it.

use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

/// One crate's product for one type.
pub struct Peer {
    pub name: &'static str,
    pub values: &'static str,
    /// Prepares a product of `[rows, outputs, inputs]`.
    pub product: fn([usize; 3]) -> Box<dyn FnMut()>,
}

pub const PEERS: [Peer; 3] = [
    Peer {
        name: "rten-gemm",
        values: "f32",
        product: rten_f32,
    },
    Peer {
        name: "gemm",
        values: "f32",
        product: gemm_f32,
    },
    Peer {
        name: "rten-gemm",
        values: "int8",
        product: rten_int8,
    },
];

fn rten_f32([rows, outputs, inputs]: [usize; 3]) -> Box<dyn FnMut()> {
    let executor = GemmExecutor::<f32>::default();
    let a = NdTensor::<f32, 2>::full([rows, inputs], 0.5);
    let b = NdTensor::<f32, 2>::full([inputs, outputs], 0.25);
    let packed = executor.prepack_b(b.view());
    let mut out = vec![0.0; rows * outputs];
    Box::new(move || {
        let (a, b) = (GemmInputA::Unpacked(a.view()), GemmInputB::Packed(&packed));
        let done = executor.gemm(&mut out, a, b, GemmOptions::default());
        done.expect("matching sizes");
    })
}

fn rten_int8([rows, outputs, inputs]: [usize; 3]) -> Box<dyn FnMut()> {
    let executor = GemmExecutor::<u8, i8, i32>::default();
    let a = NdTensor::<u8, 2>::full([rows, inputs], 3);
    let b = NdTensor::<i8, 2>::full([inputs, outputs], -5);
    let packed = executor.prepack_b(b.view());
    let mut out = vec![0; rows * outputs];
    Box::new(move || {
        let (a, b) = (GemmInputA::Unpacked(a.view()), GemmInputB::Packed(&packed));
        let done = executor.gemm(&mut out, a, b, GemmOptions::default());
        done.expect("matching sizes");
    })
}

fn gemm_f32([rows, outputs, inputs]: [usize; 3]) -> Box<dyn FnMut()> {
    let a = vec![0.5f32; rows * inputs];
    let b = vec![0.25f32; inputs * outputs];
    let mut out = vec![0.0f32; rows * outputs];
    Box::new(move || {
        let (m, n, k) = (rows, outputs, inputs);
        // SAFETY: the three matrices have the given sizes and strides: all are stored by row, the weights as
        // `[outputs][inputs]`.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                out.as_mut_ptr(),
                1,
                n as isize,
                false,
                a.as_ptr(),
                1,
                k as isize,
                b.as_ptr(),
                k as isize,
                1,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    })
}
