//! What a micro-kernel is: the innermost loop of a product, for one type of values and one
//! instruction set. How memory is laid out for it says `product`.

use super::lanes::LANES;
use super::line::{BYTES, Line};

/// Rows and panels of the largest tile.
pub(super) const MOST_ROWS: usize = 32;
pub(super) const MOST_PANELS: usize = 2;

/// The sums of one tile, row by row, as `f32` or `i32`.
#[repr(C, align(64))]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Sums([Line; MOST_ROWS * MOST_PANELS]);

impl Sums {
    pub(super) const ZERO: Self = Self([Line::ZERO; MOST_ROWS * MOST_PANELS]);

    pub(super) fn values<T: bytemuck::Pod>(&self) -> &[T] {
        bytemuck::cast_slice(&self.0)
    }

    pub(super) fn values_mut<T: bytemuck::Pod>(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(&mut self.0)
    }
}

/// A tile's factors. A micro-kernel's `run` may read `rows` rows of `a`, `depth / 16` lines each,
/// and `panels * depth` lines of `b`; `Factors::new` checks that they are there.
#[derive(Clone, Copy)]
pub(super) struct Factors<'a> {
    a: &'a [Line],
    stride: usize,
    b: &'a [Line],
    depth: usize,
}

impl<'a> Factors<'a> {
    /// `stride` is the distance of rows in `a`, in lines. `depth` counts groups, and is a multiple
    /// of 16: a row ends with a whole line.
    pub(super) fn new(
        kernel: &MicroKernel,
        a: &'a [Line],
        stride: usize,
        b: &'a [Line],
        depth: usize,
    ) -> Self {
        assert!(
            depth.is_multiple_of(LANES)
                && a.len() >= (kernel.rows - 1) * stride + depth / LANES
                && b.len() >= kernel.panels * depth,
            "a tile within its matrices"
        );
        Self {
            a,
            stride,
            b,
            depth,
        }
    }

    /// The first row.
    pub(super) fn a(&self) -> *const u8 {
        self.a.as_ptr().cast()
    }

    /// From a row to the next.
    pub(super) fn stride_bytes(&self) -> usize {
        self.stride * BYTES
    }

    /// The first panel's first line.
    pub(super) fn b(&self) -> *const u8 {
        self.b.as_ptr().cast()
    }

    /// From a panel to the next.
    pub(super) fn panel_bytes(&self) -> usize {
        self.depth * BYTES
    }

    /// Groups of four bytes in a row, and lines in a panel.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }
}

/// The innermost loop for one type of values and one instruction set: the sums of one tile.
pub(super) struct MicroKernel {
    pub(super) name: &'static str,
    pub(super) rows: usize,
    pub(super) panels: usize,
    /// Writes `[rows][panels * 16]` sums.
    ///
    /// # Safety
    ///
    /// The processor has the kernel's instruction set, and `prepare` was called on this thread.
    pub(super) run: unsafe fn(Factors, &mut Sums),
    /// What a thread has to do once before it runs tiles.
    ///
    /// # Safety
    ///
    /// The processor has the kernel's instruction set.
    pub(super) prepare: unsafe fn(),
    /// What `run` takes off every byte of the left side, because it needs them to have a sign.
    pub(super) taken_off: f32,
}

/// The loop itself, for kernels that broadcast a group of a row and multiply it with lines: `V` is
/// 16 sums, `step` adds a group's products with a line to them.
#[inline(always)]
pub(super) fn tile<const ROWS: usize, const PANELS: usize, V: Copy, G: Copy, W: Copy>(
    factors: Factors,
    out: &mut Sums,
    zero: V,
    group: impl Fn([u8; 4]) -> G,
    line: impl Fn(&Line) -> W,
    step: impl Fn(V, G, W) -> V,
    store: impl Fn(V, &mut Line),
) {
    const {
        assert!(ROWS <= MOST_ROWS && PANELS <= MOST_PANELS);
    }
    let mut sums = [[zero; PANELS]; ROWS];
    for at in 0..factors.depth {
        let lines: [W; PANELS] = std::array::from_fn(|panel| {
            // SAFETY: `Factors::new` checked that there are PANELS panels of `depth` lines.
            line(unsafe { &*factors.b.as_ptr().add(panel * factors.depth + at) })
        });
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: `Factors::new` checked that there are ROWS rows of `depth` groups.
            let bytes = unsafe {
                let row = factors
                    .a
                    .as_ptr()
                    .add(row * factors.stride)
                    .cast::<[u8; 4]>();
                *row.add(at)
            };
            let group = group(bytes);
            for (sum, line) in sums.iter_mut().zip(lines) {
                *sum = step(*sum, group, line);
            }
        }
    }
    for (sum, line) in sums.as_flattened().iter().zip(&mut out.0) {
        store(*sum, line);
    }
}
