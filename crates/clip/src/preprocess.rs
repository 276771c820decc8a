//! From a picture of any size to the model's input, step for step as open_clip does it
//! (`image_transform` in open_clip's transform.py, with torchvision's and timm's rounding).
//!
//! The steps work on bytes; scaling by mean and deviation is left to the tower, so that prepared
//! pictures stay small while they wait in a queue.

use serde::Deserialize;

use crate::Pixels;
use crate::resample::{Filter, Window, resize};

/// Beyond any published model (the largest takes 512); guards against absurd configurations.
const LARGEST_SIDE: u32 = 4096;

/// How a model wants its pictures: the size, how to get there, and the scaling of the values. As
/// stated in the model's folder (open_clip's `preprocess_cfg`, transformers'
/// `preprocessor_config.json`), with open_clip's defaults: the shorter side by bicubic
/// interpolation, then the middle.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocess {
    width: u32,
    height: u32,
    mode: ResizeMode,
    filter: Filter,
    fill: [u8; 3],
    mean: [f32; 3],
    std: [f32; 3],
}

/// What happens to a picture of another shape than the model's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ResizeMode {
    /// The shorter side is made to fit, the longer one is cropped.
    #[default]
    Shortest,
    /// The longer side is made to fit, the rest is filled.
    Longest,
    /// Both sides are made to fit, whatever becomes of the shape.
    Squash,
}

/// A picture at exactly the size that a model takes, made by [`Preprocess::prepare`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared(Pixels);

impl Prepared {
    /// The picture, as the model will see it.
    pub fn pixels(&self) -> &Pixels {
        &self.0
    }
}

impl Preprocess {
    /// Width and height of the model's input, in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The (width, height) to which a picture of `width` by `height` is resized before it is
    /// cropped or filled. A decoder that can decode reduced may reduce to any size not below it.
    pub fn resized(&self, width: u32, height: u32) -> (u32, u32) {
        let (target_w, target_h) = (u64::from(self.width), u64::from(self.height));
        let (w, h) = (u64::from(width.max(1)), u64::from(height.max(1)));
        let resized = match self.mode {
            ResizeMode::Squash => (target_w, target_h),
            // torchvision's `Resize` of one number: the other side is rounded down.
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
        // Where Python would fail on a side of no pixels, one is kept.
        let side = |s: u64| s.clamp(1, u64::from(u32::MAX)) as u32;
        (side(resized.0), side(resized.1))
    }

    /// Resizes as Pillow does (antialiased; columns first, bytes between the passes), then crops
    /// or fills to the model's size: the pixels that open_clip's `image_transform` makes of the same
    /// pixels, byte for byte. Memory and time follow the part of the picture that is kept.
    pub fn prepare(&self, pixels: &Pixels) -> Prepared {
        let size = (pixels.width(), pixels.height());
        let whole = [0.0, 0.0, f64::from(size.0), f64::from(size.1)];
        self.prepare_reduced(pixels, size, whole)
    }

    /// As [`prepare`](Self::prepare), for a picture of `size` (width, height) that a decoder has reduced to
    /// these pixels. `area` (left, top, width, height) is where it lies in them, fractions of pixels included:
    /// a quarter of 1073 rows is 268.25, which comes in 269 rows, and to take the last for a whole one would
    /// shift the picture. What of `area` lies outside of the pixels is left out.
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

    /// The part of a picture of `width` by `height` that the model's input shows: left, top, width
    /// and height, in parts of the picture's sides. It goes beyond the picture where that is filled
    /// up.
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

    /// What the towers multiply a byte by, and then add, for each of the three channels.
    pub(crate) fn scaling(&self) -> [(f32, f32); 3] {
        std::array::from_fn(|c| (1.0 / (255.0 * self.std[c]), -self.mean[c] / self.std[c]))
    }
}

/// The part of `area` that lies in the pixels; all of them if that is none.
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

/// Where one side of the resized picture goes in the model's input.
struct Placement {
    /// Pixels of the resized picture left out before the first that is used.
    skip: u32,
    /// Pixels of the resized picture used.
    count: u32,
    /// Pixels of fill before them.
    before: u32,
}

impl Placement {
    /// Python's `round` of the halved difference, so a half goes to the even number; fill is
    /// rounded down at the beginning.
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

/// open_clip's `preprocess_cfg`; its absent fields have OpenAI's values.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PreprocessConfig {
    pub(crate) size: Option<OneOrMore<u32>>,
    pub(crate) mode: Option<String>,
    pub(crate) mean: Option<OneOrMore<f32>>,
    pub(crate) std: Option<OneOrMore<f32>>,
    pub(crate) interpolation: Option<String>,
    pub(crate) resize_mode: Option<ResizeMode>,
    pub(crate) fill_color: Option<OneOrMore<u8>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T: Copy> OneOrMore<T> {
    fn of<const N: usize>(&self, name: &str) -> Result<[T; N], String> {
        match self {
            Self::One(value) => Ok([*value; N]),
            Self::More(values) if values.len() == 1 => Ok([values[0]; N]),
            Self::More(values) => <[T; N]>::try_from(values.as_slice())
                .map_err(|_| format!("{name} has {} values, not {N}", values.len())),
        }
    }
}

// open_clip's constants.py, to the precision of f32.
const OPENAI_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const OPENAI_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

impl TryFrom<PreprocessConfig> for Preprocess {
    type Error = String;

