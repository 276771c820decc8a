//! How configurations state the preparation of images.

use serde::Deserialize;

use super::preprocess::{Preprocess, ResizeMode};
use super::resample::Filter;

/// Larger than in any published model (512). Guards against absurd configurations.
const MAX_SIDE: u32 = 4096;

/// open_clip's `preprocess_cfg`. Absent fields have OpenAI's values.
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

/// One value for all places, or a value for each.
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

impl PreprocessConfig {
    /// What the settings mean, or which of them is not supported.
    pub(crate) fn preprocess(self) -> Result<Preprocess, String> {
        let config = self;
        let [height, width] = config.size.map_or(Ok([224; 2]), |size| size.of("size"))?;
        if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
            return Err(format!(
                "an image size of {width}x{height} is not supported"
            ));
        }
        if let Some(mode) = config.mode.filter(|mode| mode != "RGB") {
            return Err(format!(
                "images in mode {mode:?} are not supported, only \"RGB\""
            ));
        }
        let mean = config
            .mean
            .map_or(Ok(OPENAI_MEAN), |mean| mean.of("mean"))?;
        let std = config.std.map_or(Ok(OPENAI_STD), |std| std.of("std"))?;
        if !mean.iter().chain(&std).all(|v| v.is_finite()) || std.contains(&0.0) {
            return Err("mean and std must be finite, and std must not be 0".into());
        }
        let mode = config.resize_mode.unwrap_or_default();
        let filter = match config.interpolation.as_deref() {
            // As in open_clip, this combination is bicubic whatever the configuration says.
            _ if mode == ResizeMode::Shortest && width != height => Filter::Bicubic,
            // "random" is for training; otherwise open_clip uses bicubic.
            None | Some("bicubic" | "random") => Filter::Bicubic,
            Some("bilinear") => Filter::Bilinear,
            Some(other) => return Err(format!("interpolation {other:?} is not supported")),
        };
        let fill = config
            .fill_color
            .map_or(Ok([0; 3]), |fill| fill.of("fill_color"))?;
        Ok(Preprocess {
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
            .preprocess()
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
