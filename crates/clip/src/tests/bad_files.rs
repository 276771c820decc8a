//! Folders that hold a model with one fault each: an error that names it, never a crash.

use std::path::Path;

use serde_json::{Value, json};

use super::fixture;
use crate::{Error, Precision, Source};

const CONFIG: &str = "open_clip_config.json";
const WEIGHTS: &str = "open_clip_model.safetensors";

/// The error of loading fixture `clip` after `spoil` has been at a copy of it.
fn error(spoil: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in [CONFIG, WEIGHTS, "tokenizer.json"] {
        std::fs::copy(fixture("clip").join(name), folder.path().join(name)).expect("copied");
    }
    spoil(folder.path());
    let loaded = Source::folder(folder.path()).and_then(|source| source.load(Precision::F32));
    loaded.expect_err("the model is spoilt").to_string()
}

fn edit(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join(CONFIG);
    let mut config = serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("JSON");
    change(&mut config);
    std::fs::write(path, config.to_string()).expect("written");
}

fn weights(folder: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.join(WEIGHTS);
    let mut bytes = std::fs::read(&path).expect("read");
    change(&mut bytes);
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn a_checkpoint_that_does_not_fit_names_the_tensor() {
    let deeper = error(|f| edit(f, |c| c["model_cfg"]["vision_cfg"]["layers"] = json!(3)));
    assert!(
        deeper.contains("visual.transformer.resblocks.2.ln_1.weight is missing"),
        "{deeper}"
    );
    let shallower = error(|f| edit(f, |c| c["model_cfg"]["vision_cfg"]["layers"] = json!(1)));
    assert!(
        shallower.contains("resblocks.1.") && shallower.contains("unexpected"),
        "{shallower}"
    );
    let wider = error(|f| edit(f, |c| c["model_cfg"]["embed_dim"] = json!(25)));
    assert!(wider.contains("visual.proj has shape [32, 24]"), "{wider}");
    assert!(wider.contains("requires [32, 25]"), "{wider}");
}

#[test]
fn damaged_weights_are_an_error() {
    for keep in [0, 7, 8, 100, 20_000] {
        let cut = error(|f| weights(f, |bytes| bytes.truncate(keep)));
        assert!(
            cut.contains(WEIGHTS) && cut.contains("safetensors"),
            "{keep}: {cut}"
        );
    }
    for length in [u64::MAX, 1 << 40, 200 << 20, 3] {
        let lying = error(|f| {
            weights(f, |bytes| bytes[..8].copy_from_slice(&length.to_le_bytes()));
        });
        assert!(lying.contains("safetensors"), "{length}: {lying}");
    }
    let header = |header: &str| {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        error(|f| weights(f, |old| *old = bytes))
    };
    let huge = header(
        r#"{"visual.conv1.weight":{"dtype":"F32","shape":[4294967296,4294967296,16],"data_offsets":[0,16]}}"#,
    );
    assert!(huge.contains("safetensors"), "{huge}");
    let backwards = header(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}"#);
    assert!(backwards.contains("safetensors"), "{backwards}");
    let integers = error(|f| {
        weights(f, |bytes| {
            let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight")) as usize;
            let header = String::from_utf8(bytes[8..8 + length].to_vec()).expect("text");
            bytes[8..8 + length].copy_from_slice(header.replace("\"F32\"", "\"I32\"").as_bytes());
        });
    });
    assert!(integers.contains("not f32, f16 or bf16"), "{integers}");
}

#[test]
fn absurd_configurations_are_an_error() {
    type Edit = fn(&mut Value);
    let edits: [(Edit, &str); 9] = [
        (
            |c| c["model_cfg"]["vision_cfg"]["width"] = json!(1u64 << 40),
            "width",
        ),
        (
            |c| c["model_cfg"]["vision_cfg"]["head_width"] = json!(0),
            "0 heads",
        ),
        (
            |c| c["model_cfg"]["text_cfg"]["heads"] = json!(3),
            "3 heads",
        ),
        (
            |c| c["model_cfg"]["text_cfg"]["layers"] = json!(0),
            "0 layers",
        ),
        (
            |c| c["model_cfg"]["text_cfg"]["context_length"] = json!(1u64 << 40),
            "context",
        ),
        (
            |c| c["model_cfg"]["vision_cfg"]["patch_size"] = json!(0),
            "patch",
        ),
        (
            |c| c["model_cfg"]["vision_cfg"]["image_size"] = json!(1 << 30),
            "image size",
        ),
        (
            |c| c["model_cfg"]["vision_cfg"]["timm_model_name"] = json!("fastvit_mci2"),
            "fastvit_mci2",
        ),
        (
            |c| c["model_cfg"]["text_cfg"]["hf_model_name"] = json!("roberta-base"),
            "roberta-base",
        ),
    ];
    for (change, expected) in edits {
        let error = error(|f| edit(f, change));
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let broken = error(|f| std::fs::write(f.join(CONFIG), "{\"model_cfg\"").expect("written"));
    assert!(broken.contains(CONFIG), "{broken}");
}

#[test]
fn damaged_graphs_are_an_error() {
    const VISUAL: &str = "visual/model.onnx";
    let original = std::fs::read(fixture("onnx").join(VISUAL)).expect("read");
    let spoilt = |bytes: &[u8]| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in [
            "config.json",
            "visual/preprocess_cfg.json",
            "textual/model.onnx",
            "textual/tokenizer.json",
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("inside")).expect("created");
            std::fs::copy(fixture("onnx").join(name), path).expect("copied");
        }
        std::fs::write(folder.path().join(VISUAL), bytes).expect("written");
        let loaded = Source::folder(folder.path()).and_then(|source| source.load(Precision::F32));
        loaded.expect_err("the graph is spoilt").to_string()
    };
    for bytes in [
        &b""[..],
        b"<!DOCTYPE html>",
        &original[..original.len() / 2],
    ] {
        let error = spoilt(bytes);
        assert!(error.contains(VISUAL), "{error}");
    }
    let text = std::fs::read(fixture("onnx").join("textual/model.onnx")).expect("read");
    let swapped = spoilt(&text);
    assert!(
        swapped.contains(VISUAL) && swapped.contains("takes input"),
        "{swapped}"
    );
}

