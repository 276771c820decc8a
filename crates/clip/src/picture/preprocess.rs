//! Resizing and cropping to a model's input, step for step as open_clip does it (`image_transform` in its transform.py,
//! with torchvision's and timm's rounding).
//!
//! The steps work on bytes. Scaling by mean and deviation is left to the tower, so that prepared images stay small while
//! they wait in a queue.

use serde::Deserialize;

use super::pixels::Pixels;
use super::resample::{Filter, Window, resize};

/// How a model's images are prepared: their size, how to get there, and the scaling of the values.
///
/// The model's folder states it (open_clip's `preprocess_cfg`, transformers' `preprocessor_config.json`). By default the
/// shorter side is made to fit by bicubic interpolation, and then the middle is cropped, as in open_clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocess {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) mode: ResizeMode,
    pub(super) filter: Filter,
    pub(super) fill: [u8; 3],
    pub(super) mean: [f32; 3],
    pub(super) std: [f32; 3],
}

/// How an image of another aspect ratio is made to fit the model's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ResizeMode {
    /// The shorter side fits, and the longer one is cropped.
    #[default]
    Shortest,
    /// The longer side fits, and the rest is filled.
    Longest,
    /// Both sides fit, and the aspect ratio is not preserved.
    Squash,
}

/// An image of exactly the size that a model takes, made by [`Preprocess::prepare`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared(Pixels);

impl Prepared {
    /// The image, as the model sees it.
    pub fn pixels(&self) -> &Pixels {
        &self.0
    }
}

impl Preprocess {
    /// Width and height of the model's input, in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The (width, height) to which an image of `width` by `height` is resized before it is cropped or filled. A decoder
    /// may reduce the image to any size not below this.
    pub fn resized(&self, width: u32, height: u32) -> (u32, u32) {
        let (target_w, target_h) = (u64::from(self.width), u64::from(self.height));
        let (w, h) = (u64::from(width.max(1)), u64::from(height.max(1)));
        let resized = match self.mode {
            ResizeMode::Squash => (target_w, target_h),
            // torchvision's `Resize` with one number: the other side is rounded down.
            ResizeMode::Shortest if target_w == target_h && w <= h => (target_w, target_w * h / w),
            ResizeMode::Shortest if target_w == target_h => (target_h * w / h, target_h),
            // timm's `ResizeKeepRatio`: one ratio for both sides, each rounded to even.
            ResizeMode::Shortest | ResizeMode::Longest => {
                let ratios = (w as f64 / target_w as f64, h as f64 / target_h as f64);
                let ratio = match self.mode {
                    ResizeMode::Longest => ratios.0.max(ratios.1),
                    _ => ratios.0.min(ratios.1),
                };
                let side = |s: u64| (s as f64 / ratio).round_ties_even() as u64;
                (side(w), side(h))
            }
        };
        // At least one pixel per side, where Python would fail.
        let side = |s: u64| s.clamp(1, u64::from(u32::MAX)) as u32;
        (side(resized.0), side(resized.1))
    }

    /// Resizes as Pillow does (antialiased, rounded to bytes between the two passes), then crops or fills to the model's
    /// size. The result equals that of open_clip's `image_transform` byte for byte. Memory and time depend on the part of
    /// the image that is kept.
    pub fn prepare(&self, pixels: &Pixels) -> Prepared {
        let size = (pixels.width(), pixels.height());
        let whole = [0.0, 0.0, f64::from(size.0), f64::from(size.1)];
        self.prepare_reduced(pixels, size, whole)
    }

