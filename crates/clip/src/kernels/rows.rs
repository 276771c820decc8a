//! What happens to the rows of a matrix around products: normalised, encoded for the product to
//! come, given their scale and bias and activation as they leave it, made probabilities.
//!
//! Written once over [`Lanes`]; the instruction sets compile it for themselves. Every row is
//! computed alone, so nothing depends on how many there are.

use super::lanes::{LANES, Lanes, activate, exp, rough_gelu};
use super::line::{BYTES, Line};
use super::outliers::{OUTLYING, Outliers};
use super::{Activation, Precision};

/// What a layer norm multiplies with and adds, and what keeps it from dividing by nothing.
#[derive(Clone, Copy)]
pub(crate) struct NormOf<'a> {
    pub(crate) weight: &'a [f32],
    pub(crate) bias: &'a [f32],
    pub(crate) eps: f32,
}

/// How the bytes of a row stand for its values: `value = scale * (byte - zero)`, but for the outliers,
/// whose bytes stand for zero.
#[derive(Clone, Copy, Default)]
pub(crate) struct Quantised {
    pub(crate) scale: f32,
    pub(crate) zero: f32,
    outliers: Outliers,
}

/// What becomes of a product's sums.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    Store,
    /// Added to what is there.
    Add,
    Activate(Activation),
}

/// The sums of one tile and what turns them into values. All slices by columns cover the tile's
/// columns, padding included.
pub(super) struct Tile<'a> {
    pub(super) precision: Precision,
    /// `[rows][stride]`: `f32`, or `i32` where `rows` is not empty.
    pub(super) sums: &'a [f32],
    pub(super) integers: &'a [i32],
    pub(super) stride: usize,
    /// Of the rows of a quantised left side; empty for the others.
    pub(super) rows: &'a [Quantised],
    /// What the sums lack for every unit of a column, see `MicroKernel`.
    pub(super) taken_off: f32,
    /// Of the columns of a quantised right side.
    pub(super) scales: &'a [f32],
    pub(super) column_sums: &'a [f32],
    /// The panels themselves, each of so many lines, for outliers.
    pub(super) panels: &'a [Line],
    pub(super) depth: usize,
    pub(super) bias: &'a [f32],
    pub(super) then: Then,
}

/// `rest` (less than all lanes) with `fill` behind it.
#[inline(always)]
fn padded(rest: &[f32], fill: f32) -> [f32; LANES] {
    let mut values = [fill; LANES];
    values[..rest.len()].copy_from_slice(rest);
    values
}

/// `row` shifted to mean 0 and scaled to variance 1, then `* weight + bias`.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(super) unsafe fn layer_norm<L: Lanes>(row: &[f32], norm: NormOf, out: &mut [f32]) {
    let count = row.len() as f32;
    let (whole, rest) = row.as_chunks::<LANES>();
    // SAFETY: as the caller vouches.
    unsafe {
        let mut sum = L::load(&padded(rest, 0.0));
        for values in whole {
            sum = sum.add(L::load(values));
        }
        let mean = sum.sum() / count;
        let means = L::splat(mean);
        let off = L::load(&padded(rest, mean)).sub(means);
        let mut squares = off.mul(off);
        for values in whole {
            let off = L::load(values).sub(means);
            squares = off.mul_add(off, squares);
        }
        let scale = L::splat(1.0 / (squares.sum() / count + norm.eps).sqrt());
        let (weights, weight_rest) = norm.weight.as_chunks::<LANES>();
        let (biases, bias_rest) = norm.bias.as_chunks::<LANES>();
        let (outs, out_rest) = out.as_chunks_mut::<LANES>();
        for (((values, weight), bias), out) in whole.iter().zip(weights).zip(biases).zip(outs) {
            let normed = L::load(values).sub(means).mul(scale);
            normed.mul_add(L::load(weight), L::load(bias)).store(out);
        }
        if !rest.is_empty() {
            let mut values = [0.0; LANES];
            let normed = L::load(&padded(rest, 0.0)).sub(means).mul(scale);
            let (weight, bias) = (padded(weight_rest, 0.0), padded(bias_rest, 0.0));
            normed
                .mul_add(L::load(&weight), L::load(&bias))
                .store(&mut values);
            out_rest.copy_from_slice(&values[..rest.len()]);
        }
    }
}

