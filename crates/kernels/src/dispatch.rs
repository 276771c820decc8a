//! The functions of rows as pointers, so that an instruction set can be chosen at run time.

use crate::line::Line;
use crate::precision::Precision;
use crate::resize::{Group, Windows};
use crate::rows::{LayerNorm, Quantised, Tile};
use crate::taps::Tap;

/// The functions of rows, compiled for an instruction set. They may be called only on a processor that has it.
pub(crate) struct RowFunctions {
    pub(crate) layer_norm: unsafe fn(&[f32], LayerNorm, &mut [f32]),
    pub(crate) encode: unsafe fn(&[f32], Precision, &mut [Line]) -> Quantised,
    pub(crate) finish: unsafe fn(&Tile, &mut [f32], usize, usize),
    pub(crate) softmax: unsafe fn(&mut [Line], usize, f32),
    pub(crate) depthwise: unsafe fn(&[Tap], usize, &[f32], &mut [f32]),
    pub(crate) along: unsafe fn(&[Group], Windows, &mut [Group]),
    pub(crate) across: unsafe fn(&[u8], &[i32], &mut [u8]),
}

/// The [`RowFunctions`] of an implementation of `Lanes`, compiled with its target features.
macro_rules! row_functions {
    ($lanes:ty $(, $features:literal)?) => {{
        use $crate::dispatch::RowFunctions;
        use $crate::line::Line;
        use $crate::precision::Precision;
        use $crate::resize::{self, Group, Windows};
        use $crate::rows::{self, LayerNorm, Quantised, Tile};
        use $crate::taps::{self, Tap};

        $(#[target_feature(enable = $features)])?
        fn layer_norm(row: &[f32], norm: LayerNorm, out: &mut [f32]) {
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
            unsafe { taps::apply::<$lanes>(taps, step, bias, out) }
        }
        $(#[target_feature(enable = $features)])?
        fn along(groups: &[Group], windows: Windows, out: &mut [Group]) {
            resize::along(groups, windows, out);
        }
        $(#[target_feature(enable = $features)])?
        fn across(lines: &[u8], weights: &[i32], out: &mut [u8]) {
            resize::across(lines, weights, out);
        }
        RowFunctions { layer_norm, encode, finish, softmax, depthwise, along, across }
    }};
}
pub(crate) use row_functions;