    /// Like [`prepare`](Self::prepare), for an image of `size` (width, height) that a decoder has reduced to `pixels`.
    ///
    /// `area` (left, top, width, height) is where the image lies in them, including fractions of pixels: a quarter of 1073
    /// rows is 268.25, which is stored in 269 rows, and to treat the last as a whole row would shift the image. What lies
    /// outside of the pixels is ignored.
    pub fn prepare_reduced(&self, pixels: &Pixels, size: (u32, u32), area: [f64; 4]) -> Prepared {
        let area = inside(pixels, area);
        let resized = self.resized(size.0, size.1);
        let x = Placement::centred(resized.0, self.width);
        let y = Placement::centred(resized.1, self.height);
        let window = Window {
            left: x.skip,
            top: y.skip,
            width: x.count,
            height: y.count,
        };
        let mut rgb = resize(pixels, area, resized, window, self.filter);
        if (window.width, window.height) != self.size() {
            rgb = self.filled(&rgb, &x, &y);
        }
        Prepared(Pixels::new(self.width, self.height, rgb).expect("resized to the model's size"))
    }

    /// The part of an image of `width` by `height` that the model's input shows: left, top, width and height, as fractions
    /// of the image's sides. Where the input is filled, it extends beyond the image.
    pub fn shown(&self, width: u32, height: u32) -> [f64; 4] {
        let resized = self.resized(width, height);
        let side = |resized: u32, target: u32| {
            let placement = Placement::centred(resized, target);
            let start = f64::from(placement.skip) - f64::from(placement.before);
            let whole = f64::from(resized);
            (start / whole, f64::from(target) / whole)
        };
        let ((left, across), (top, down)) =
            (side(resized.0, self.width), side(resized.1, self.height));
        [left, top, across, down]
    }

    fn filled(&self, rgb: &[u8], x: &Placement, y: &Placement) -> Vec<u8> {
        let row_bytes = self.width as usize * 3;
        let mut canvas = self.fill.repeat(self.width as usize * self.height as usize);
        let rows = canvas.chunks_exact_mut(row_bytes).skip(y.before as usize);
        for (to, from) in rows.zip(rgb.chunks_exact(x.count as usize * 3)) {
            to[x.before as usize * 3..][..from.len()].copy_from_slice(from);
        }
        canvas
    }

    /// For each of the three channels, the factor and the addend that turn a byte into the tower's input.
    pub(crate) fn scaling(&self) -> [(f32, f32); 3] {
        std::array::from_fn(|c| (1.0 / (255.0 * self.std[c]), -self.mean[c] / self.std[c]))
    }
}

/// The part of `area` inside the pixels, or all pixels if there is none.
fn inside(pixels: &Pixels, [left, top, across, down]: [f64; 4]) -> [f64; 4] {
    let side = |start: f64, length: f64, whole: u32| {
        let whole = f64::from(whole);
        let end = (start + length).min(whole);
        let start = start.max(0.0);
        if end > start {
            (start, end - start)
        } else {
            (0.0, whole)
        }
    };
    let ((left, across), (top, down)) = (
        side(left, across, pixels.width()),
        side(top, down, pixels.height()),
    );
    [left, top, across, down]
}

/// Where one side of the resized image goes in the model's input.
struct Placement {
    /// Pixels of the resized image before the first that is used.
    skip: u32,
    /// Pixels of the resized image that are used.
    count: u32,
    /// Filled pixels before them.
    before: u32,
}

