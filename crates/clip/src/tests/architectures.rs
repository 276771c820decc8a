//! Every architecture of open_clip's table: its configuration as the library ships it, and the
//! names and shapes of its tensors as the library makes them (tests/fixtures/architectures.py).
//!
//! Weights would be gigabytes, so a tower is read with one of its blocks, which stands for all, and
//! few words, from a file of zeros that takes no room on the disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{exact, json as fixture_json};
use crate::checkpoint::{Checkpoint, FromTensors};
use crate::config::{Architecture, Layout};
use crate::files::Files;
use crate::towers::{Shape, TextTower, VisionTower};
use phototag_kernels::Activation;

const WORDS: usize = 8;
const WEIGHTS: &str = "model.safetensors";

#[derive(Deserialize)]
struct Known {
    open_clip: BTreeMap<String, Described>,
    transformers: BTreeMap<String, Described>,
    refused: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Described {
    config: Value,
    towers: Towers,
    tensors: BTreeMap<String, Vec<usize>>,
}

#[derive(Deserialize)]
struct Towers {
    vision: Tower,
    text: Tower,
}

#[derive(Deserialize)]
struct Tower {
    blocks: usize,
    heads: usize,
    activation: String,
    eps: f32,
}

impl Tower {
    fn is(&self, shape: &Shape) -> bool {
        let activation = match self.activation.as_str() {
            "exact" => Activation::Gelu,
            "tanh" => Activation::GeluTanh,
            "quick" => Activation::QuickGelu,
            other => panic!("{other}"),
        };
        (self.blocks, self.heads, self.eps) == (shape.layers, shape.heads, shape.eps)
            && activation == shape.activation
    }
}

fn architecture(folder: &Path, name: &str, config: &Value) -> Result<Architecture, String> {
    std::fs::write(folder.join(name), config.to_string()).expect("written");
    let files = Files::Folder(folder.into());
    Layout::of(|file| file == name || file == WEIGHTS)
        .expect("a layout")
        .architecture(&files)
        .map_err(|e| e.to_string())
}

/// A checkpoint of one block a tower, all zeros.
fn write_zeros(path: &Path, described: &Described, vocabulary: usize) {
    let mut header = Map::new();
    let mut end = 0;
    for (name, shape) in &described.tensors {
        let mut shape = shape.clone();
        if name.ends_with("token_embedding.weight") {
            assert_eq!(shape[0], vocabulary);
            shape[0] = WORDS;
        }
        let start = end;
        end += shape.iter().product::<usize>() * 2;
        let tensor = json!({"dtype": "F16", "shape": shape, "data_offsets": [start, end]});
        header.insert(name.replace('*', "0"), tensor);
    }
    let header = Value::Object(header).to_string();
    let mut file = File::create(path).expect("created");
    file.write_all(&(header.len() as u64).to_le_bytes())
        .and_then(|()| file.write_all(header.as_bytes()))
        .and_then(|()| file.set_len((8 + header.len() + end) as u64))
        .expect("written");
}

fn fits(name: &str, config_file: &str, config: &Value, described: &Described) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut read = architecture(folder.path(), config_file, config)
        .unwrap_or_else(|reason| panic!("{name}: {reason}"));
    let (vision, text) = (&read.vision.shape, &read.text.shape);
    assert!(described.towers.vision.is(vision), "{name}: {vision:?}");
    assert!(described.towers.text.is(text), "{name}: {text:?}");
    write_zeros(
        &folder.path().join(WEIGHTS),
        described,
        read.text.vocabulary,
    );
    read.vision.shape.layers = 1;
    read.text.shape.layers = 1;
    read.text.vocabulary = WORDS;
    let files = Files::Folder(folder.path().into());
    let mut checkpoint = Checkpoint::open(&files, WEIGHTS).expect("sound");
    let mut layers = FromTensors(&mut checkpoint);
    let result = VisionTower::read(&mut layers, &read.vision, &read.preprocess, exact())
        .and_then(|_| TextTower::read(&mut layers, &read.text, exact()))
        .and_then(|_| checkpoint.finish());
    result.unwrap_or_else(|error| panic!("{name}: {error}"));
}

#[test]
fn every_open_clip_architecture_has_the_tensors_that_open_clip_gives_it() {
    let known: Known = fixture_json("architectures.json");
    assert!(known.open_clip.len() >= 60);
    for (name, described) in &known.open_clip {
        let config = json!({"model_cfg": described.config});
        fits(name, "open_clip_config.json", &config, described);
    }
}

#[test]
fn transformers_architectures_have_the_tensors_that_transformers_gives_them() {
    let known: Known = fixture_json("architectures.json");
    for (name, described) in &known.transformers {
        fits(name, "config.json", &described.config, described);
    }
}

#[test]
fn architectures_that_are_not_read_are_refused_by_what_is_missing() {
    let known: Known = fixture_json("architectures.json");
    assert!(known.refused.len() >= 60);
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, config) in &known.refused {
        let config = json!({"model_cfg": config});
        let reason = architecture(folder.path(), "open_clip_config.json", &config)
            .expect_err(&format!("{name} is not read"));
        let named = match name.as_str() {
            name if name.starts_with("RN") => "ResNet",
            name if name.contains("CLIPA") => "\"avg\"",
            name if name.starts_with("coca") => "multimodal_cfg",
            "ViT-M-16-alt" => "vision_cfg.ls_init_value",
            _ => match &config["model_cfg"]["vision_cfg"]["timm_model_name"] {
                Value::String(timm) if !reason.contains("text tower") => timm,
                _ => config["model_cfg"]["text_cfg"]["hf_model_name"]
                    .as_str()
                    .expect("one of the two is special"),
            },
        };
        assert!(reason.contains(named), "{name}: {named}: {reason}");
        assert!(reason.contains("not supported"), "{name}: {reason}");
    }
}