#[test]
fn a_missing_or_foreign_tokenizer_is_an_error() {
    let missing = error(|f| std::fs::remove_file(f.join("tokenizer.json")).expect("removed"));
    assert!(missing.contains("tokenizer.json"), "{missing}");
    let foreign = error(|f| std::fs::write(f.join("tokenizer.json"), "{}").expect("written"));
    assert!(foreign.contains("tokenizer.json"), "{foreign}");
    // Found by fuzzing: a template that names a token which it does not describe.
    let template = error(|f| {
        let path = f.join("tokenizer.json");
        let mut whole: Value =
            serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("JSON");
        whole["post_processor"] = json!({
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [],
            "special_tokens": {},
        });
        std::fs::write(path, whole.to_string()).expect("written");
    });
    assert!(template.contains("tokenizer.json"), "{template}");
    // Found by fuzzing: a decoder that breaks off, or holds half a character.
    for decoder in [
        r#"{"type": "#,
        r#"{"type": "ByteLevel", "x" "y"}"#,
        r#""\ud800""#,
    ] {
        let broken = error(|f| {
            let path = f.join("tokenizer.json");
            let whole = std::fs::read_to_string(&path).expect("read");
            let (before, _) = whole.split_once("\"decoder\":").expect("has a decoder");
            std::fs::write(&path, format!("{before}\"decoder\":{decoder}")).expect("written");
        });
        assert!(broken.contains("tokenizer.json"), "{broken}");
    }
}

#[test]
fn ids_beyond_the_vocabulary_are_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in [CONFIG, WEIGHTS] {
        std::fs::copy(fixture("clip").join(name), folder.path().join(name)).expect("copied");
    }
    let larger = fixture("strings").join("tokenizer.json");
    std::fs::copy(larger, folder.path().join("tokenizer.json")).expect("copied");
    let model = Source::folder(folder.path())
        .and_then(|s| s.load(Precision::F32))
        .expect("loads");
    let error = model
        .embed_texts(&["a photograph"])
        .expect_err("another vocabulary");
    assert!(
        matches!(&error, Error::Run { reason, .. } if reason.contains("vocabulary")),
        "{error}"
    );
}
