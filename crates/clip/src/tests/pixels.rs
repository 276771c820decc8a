//! Preprocessing against open_clip's transforms with Pillow: every pixel of every mode.

use serde::Deserialize;
use serde_json::Value;

use super::{json, picture};
use crate::picture::PreprocessConfig;

#[derive(Deserialize)]
struct Case {
    picture: usize,
    config: Value,
    width: u32,
    height: u32,
}

#[test]
fn every_mode_equals_pillow() {
    let cases: Vec<Case> = json("pixels/cases.json");
    assert!(cases.len() >= 60);
    // One after another, in the order of the cases.
    let expected = picture("pixels/expected.png").into_rgb();
    let mut expected = expected.as_slice();
    for Case {
        picture: index,
        config,
        width,
        height,
    } in cases
    {
        let parsed: PreprocessConfig = serde_json::from_value(config.clone()).expect("parses");
        let preprocess = parsed.preprocess().expect("supported");
        let prepared = preprocess.prepare(&picture(&format!("pixels/{index}.png")));
        assert_eq!(preprocess.size(), (width, height), "{config}");
        let (this, rest) = expected.split_at((width * height * 3) as usize);
        expected = rest;
        let pairs = prepared.pixels().rgb().iter().zip(this);
        let worst = pairs.map(|(a, b)| a.abs_diff(*b)).max();
        assert_eq!(worst, Some(0), "picture {index}, {config}");
    }
}
