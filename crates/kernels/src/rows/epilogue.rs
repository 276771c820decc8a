//! The end of a product: sums become values, with scale, bias and activation.

use super::encode::Quantised;
use super::padded;
use crate::activation::{Activation, activate, fast_gelu};
use crate::lanes::{LANES, Lanes};
use crate::line::Line;
use crate::outliers::Outliers;
use crate::precision::Precision;

/// What happens to the values of a product.
#[derive(Clone, Copy)]
pub enum Epilogue {
    /// They replace the output.
    Store,
    /// They are added to the output.
    Add,
    /// They replace the output after an activation function.
    Activate(Activation),
}

/// The sums of one tile and what turns them into values. Slices by column cover all columns of the tile, padding
/// included.
pub(crate) struct Tile<'a> {
    pub(crate) precision: Precision,
    /// `[rows][stride]`: `f32`, or `i32` if `rows` is not empty.
    pub(crate) sums: &'a [f32],
    pub(crate) integers: &'a [i32],
    pub(crate) stride: usize,
    /// By row of a quantised left side; empty otherwise.
    pub(crate) rows: &'a [Quantised],
    /// What the kernel subtracted from every byte of the left side, see `MicroKernel`.
    pub(crate) lhs_offset: f32,
    /// By column of a quantised right side.
    pub(crate) scales: &'a [f32],
    pub(crate) column_sums: &'a [f32],
    /// The panels themselves, `depth` lines each, for outliers.
    pub(crate) panels: &'a [Line],
    pub(crate) depth: usize,
    pub(crate) bias: &'a [f32],
    pub(crate) epilogue: Epilogue,
}

/// Turns a tile's sums into values in the rows of `out`, `[rows][out_stride]`, which starts at the tile's first column.
/// `columns` of the tile's columns exist.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(crate) unsafe fn finish<L: Lanes>(
    tile: &Tile,
    out: &mut [f32],
    out_stride: usize,
    columns: usize,
) {
    // SAFETY: the caller guarantees the instruction set.
    unsafe {
        match tile.epilogue {
            Epilogue::Store => parts::<L, Store>(tile, out, out_stride, columns),
            Epilogue::Add => parts::<L, Add>(tile, out, out_stride, columns),
            Epilogue::Activate(Activation::Gelu) => match tile.precision {
                Precision::F32 => parts::<L, Gelu>(tile, out, out_stride, columns),
                _ => parts::<L, FastGelu>(tile, out, out_stride, columns),
            },
            Epilogue::Activate(Activation::GeluTanh) => {
                parts::<L, GeluTanh>(tile, out, out_stride, columns);
            }
            Epilogue::Activate(Activation::QuickGelu) => {
                parts::<L, QuickGelu>(tile, out, out_stride, columns);
            }
            Epilogue::Activate(Activation::Relu6) => {
                parts::<L, Relu6>(tile, out, out_stride, columns)
            }
        }
    }
}

/// [`Epilogue`] as a type, so that the loops are compiled for each.
trait Finish {
    /// The value to write where `there` is.
    ///
    /// # Safety
    ///
    /// The processor has the instruction set of `L`.
    unsafe fn of<L: Lanes>(value: L, there: L) -> L;
}

macro_rules! finish {
    ($($name:ident = |$value:ident, $there:ident| $result:expr;)*) => {$(
        struct $name;
        impl Finish for $name {
            #[inline(always)]
            unsafe fn of<L: Lanes>($value: L, $there: L) -> L {
                // SAFETY: the caller guarantees the instruction set.
                unsafe { $result }
            }
        }
    )*};
}

finish! {
    Add = |value, there| value.add(there);
    Gelu = |value, _there| activate(Activation::Gelu, value);
    FastGelu = |value, _there| fast_gelu(value);
    GeluTanh = |value, _there| activate(Activation::GeluTanh, value);
    QuickGelu = |value, _there| activate(Activation::QuickGelu, value);
    Relu6 = |value, _there| activate(Activation::Relu6, value);
}

struct Store;
impl Finish for Store {
    #[inline(always)]
    unsafe fn of<L: Lanes>(value: L, _there: L) -> L {
        value
    }
}

/// Finishes 16 columns at a time.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
unsafe fn parts<L: Lanes, F: Finish>(
    tile: &Tile,
    out: &mut [f32],
    out_stride: usize,
    columns: usize,
) {
    let (biases, scales, column_sums) = (
        tile.bias.as_chunks::<LANES>().0,
        tile.scales.as_chunks::<LANES>().0,
        tile.column_sums.as_chunks::<LANES>().0,
    );
    for (part, column) in (0..columns).step_by(LANES).enumerate() {
        let width = LANES.min(columns - column);
        let panel = &tile.panels[part * tile.depth..][..tile.depth];
        let rows = out
            .chunks_mut(out_stride)
            .map(|row| &mut row[column..column + width]);
        // SAFETY: the caller guarantees the instruction set.
        unsafe {
            let bias = L::load(&biases[part]);
            if tile.rows.is_empty() {
                let sums = tile.sums[column..].chunks(tile.stride);
                for (sums, row) in sums.zip(rows) {
                    let sums = &sums.as_chunks::<LANES>().0[0];
                    put::<L, F>(L::load(sums).add(bias), row);
                }
            } else {
                let (scale, column_sum) = (L::load(&scales[part]), L::load(&column_sums[part]));
                let sums = tile.integers[column..].chunks(tile.stride);
                for ((sums, quantised), row) in sums.zip(tile.rows).zip(rows) {
                    let sums = L::from_integers(&sums.as_chunks::<LANES>().0[0]);
                    let exact =
                        column_sum.mul_add(L::splat(tile.lhs_offset - quantised.zero), sums);
                    let bias = with_outliers(&quantised.outliers, panel, scale, bias);
                    let value = exact.mul_add(scale.mul(L::splat(quantised.scale)), bias);
                    put::<L, F>(value, row);
                }
            }
        }
    }
}

/// `sums` plus the products of a row's outliers with the quantised weights of a panel. `scale` is the panel's.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
unsafe fn with_outliers<L: Lanes>(outliers: &Outliers, panel: &[Line], scale: L, sums: L) -> L {
    let mut sums = sums;
    for (column, value) in outliers.iter() {
        // A line has a group of four consecutive inputs for each of its outputs.
        let (line, at) = (&panel[column / 4], column % 4);
        let groups: &[[u8; 4]; LANES] = bytemuck::cast_ref(&line.0);
        let units = groups.map(|group| i32::from_le_bytes(group) << (24 - 8 * at) >> 24);
        // SAFETY: the caller guarantees the instruction set.
        unsafe {
            sums = L::from_integers(&units)
                .mul(L::splat(value))
                .mul_add(scale, sums);
        }
    }
    sums
}

/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
unsafe fn put<L: Lanes, F: Finish>(value: L, there: &mut [f32]) {
    // SAFETY: the caller guarantees the instruction set.
    unsafe {
        match <&mut [f32; LANES]>::try_from(&mut *there) {
            Ok(there) => F::of(value, L::load(there)).store(there),
            Err(_) => {
                let mut values = padded(there, 0.0);
                F::of(value, L::load(&values)).store(&mut values);
                there.copy_from_slice(&values[..there.len()]);
            }
        }
    }
}
