//! The micro-kernel: the innermost loop of a product, for one type of values and one instruction set. `product`
//! describes the layout of memory it works on.

use crate::lanes::LANES;
#[cfg(target_arch = "x86_64")]
use crate::line::BYTES;
use crate::line::Line;

/// Rows and panels of the largest tile.
const MAX_ROWS: usize = 32;
pub(crate) const MAX_PANELS: usize = 2;

/// The sums of one tile, row by row, as `f32` or `i32`.
#[repr(C, align(64))]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct Sums([Line; MAX_ROWS * MAX_PANELS]);

impl Sums {
    pub(crate) const ZERO: Self = Self([Line::ZERO; MAX_ROWS * MAX_PANELS]);

    pub(crate) fn values<T: bytemuck::Pod>(&self) -> &[T] {
        bytemuck::cast_slice(&self.0)
    }

    #[cfg(target_arch = "x86_64")]
    pub(crate) fn values_mut<T: bytemuck::Pod>(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(&mut self.0)
    }
}

/// The two sides of a tile. A micro-kernel may read `rows` rows of `a`, `depth / 16` lines each, and `panels * depth`
/// lines of `b`; `Factors::new` checks that they exist.
#[derive(Clone, Copy)]
pub(crate) struct Factors<'a> {
    a: &'a [Line],
    stride: usize,
    b: &'a [Line],
    depth: usize,
}

impl<'a> Factors<'a> {
    /// `stride` is the distance between rows of `a`, in lines. `depth` counts groups and is a multiple of 16, because
    /// rows consist of whole lines.
    pub(crate) fn new(
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
            "the tile lies within its matrices"
        );
        Self {
            a,
            stride,
            b,
            depth,
        }
    }

    /// The first row.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn a(&self) -> *const u8 {
        self.a.as_ptr().cast()
    }

    /// The distance between rows.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn stride_bytes(&self) -> usize {
        self.stride * BYTES
    }

    /// The first panel's first line.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn b(&self) -> *const u8 {
        self.b.as_ptr().cast()
    }

    /// The distance between panels.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn panel_bytes(&self) -> usize {
        self.depth * BYTES
    }

    /// Groups of four bytes per row, and lines per panel.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }
}

/// The loop that computes the sums of one tile.
pub(crate) struct MicroKernel {
    pub(crate) name: &'static str,
    pub(crate) rows: usize,
    pub(crate) panels: usize,
    /// Writes `[rows][panels * 16]` sums.
    ///
    /// # Safety
    ///
    /// The processor has the kernel's instruction set, and `prepare` was called on this thread.
    pub(crate) run: unsafe fn(Factors, &mut Sums),
    /// Sets up the current thread to run tiles.
    ///
    /// # Safety
    ///
    /// The processor has the kernel's instruction set.
    pub(crate) prepare: unsafe fn(),
    /// What `run` subtracts from every byte of the left side, for instructions that need signed bytes.
    pub(crate) lhs_offset: f32,
}

/// The loop of kernels that broadcast a group of a row and multiply it with lines. `V` holds 16 sums; `step` adds the
/// products of a group and a line to them.
#[inline(always)]
pub(crate) fn tile<const ROWS: usize, const PANELS: usize, V: Copy, G: Copy, W: Copy>(
    factors: Factors,
    out: &mut Sums,
    zero: V,
    group: impl Fn([u8; 4]) -> G,
    line: impl Fn(&Line) -> W,
    step: impl Fn(V, G, W) -> V,
    store: impl Fn(V, &mut Line),
) {
    const {
        assert!(ROWS <= MAX_ROWS && PANELS <= MAX_PANELS);
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
