//! Where in a photo the evidence for a category lies: what each place would score by itself, drawn as
//! light on the photo.

use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use phototag_clip::{Pixels, Positions};

use crate::collection::Collection;

/// How bright a place without evidence stays.
const SHADE: f32 = 0.22;
const QUALITY: u8 = 80;

/// See the module. Brightness goes from the place that scores least to the one that scores most,
/// so two heatmaps cannot be compared.
pub struct Heatmap {
    grid: [usize; 2],
    /// `[down][across]`, 0 to 1.
    heat: Vec<f32>,
    /// The part of the photo that the grid covers: left, top, width, height, in parts of its sides.
    shown: [f64; 4],
}

impl Heatmap {
    /// One for each category in catalog order; `None` for those that are measured.
    pub fn of(
        collection: &mut Collection,
        positions: &Positions,
        shown: [f64; 4],
    ) -> Result<Vec<Option<Self>>> {
        let scores = collection.scores_of(&positions.vectors)?;
        let categories = collection.catalog.len();
        Ok((0..categories)
            .map(|category| {
                let column: Vec<f32> = scores.iter().map(|row| row[category]).collect();
                Some(Self {
                    grid: positions.grid,
                    heat: spread(&column)?,
                    shown,
                })
            })
            .collect())
    }

    /// The photo, lit by the evidence, as PNG.
    pub fn png(&self, photo: &Pixels) -> Result<Vec<u8>> {
        let mut png = Vec::new();
        PngEncoder::new(&mut png)
            .write_image(
                &self.lit(photo),
                photo.width(),
                photo.height(),
                ExtendedColorType::Rgb8,
            )
            .context("the heatmap cannot be written as PNG")?;
        Ok(png)
    }

    /// The same as JPEG.
    pub fn jpeg(&self, photo: &Pixels) -> Result<Vec<u8>> {
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
            .write_image(
                &self.lit(photo),
                photo.width(),
                photo.height(),
                ExtendedColorType::Rgb8,
            )
            .context("the heatmap cannot be written as JPEG")?;
        Ok(jpeg)
    }

    fn lit(&self, photo: &Pixels) -> Vec<u8> {
        let (width, height) = (photo.width() as usize, photo.height() as usize);
        let mut rgb = photo.rgb().to_vec();
        for (at, pixel) in rgb.chunks_exact_mut(3).enumerate() {
            let x = ((at % width) as f64 + 0.5) / width as f64;
            let y = ((at / width) as f64 + 0.5) / height as f64;
            let light = SHADE + (1.0 - SHADE) * self.at(x, y);
            for sample in pixel {
                *sample = (f32::from(*sample) * light).round() as u8;
            }
        }
        rgb
    }

    /// The heat at a place given in parts of the photo's sides, interpolated between the middles of
    /// the grid's places; 0 where the model did not look.
    fn at(&self, x: f64, y: f64) -> f32 {
        let [left, top, across, down] = self.shown;
        let (x, y) = ((x - left) / across, (y - top) / down);
        if !(0.0..=1.0).contains(&x) || !(0.0..=1.0).contains(&y) {
            return 0.0;
        }
        let side = |part: f64, count: usize| {
            let last = (count - 1) as f64;
            let place = (part * count as f64 - 0.5).clamp(0.0, last);
            let low = place.floor();
            (
                low as usize,
                (low + 1.0).min(last) as usize,
                (place - low) as f32,
            )
        };
        let ((x0, x1, fx), (y0, y1, fy)) = (side(x, self.grid[0]), side(y, self.grid[1]));
        let row = |y: usize| {
            let at = |x: usize| self.heat[y * self.grid[0] + x];
            at(x0) * (1.0 - fx) + at(x1) * fx
        };
        row(y0) * (1.0 - fy) + row(y1) * fy
    }
}

/// Spread from 0 to 1; `None` if a value is not known, or all are the same.
fn spread(values: &[f32]) -> Option<Vec<f32>> {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let known = values.iter().all(|value| value.is_finite());
    (known && high > low).then(|| values.iter().map(|v| (v - low) / (high - low)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_falls_where_the_evidence_is_and_nowhere_that_was_not_seen() {
        let heat = spread(&[0.1, 0.3, 0.1, 0.1]).expect("values differ");
        let map = Heatmap {
            grid: [2, 2],
            heat,
            shown: [0.25, 0.0, 0.5, 1.0],
        };
        assert_eq!(map.at(0.74, 0.1), 1.0);
        assert_eq!(map.at(0.26, 0.9), 0.0);
        assert_eq!(map.at(0.9, 0.1), 0.0);
        assert!((map.at(0.5, 0.1) - 0.5).abs() < 1e-6);
        let white = Pixels::new(8, 4, vec![255; 96]).expect("consistent");
        let lit = map.lit(&white);
        assert!(lit[5 * 3] > 200 && lit[0] < 100, "{lit:?}");
    }

    #[test]
    fn nothing_to_tell_apart_is_no_map() {
        assert_eq!(spread(&[0.5, 0.5]), None);
        assert_eq!(spread(&[f32::NAN, 0.5]), None);
    }
}
