//! Pictures too large to be held whole, averaged as their rows come: a square of samples becomes one, as a JPEG's
//! inverse transform does it at reduced size.
//!
//! What is left has at least twice the wanted size, so that the resize to come still decides how it looks.

use super::raster::{Channels, Raster};

/// Bytes of samples from which on a picture is reduced where its decoder gives rows.
const LARGE: u64 = 32 << 20;

/// How large the squares are for a picture of `stored` size with so many bytes of samples: 1 leaves it whole.
pub(super) fn factor(bytes: u64, stored: (u32, u32), wanted: (u32, u32)) -> u32 {
    if bytes < LARGE {
        return 1;
    }
    let across = stored.0 / wanted.0.saturating_mul(2).max(1);
    let down = stored.1 / wanted.1.saturating_mul(2).max(1);
    across.min(down).max(1)
}

/// A picture in the making.
pub(super) struct Reduction {
    width: usize,
    channels: Channels,
    factor: usize,
    /// Of the squares that are not complete yet.
    sums: Vec<u32>,
    /// Rows that these have.
    rows: usize,
    samples: Vec<u8>,
}

impl Reduction {
    pub(super) fn new(width: u32, channels: Channels, factor: u32) -> Self {
        let (width, factor) = (width as usize, factor as usize);
        Self {
            width,
            channels,
            factor,
            sums: vec![0; width.div_ceil(factor) * channels.count()],
            rows: 0,
            samples: Vec::new(),
        }
    }

    /// The next row, `[width][channels]`.
    pub(super) fn push(&mut self, row: &[u8]) {
        let count = self.channels.count();
        let squares = row.chunks(self.factor * count);
        for (square, sums) in squares.zip(self.sums.chunks_exact_mut(count)) {
            for pixel in square.chunks_exact(count) {
                for (sum, sample) in sums.iter_mut().zip(pixel) {
                    *sum += u32::from(*sample);
                }
            }
        }
        self.rows += 1;
        if self.rows == self.factor {
            self.finish_row();
        }
    }

    fn finish_row(&mut self) {
        let count = self.channels.count();
        let mut left = self.width;
        for sums in self.sums.chunks_exact_mut(count) {
            let places = (self.factor.min(left) * self.rows) as u32;
            left -= self.factor.min(left);
            let mean = |sum: &mut u32| (std::mem::take(sum) + places / 2) / places;
            self.samples
                .extend(sums.iter_mut().map(|sum| mean(sum) as u8));
        }
        self.rows = 0;
    }

    /// The picture, and what it fills of its width and height: its last row and column are whole pixels that
    /// stand for a part.
    pub(super) fn finish(mut self, height: u32) -> (Raster, (f64, f64)) {
        if self.rows > 0 {
            self.finish_row();
        }
        let reduced = |side: usize| side.div_ceil(self.factor) as u32;
        let fill = |side: usize| side as f64 / self.factor as f64;
        let height = height as usize;
        let raster = Raster {
            width: reduced(self.width),
            height: reduced(height),
            channels: self.channels,
            samples: self.samples,
        };
        (raster, (fill(self.width), fill(height)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_are_averaged_and_ragged_ones_by_what_they_have() {
        let mut reduction = Reduction::new(5, Channels::GreyAlpha, 2);
        for row in [
            [10, 20, 30, 40, 50],
            [12, 22, 32, 42, 52],
            [7, 9, 0, 255, 3],
        ] {
            let row: Vec<u8> = row.iter().flat_map(|&grey| [grey, 255 - grey]).collect();
            reduction.push(&row);
        }
        let (raster, filled) = reduction.finish(3);
        assert_eq!((raster.width, raster.height), (3, 2));
        assert_eq!(filled, (2.5, 1.5));
        let greys: Vec<u8> = raster.samples.iter().copied().step_by(2).collect();
        assert_eq!(greys, [16, 36, 51, 8, 128, 3]);
        let sums = raster
            .samples
            .chunks_exact(2)
            .map(|pair| u32::from(pair[0]) + u32::from(pair[1]));
        assert!(sums.into_iter().all(|sum| (255..=256).contains(&sum)));
    }

    #[test]
    fn only_large_pictures_are_reduced_and_keep_twice_the_wanted_size() {
        assert_eq!(factor(LARGE - 1, (6000, 4000), (336, 224)), 1);
        assert_eq!(factor(LARGE, (6000, 4000), (336, 224)), 8);
        assert_eq!(factor(LARGE, (40_000, 300), (29_866, 224)), 1);
        assert_eq!(factor(LARGE, (6000, 4000), (0, 0)), 4000);
    }
}