/// Writes `row` into `lines` as a product of `precision` reads it, zeros behind it.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(super) unsafe fn encode<L: Lanes>(
    row: &[f32],
    precision: Precision,
    lines: &mut [Line],
) -> Quantised {
    // SAFETY: as the caller vouches.
    unsafe {
        match precision {
            Precision::F32 => {
                let out: &mut [f32] = bytemuck::cast_slice_mut(lines);
                let (out, behind) = out.split_at_mut(row.len());
                out.copy_from_slice(row);
                behind.fill(0.0);
                Quantised::default()
            }
            Precision::Bf16 => {
                stored::<L, Bf16>(row, Bf16, bytemuck::cast_slice_mut(lines));
                Quantised::default()
            }
            Precision::Int8 => {
                let lines = bytemuck::cast_slice_mut(lines);
                let (quantised, largest, usual) = range::<L>(row);
                if largest <= OUTLYING * usual {
                    stored::<L, Units>(row, Units::of(quantised), lines);
                    return quantised;
                }
                let mut rest = row.to_vec();
                let outliers = Outliers::taken_from(&mut rest);
                let (quantised, ..) = range::<L>(&rest);
                stored::<L, Units>(&rest, Units::of(quantised), lines);
                Quantised {
                    outliers,
                    ..quantised
                }
            }
        }
    }
}

/// How 16 values become shorter ones.
trait Short: Copy {
    type Value: bytemuck::Pod;

    /// # Safety
    ///
    /// The processor has the instruction set of `L`.
    unsafe fn store<L: Lanes>(self, values: &[f32; LANES], out: &mut [Self::Value; LANES]);
}

#[derive(Clone, Copy)]
struct Bf16;

impl Short for Bf16 {
    type Value = u16;

    #[inline(always)]
    unsafe fn store<L: Lanes>(self, values: &[f32; LANES], out: &mut [u16; LANES]) {
        // SAFETY: as the caller vouches.
        unsafe { L::load(values).store_bf16(out) }
    }
}

/// `value * inverse + zero`, as bytes.
#[derive(Clone, Copy)]
struct Units {
    inverse: f32,
    zero: f32,
}

impl Units {
    fn of(quantised: Quantised) -> Self {
        Self {
            inverse: 1.0 / quantised.scale,
            zero: quantised.zero,
        }
    }
}

impl Short for Units {
    type Value = u8;

    #[inline(always)]
    unsafe fn store<L: Lanes>(self, values: &[f32; LANES], out: &mut [u8; LANES]) {
        // SAFETY: as the caller vouches.
        unsafe {
            let units = L::load(values).mul_add(L::splat(self.inverse), L::splat(self.zero));
            let units = units.max(L::splat(0.0)).min(L::splat(255.0));
            units.store_bytes(out);
        }
    }
}

/// All of `row`, and zeros as far as `out` goes beyond it.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
unsafe fn stored<L: Lanes, S: Short>(row: &[f32], short: S, out: &mut [[S::Value; LANES]]) {
    let (whole, rest) = row.as_chunks::<LANES>();
    let (outs, behind) = out.split_at_mut(whole.len());
    behind.fill(bytemuck::Zeroable::zeroed());
    // SAFETY: as the caller vouches.
    unsafe {
        for (values, out) in whole.iter().zip(outs) {
            short.store::<L>(values, out);
        }
        if let (false, Some(out)) = (rest.is_empty(), behind.first_mut()) {
            short.store::<L>(&padded(rest, 0.0), out);
        }
    }
}

/// The scale and zero with which 256 bytes cover the values of `row`, and zero exactly; the largest
/// magnitude of `row`, and the root of the mean square.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
unsafe fn range<L: Lanes>(row: &[f32]) -> (Quantised, f32, f32) {
    let (whole, rest) = row.as_chunks::<LANES>();
    // SAFETY: as the caller vouches.
    let (least, most, squares) = unsafe {
        let rest = L::load(&padded(rest, 0.0));
        let zero = L::splat(0.0);
        let (mut least, mut most) = (rest.min(zero), rest.max(zero));
        let mut squares = rest.mul(rest);
        for values in whole {
            let values = L::load(values);
            least = least.min(values);
            most = most.max(values);
            squares = values.mul_add(values, squares);
        }
        (least.folded(f32::min), most.folded(f32::max), squares.sum())
    };
    let scale = ((most - least) / 255.0).max(f32::MIN_POSITIVE);
    let quantised = Quantised {
        scale,
        zero: (-least / scale).round_ties_even(),
        outliers: Outliers::default(),
    };
    (
        quantised,
        most.max(-least),
        (squares / row.len() as f32).sqrt(),
    )
}