    fn try_from(config: PreprocessConfig) -> Result<Self, String> {
        let [height, width] = config.size.map_or(Ok([224; 2]), |size| size.of("size"))?;
        if !(1..=LARGEST_SIDE).contains(&width) || !(1..=LARGEST_SIDE).contains(&height) {
            return Err(format!(
                "a picture size of {width}x{height} is not supported"
            ));
        }
        if let Some(mode) = config.mode.filter(|mode| mode != "RGB") {
            return Err(format!(
                "pictures in mode {mode:?} are not supported, only \"RGB\""
            ));
        }
        let mean = config
            .mean
            .map_or(Ok(OPENAI_MEAN), |mean| mean.of("mean"))?;
        let std = config.std.map_or(Ok(OPENAI_STD), |std| std.of("std"))?;
        if !mean.iter().chain(&std).all(|v| v.is_finite()) || std.contains(&0.0) {
            return Err("mean or std is no usable number".into());
        }
        let mode = config.resize_mode.unwrap_or_default();
        let filter = match config.interpolation.as_deref() {
            // open_clip's own: this combination is bicubic whatever the configuration says.
            _ if mode == ResizeMode::Shortest && width != height => Filter::Bicubic,
            // "random" is for training; open_clip then takes bicubic.
            None | Some("bicubic" | "random") => Filter::Bicubic,
            Some("bilinear") => Filter::Bilinear,
            Some(other) => return Err(format!("interpolation {other:?} is not supported")),
        };
        let fill = config
            .fill_color
            .map_or(Ok([0; 3]), |fill| fill.of("fill_color"))?;
        Ok(Self {
            width,
            height,
            mode,
            filter,
            fill,
            mean,
            std,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preprocess(json: &str) -> Result<Preprocess, String> {
        serde_json::from_str::<PreprocessConfig>(json)
            .map_err(|e| e.to_string())?
            .try_into()
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
    fn what_is_shown_is_the_middle_or_all_with_its_fill() {
        let shortest = preprocess(r#"{"size": 100}"#).expect("good");
        assert_eq!(shortest.shown(200, 100), [0.25, 0.0, 0.5, 1.0]);
        let longest = preprocess(r#"{"size": 100, "resize_mode": "longest"}"#).expect("good");
        assert_eq!(longest.shown(200, 100), [0.0, -0.5, 1.0, 2.0]);
        let squash = preprocess(r#"{"resize_mode": "squash"}"#).expect("good");
        assert_eq!(squash.shown(200, 100), [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn a_thread_of_a_picture_costs_no_more_than_its_crop() {
        let thread = Pixels::new(1, 60_000, [9, 8, 7].repeat(60_000)).expect("consistent");
        for mode in ["shortest", "longest", "squash"] {
            let preprocess = preprocess(&format!(r#"{{"resize_mode": "{mode}"}}"#)).expect("good");
            let prepared = preprocess.prepare(&thread);
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
    fn a_reduced_picture_lies_where_the_whole_one_does() {
        let ramp = |side: u32, value: fn(u32) -> f64| {
            let row = |y: u32| [value(y) as u8; 3].repeat(side as usize);
            Pixels::new(side, side, (0..side).flat_map(row).collect()).expect("consistent")
        };
        let whole = ramp(25, |y| f64::from(y) * 10.0);
        // Pairs of rows averaged; the last has no other.
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
        // Nonsense is cut to what is there.
        let beyond = [-3.0, 20.0, 1e9, 1.0];
        preprocess.prepare_reduced(&half, (25, 25), beyond);
        preprocess.prepare_reduced(&half, (25, 25), [f64::NAN; 4]);
    }

    #[test]
    fn refuses_absurd_configurations() {
        for json in [
            r#"{"size": 0}"#,
            r#"{"size": 1000000}"#,
            r#"{"size": [1, 2, 3]}"#,
            r#"{"std": 0}"#,
            r#"{"mean": [1, 2]}"#,
            r#"{"interpolation": "nearest"}"#,
            r#"{"resize_mode": "widest"}"#,
            r#"{"mode": "L"}"#,
        ] {
            assert!(preprocess(json).is_err(), "{json}");
        }
    }
}
