//! Weighted sums of bytes, for resizing pictures. Whole numbers: the same on every processor. What the
//! weights are knows `resample`.

/// Bits behind the point of a weight.
pub(crate) const PRECISION_BITS: u32 = 32 - 8 - 2;

/// Bytes that are summed at a time.
pub(crate) const TOGETHER: usize = 16;

const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// Neighbouring places, each with a byte of `TOGETHER` pictures or channels.
pub(crate) type Group = [u8; TOGETHER];

/// Where each sum begins, and its weights, `[windows][taps]`.
#[derive(Clone, Copy)]
pub(crate) struct Windows<'a> {
    pub(crate) starts: &'a [usize],
    pub(crate) weights: &'a [i32],
}

/// By window, the groups from its start on, as many as it has weights.
#[inline(always)]
pub(super) fn along(groups: &[Group], windows: Windows, out: &mut [Group]) {
    let Windows { starts, weights } = windows;
    let taps = weights.len() / starts.len().max(1);
    let results = starts.iter().zip(weights.chunks_exact(taps.max(1)));
    for ((start, weights), out) in results.zip(out) {
        let mut sums = [HALF; TOGETHER];
        for (group, weight) in groups[*start..].iter().zip(weights) {
            add(&mut sums, group, *weight);
        }
        *out = sums.map(byte);
    }
}

/// By place, the bytes above one another in `lines`, each as long as `out`, as many as there are weights.
#[inline(always)]
pub(super) fn across(lines: &[u8], weights: &[i32], out: &mut [u8]) {
    let stride = out.len();
    for (first, out) in (0..stride).step_by(TOGETHER).zip(out.chunks_mut(TOGETHER)) {
        let mut sums = [HALF; TOGETHER];
        let lines = lines.chunks_exact(stride).zip(weights);
        for (line, weight) in lines {
            match line[first..].first_chunk() {
                Some(group) => add(&mut sums, group, *weight),
                None => {
                    let mut group = [0; TOGETHER];
                    group[..out.len()].copy_from_slice(&line[first..]);
                    add(&mut sums, &group, *weight);
                }
            }
        }
        out.copy_from_slice(&sums.map(byte)[..out.len()]);
    }
}

#[inline(always)]
fn add(sums: &mut [i32; TOGETHER], group: &Group, weight: i32) {
    for (sum, sample) in sums.iter_mut().zip(group) {
        *sum += i32::from(*sample) * weight;
    }
}

#[inline(always)]
fn byte(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}