/// Turns a tile's sums into values in the rows of `out`, which is `[rows][out_stride]` and begins
/// at the tile's first column; `columns` of them exist.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(super) unsafe fn finish<L: Lanes>(
    tile: &Tile,
    out: &mut [f32],
    out_stride: usize,
    columns: usize,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        match tile.then {
            Then::Store => parts::<L, Store>(tile, out, out_stride, columns),
            Then::Add => parts::<L, Add>(tile, out, out_stride, columns),
            Then::Activate(Activation::Gelu) => match tile.precision {
                Precision::F32 => parts::<L, Gelu>(tile, out, out_stride, columns),
                _ => parts::<L, RoughGelu>(tile, out, out_stride, columns),
            },
            Then::Activate(Activation::GeluTanh) => {
                parts::<L, GeluTanh>(tile, out, out_stride, columns);
            }
            Then::Activate(Activation::QuickGelu) => {
                parts::<L, QuickGelu>(tile, out, out_stride, columns);
            }
            Then::Activate(Activation::Relu6) => parts::<L, Relu6>(tile, out, out_stride, columns),
        }
    }
}

/// [`Then`] as a type, so that the loops are compiled for each.
trait Last {
    /// What to write where `there` is.
    ///
    /// # Safety
    ///
    /// The processor has the instruction set of `L`.
    unsafe fn of<L: Lanes>(value: L, there: L) -> L;
}

macro_rules! last {
    ($($name:ident = |$value:ident, $there:ident| $result:expr;)*) => {$(
        struct $name;
        impl Last for $name {
            #[inline(always)]
            unsafe fn of<L: Lanes>($value: L, $there: L) -> L {
                // SAFETY: as the caller vouches.
                unsafe { $result }
            }
        }
    )*};
}

last! {
    Add = |value, there| value.add(there);
    Gelu = |value, _there| activate(Activation::Gelu, value);
    RoughGelu = |value, _there| rough_gelu(value);
    GeluTanh = |value, _there| activate(Activation::GeluTanh, value);
    QuickGelu = |value, _there| activate(Activation::QuickGelu, value);
    Relu6 = |value, _there| activate(Activation::Relu6, value);
}

struct Store;
impl Last for Store {
    #[inline(always)]
    unsafe fn of<L: Lanes>(value: L, _there: L) -> L {
        value
    }
}

/// 16 columns after another.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
unsafe fn parts<L: Lanes, F: Last>(
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
        // SAFETY: as the caller vouches.
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
                    let exact = column_sum.mul_add(L::splat(tile.taken_off - quantised.zero), sums);
                    let bias = with_outliers(&quantised.outliers, panel, scale, bias);
                    let value = exact.mul_add(scale.mul(L::splat(quantised.scale)), bias);
                    put::<L, F>(value, row);
                }
            }
        }
    }
}

/// `sums`, and the products of a row's outliers with the quantised weights of a panel, whose `scale` it is.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
unsafe fn with_outliers<L: Lanes>(outliers: &Outliers, panel: &[Line], scale: L, sums: L) -> L {
    let mut sums = sums;
    for (column, value) in outliers.iter() {
        // A line has a group of four neighbouring inputs for each of its outputs.
        let (line, at) = (&panel[column / 4], column % 4);
        let groups: &[[u8; 4]; LANES] = bytemuck::cast_ref(&line.0);
        let units = groups.map(|group| i32::from_le_bytes(group) << (24 - 8 * at) >> 24);
        // SAFETY: as the caller vouches.
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
unsafe fn put<L: Lanes, F: Last>(value: L, there: &mut [f32]) {
    // SAFETY: as the caller vouches.
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

/// The first `seen` values of `row` times `scale`, as exponentials with a sum of 1; zeros behind.
///
/// # Safety
///
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(super) unsafe fn softmax<L: Lanes>(row: &mut [Line], seen: usize, scale: f32) {
    let row: &mut [[f32; LANES]] = bytemuck::cast_slice_mut(row);
    let (used, behind) = row.split_at_mut(seen.div_ceil(LANES));
    behind.fill([0.0; LANES]);
    if let Some(last) = used.last_mut() {
        last[(seen - 1) % LANES + 1..].fill(f32::NEG_INFINITY);
    }
    // SAFETY: as the caller vouches.
    unsafe {
        let mut most = L::splat(f32::NEG_INFINITY);
        for values in used.iter() {
            most = most.max(L::load(values));
        }
        let most = L::splat(most.folded(f32::max) * scale);
        let scale = L::splat(scale);
        let mut sum = L::splat(0.0);
        for values in used.iter_mut() {
            let power = exp(L::load(values).mul(scale).sub(most));
            power.store(values);
            sum = sum.add(power);
        }
        // What was minus infinity is e^-87 now: too little to be seen in the sum, but not zero.
        let inverse = L::splat(1.0 / sum.sum());
        for values in used.iter_mut() {
            L::load(values).mul(inverse).store(values);
        }
    }
    if let Some(last) = used.last_mut() {
        last[(seen - 1) % LANES + 1..].fill(0.0);
    }
}

/// Lines that a row of `columns` values takes.
pub(super) fn lines_of(columns: usize, precision: Precision) -> usize {
    (columns * precision.bytes()).div_ceil(BYTES)
}