impl Placement {
    /// Half of the difference is rounded to even when cropping, as Python's `round` does, and down when filling.
    fn centred(resized: u32, target: u32) -> Self {
        if resized >= target {
            let skip = (f64::from(resized - target) / 2.0).round_ties_even() as u32;
            Self {
                skip,
                count: target,
                before: 0,
            }
        } else {
            Self {
                skip: 0,
                count: resized,
                before: (target - resized) / 2,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::PreprocessConfig;

    fn preprocess(json: &str) -> Result<Preprocess, String> {
        serde_json::from_str::<PreprocessConfig>(json)
            .map_err(|e| e.to_string())?
            .preprocess()
    }

    #[test]
    fn sizes_round_as_torchvision_and_timm_do() {
        let shortest = preprocess("{}").expect("the defaults");
        assert_eq!(shortest.resized(1000, 667), (335, 224));
        assert_eq!(shortest.resized(667, 1000), (224, 335));
        let longest = preprocess(r#"{"size": 224, "resize_mode": "longest"}"#).expect("good");
        assert_eq!(longest.resized(1000, 667), (224, 149));
        let tall = preprocess(r#"{"size": [384, 128]}"#).expect("good");
        assert_eq!(tall.resized(100, 100), (384, 384));
        let squash = preprocess(r#"{"resize_mode": "squash"}"#).expect("good");
        assert_eq!(squash.resized(1000, 667), (224, 224));
    }

    #[test]
    fn the_middle_is_shown_or_everything_with_its_fill() {
        let shortest = preprocess(r#"{"size": 100}"#).expect("good");
        assert_eq!(shortest.shown(200, 100), [0.25, 0.0, 0.5, 1.0]);
        let longest = preprocess(r#"{"size": 100, "resize_mode": "longest"}"#).expect("good");
        assert_eq!(longest.shown(200, 100), [0.0, -0.5, 1.0, 2.0]);
        let squash = preprocess(r#"{"resize_mode": "squash"}"#).expect("good");
        assert_eq!(squash.shown(200, 100), [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn an_image_one_pixel_wide_costs_no_more_than_its_crop() {
        let narrow = Pixels::new(1, 60_000, [9, 8, 7].repeat(60_000)).expect("consistent");
        for mode in ["shortest", "longest", "squash"] {
            let preprocess = preprocess(&format!(r#"{{"resize_mode": "{mode}"}}"#)).expect("good");
            let prepared = preprocess.prepare(&narrow);
            let middle = (112 * 224 + 111) * 3;
            assert_eq!(
                prepared.pixels().rgb()[middle..middle + 3],
                [9, 8, 7],
                "{mode}"
            );
        }
    }

    #[test]
    fn fill_surrounds_what_is_too_narrow() {
        let longest = r#"{"size": 4, "resize_mode": "longest", "fill_color": 50}"#;
        let picture = Pixels::new(2, 4, vec![200; 24]).expect("consistent");
        let prepared = preprocess(longest).expect("good").prepare(&picture);
        let first_row: Vec<u8> = prepared.pixels().rgb()[..12]
            .iter()
            .step_by(3)
            .copied()
            .collect();
        assert_eq!(first_row, [50, 200, 200, 50]);
    }

    #[test]
    fn a_reduced_image_lies_where_the_whole_one_does() {
        let ramp = |side: u32, value: fn(u32) -> f64| {
            let row = |y: u32| [value(y) as u8; 3].repeat(side as usize);
            Pixels::new(side, side, (0..side).flat_map(row).collect()).expect("consistent")
        };
        let whole = ramp(25, |y| f64::from(y) * 10.0);
        // Averages of pairs of rows; the last row has no partner.
        let half = ramp(13, |y| f64::from(4 * y + 1).min(48.0) * 5.0);
        let preprocess = preprocess(r#"{"size": 5, "resize_mode": "squash"}"#).expect("good");
        let rows = |prepared: &Prepared| -> Vec<u8> {
            prepared
                .pixels()
                .rgb()
                .iter()
                .step_by(15)
                .copied()
                .collect()
        };
        let expected = rows(&preprocess.prepare(&whole));
        let off = |prepared: &Prepared| {
            let pairs = expected.iter().zip(rows(prepared));
            pairs.map(|(a, b)| a.abs_diff(b)).max().expect("five rows")
        };
        let area = [0.0, 0.0, 12.5, 12.5];
        assert!(off(&preprocess.prepare_reduced(&half, (25, 25), area)) <= 1);
        assert!(off(&preprocess.prepare(&half)) > 3);
        // Areas outside of the pixels are cut.
        let beyond = [-3.0, 20.0, 1e9, 1.0];
        preprocess.prepare_reduced(&half, (25, 25), beyond);
        preprocess.prepare_reduced(&half, (25, 25), [f64::NAN; 4]);
    }
}
