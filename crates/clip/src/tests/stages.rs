//! What passes between the parts of the towers, against the reference implementations: what goes
//! into the first block, what comes out of each, of the pooling, and of the tower. A vector at the
//! end could be right by chance, or hide where it went wrong.

use safetensors::SafeTensors;

use super::{exact, fixture, picture};
use crate::checkpoint::{Checkpoint, FromTensors, floats};
use crate::config::Layout;
use crate::files::Files;
use crate::towers::stage::watch;
use crate::towers::{TextTower, VisionTower};
use crate::words::TextTokens;

/// 1 minus the cosine.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
        products.sum()
    };
    1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Compares the stages of one tower. Rows that do not matter to the result are not computed here,
/// so of the reference's rows those are compared that there are: from the first on, or, where one
/// is left, the one that is pooled.
fn compare(model: &str, tower: &str, seen: &[Vec<f32>], pooled_row: usize, has_projection: bool) {
    let bytes = std::fs::read(fixture(model).join("stages.safetensors")).expect("read");
    let expected = SafeTensors::deserialize(&bytes).expect("sound");
    let mut names = vec!["embedded".to_owned()];
    names.extend((0..2).map(|block| format!("block.{block}")));
    names.push("pooled".to_owned());
    if has_projection {
        names.push("projected".to_owned());
    }
    assert_eq!(seen.len(), names.len(), "{model}: stages of {tower}");
    for (name, seen) in names.iter().zip(seen) {
        let name = format!("{tower}.{name}");
        let tensor = expected.tensor(&name).expect("the stage is in the fixture");
        let width = tensor.shape()[1];
        let rows = floats(tensor.dtype(), tensor.data()).expect("floats");
        let rows = match seen.len() / width {
            1 if rows.len() > width => &rows[pooled_row * width..][..width],
            count => &rows[..count * width],
        };
        let off = distance(seen, rows);
        assert!(off <= 1e-6, "{model}: {name} off by {off}");
        let largest = rows.iter().fold(0.0f32, |largest, v| largest.max(v.abs()));
        let worst = seen.iter().zip(rows).map(|(a, b)| (a - b).abs());
        let worst = worst.fold(0.0f32, f32::max);
        assert!(
            worst <= 1e-4 * largest,
            "{model}: {name}: one value off by {worst}"
        );
    }
}

#[test]
fn every_stage_equals_the_references() {
    for model in [
        "clip",
        "clip-quick",
        "clip-f16",
        "clip-bf16",
        "siglip",
        "siglip2",
        "transformers-clip",
        "transformers-siglip",
    ] {
        let files = Files::Folder(fixture(model));
        let layout = Layout::of(|name| files.exists(name)).expect("a model");
        let read = layout.architecture(&files).expect("sound");
        let tokens = TextTokens::read(&files, "", read.text.context, read.clean).expect("sound");
        let mut checkpoint = Checkpoint::open(&files, layout.weights()).expect("sound");
        let mut layers = FromTensors(&mut checkpoint);
        let vision = VisionTower::read(&mut layers, &read.vision, &read.preprocess, exact());
        let text = TextTower::read(&mut layers, &read.text, exact());
        let (vision, text) = (vision.expect("fits"), text.expect("fits"));

        let input = picture(&format!("{model}/input.png"));
        let prepared = read.preprocess.prepare(&input);
        let seen = watch(|| drop(vision.embed(&[prepared])));
        compare(model, "vision", &seen, 0, !model.contains("siglip"));

        // The first of make.py's texts.
        let ids = match text.needs_padding() {
            true => tokens.padded_ids("a photograph of an animal or bird"),
            false => tokens.ids("a photograph of an animal or bird"),
        };
        let ids = vec![ids.expect("tokenizes")];
        let pooled = ids[0].len() - 1;
        let seen = watch(|| drop(text.embed(&ids).expect("embeds")));
        compare(model, "text", &seen, pooled, true);
    }
}
