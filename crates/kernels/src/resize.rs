//! Weighted sums of bytes, for resizing images. The arithmetic is integer, so results are the same on every processor.
//! What the weights are is up to the caller.

/// Fractional bits of a weight, as Pillow has them: 32 bits less 8 for the byte and 2 for overshoot and sign.
pub const WEIGHT_BITS: u32 = 32 - 8 - 2;

/// Bytes that are summed at a time.
const WIDTH: usize = 16;

const HALF: i32 = 1 << (WEIGHT_BITS - 1);

/// The bytes at one position, one for each of 16 images or channels.
pub type Group = [u8; WIDTH];

/// The windows of a weighted sum along one axis.
#[derive(Clone, Copy)]
pub struct Windows<'a> {
    /// The first position of each window.
    pub starts: &'a [usize],
    /// `[windows][taps]`, in units of 2^-[`WEIGHT_BITS`].
    pub weights: &'a [i32],
}

/// For each window, the weighted sum of the groups from its start on.
#[inline(always)]
pub(crate) fn along(groups: &[Group], windows: Windows, out: &mut [Group]) {
    let Windows { starts, weights } = windows;
    let taps = weights.len() / starts.len().max(1);
    let results = starts.iter().zip(weights.chunks_exact(taps.max(1)));
    for ((start, weights), out) in results.zip(out) {
        let mut sums = [HALF; WIDTH];
        for (group, weight) in groups[*start..].iter().zip(weights) {
            add(&mut sums, group, *weight);
        }
        *out = sums.map(byte);
    }
}

/// For each column, the weighted sum of the bytes below one another in `lines`, whose lines are as long as `out`.
#[inline(always)]
pub(crate) fn across(lines: &[u8], weights: &[i32], out: &mut [u8]) {
    let stride = out.len();
    for (first, out) in (0..stride).step_by(WIDTH).zip(out.chunks_mut(WIDTH)) {
        let mut sums = [HALF; WIDTH];
        let lines = lines.chunks_exact(stride).zip(weights);
        for (line, weight) in lines {
            match line[first..].first_chunk() {
                Some(group) => add(&mut sums, group, *weight),
                None => {
                    let mut group = [0; WIDTH];
                    group[..out.len()].copy_from_slice(&line[first..]);
                    add(&mut sums, &group, *weight);
                }
            }
        }
        out.copy_from_slice(&sums.map(byte)[..out.len()]);
    }
}

#[inline(always)]
fn add(sums: &mut [i32; WIDTH], group: &Group, weight: i32) {
    for (sum, sample) in sums.iter_mut().zip(group) {
        *sum += i32::from(*sample) * weight;
    }
}

#[inline(always)]
fn byte(sum: i32) -> u8 {
    (sum >> WEIGHT_BITS).clamp(0, 255) as u8
}
