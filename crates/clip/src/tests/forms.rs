//! One model in the forms in which it may be published: all give the same vectors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{fixture, picture};
use crate::{Error, Precision, Source};

const CONFIG: &str = "open_clip_config.json";
const OPEN_CLIP_WEIGHTS: &str = "open_clip_model.safetensors";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const TOKENIZER: &str = "tokenizer.json";

/// A copy of the model files of a fixture.
fn copy(name: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for entry in std::fs::read_dir(fixture(name)).expect("readable") {
        let entry = entry.expect("readable");
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("copied");
    }
    folder
}

fn vectors(folder: &Path) -> Result<Vec<Vec<f32>>, Error> {
    let model = Source::folder(folder)?.load(Precision::F32)?;
    let prepared = model.preprocess().prepare(&picture("pixels/1.png"));
    let mut vectors = model.embed_images(&[prepared])?;
    let long = "a photograph of an animal or bird ".repeat(20);
    vectors.extend(model.embed_texts(&["", "A cat\u{2019}s tail, 42 &amp; more", &long])?);
    Ok(vectors)
}

fn edit(path: PathBuf, change: impl FnOnce(&mut Value)) {
    let text = std::fs::read(&path).expect("read");
    let mut value = serde_json::from_slice(&text).expect("JSON");
    change(&mut value);
    std::fs::write(path, value.to_string()).expect("written");
}

/// Cuts `weights` of the folder into two files and an index of them.
fn cut(folder: &Path, weights: &str) {
    let bytes = std::fs::read(folder.join(weights)).expect("read");
    let tensors = SafeTensors::deserialize(&bytes).expect("sound");
    let mut index = BTreeMap::new();
    for part in 0..2 {
        let name = format!("model-0000{}-of-00002.safetensors", part + 1);
        let of_part: Vec<_> = tensors
            .iter()
            .filter(|(tensor, _)| tensor.len() % 2 == part)
            .collect();
        index.extend(
            of_part
                .iter()
                .map(|(tensor, _)| ((*tensor).to_owned(), name.clone())),
        );
        let bytes = safetensors::serialize(of_part, None).expect("serialisable");
        std::fs::write(folder.join(name), bytes).expect("written");
    }
    let index = json!({"metadata": {"total_size": bytes.len()}, "weight_map": index});
    std::fs::write(folder.join(INDEX), index.to_string()).expect("written");
    std::fs::remove_file(folder.join(weights)).expect("removed");
}

#[test]
fn weights_in_several_files() {
    for (name, weights) in [
        ("clip", OPEN_CLIP_WEIGHTS),
        ("transformers-siglip", WEIGHTS),
    ] {
        let folder = copy(name);
        let expected = vectors(folder.path()).expect("embeds");
        cut(folder.path(), weights);
        assert_eq!(vectors(folder.path()).expect("embeds"), expected, "{name}");
        let source = Source::folder(folder.path()).expect("a model");
        let before = source.fingerprint(Precision::F32).expect("readable");
        let shard = folder.path().join("model-00002-of-00002.safetensors");
        let mut bytes = std::fs::read(&shard).expect("read");
        *bytes.last_mut().expect("not empty") ^= 1;
        std::fs::write(&shard, &bytes).expect("written");
        assert_ne!(
            source.fingerprint(Precision::F32).expect("readable"),
            before,
            "{name}"
        );

        std::fs::copy(&shard, folder.path().join("more.safetensors")).expect("copied");
        edit(folder.path().join(INDEX), |i| {
            i["weight_map"]["x"] = json!("more.safetensors")
        });
        let twice = vectors(folder.path())
            .expect_err("in two files")
            .to_string();
        assert!(twice.contains("in another file too"), "{twice}");
        edit(folder.path().join(INDEX), |i| {
            i["weight_map"]["x"] = json!("../x.safetensors")
        });
        let outside = vectors(folder.path()).expect_err("outside").to_string();
        assert!(outside.contains("../x.safetensors"), "{outside}");
        std::fs::remove_file(&shard).expect("removed");
        edit(folder.path().join(INDEX), |i| {
            i["weight_map"]["x"] = json!("model-00002-of-00002.safetensors");
        });
        let missing = vectors(folder.path())
            .expect_err("a shard is missing")
            .to_string();
        assert!(missing.contains("model-00002-of-00002"), "{missing}");
    }
}

#[test]
fn a_tokenizer_of_words_and_merges() {
    let folder = copy("clip");
    let expected = vectors(folder.path()).expect("embeds");
    let path = folder.path().join(TOKENIZER);
    let whole: Value = serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("JSON");
    std::fs::remove_file(path).expect("removed");
    let write = |name: &str, text: String| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    write("vocab.json", whole["model"]["vocab"].to_string());
    let merges = whole["model"]["merges"].as_array().expect("a list");
    let lines = merges.iter().map(|pair| match pair.as_array() {
        Some(pair) => format!(
            "{} {}\n",
            pair[0].as_str().unwrap(),
            pair[1].as_str().unwrap()
        ),
        None => format!("{}\n", pair.as_str().unwrap()),
    });
    write(
        "merges.txt",
        format!("#version: 0.2\n{}", lines.collect::<String>()),
    );
    assert_eq!(vectors(folder.path()).expect("embeds"), expected);
    write("merges.txt", "a b c d\n".into());
    let broken = vectors(folder.path()).expect_err("no merges").to_string();
    assert!(broken.contains("merges.txt"), "{broken}");
}

#[test]
fn a_tokenizer_whose_library_adds_the_special_tokens() {
    for name in ["clip", "transformers-clip"] {
        let folder = copy(name);
        let expected = vectors(folder.path()).expect("embeds");
        let template = json!({
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<|startoftext|>", "type_id": 0}},
                       {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}],
            "pair": [],
            "special_tokens": {},
        });
        for processor in [Value::Null, template] {
            edit(folder.path().join(TOKENIZER), |whole| {
                let id = |token: &str| whole["model"]["vocab"][token].clone();
                let mut processor = processor.clone();
                if !processor.is_null() {
                    for token in ["<|startoftext|>", "<|endoftext|>"] {
                        processor["special_tokens"][token] =
                            json!({"id": token, "ids": [id(token)], "tokens": [token]});
                    }
                }
                whole["post_processor"] = processor;
            });
            assert_eq!(vectors(folder.path()).expect("embeds"), expected, "{name}");
        }
    }
}

#[test]
fn a_repository_that_carries_both_kinds_is_read_by_open_clips() {
    let folder = copy("clip");
    let expected = vectors(folder.path()).expect("embeds");
    for name in ["config.json", WEIGHTS, "preprocessor_config.json"] {
        std::fs::write(folder.path().join(name), "another model").expect("written");
    }
    assert_eq!(vectors(folder.path()).expect("embeds"), expected);
}

#[test]
fn open_clips_configuration_with_weights_under_the_common_name() {
    let folder = copy("siglip");
    let expected = vectors(folder.path()).expect("embeds");
    let weights = folder.path().join(OPEN_CLIP_WEIGHTS);
    std::fs::rename(weights, folder.path().join(WEIGHTS)).expect("renamed");
    assert_eq!(vectors(folder.path()).expect("embeds"), expected);
    assert!(folder.path().join(CONFIG).is_file());
}

#[test]
fn preprocessing_as_newer_versions_of_transformers_write_it() {
    for name in ["transformers-clip", "transformers-siglip"] {
        let folder = copy(name);
        let expected = vectors(folder.path()).expect("embeds");
        let older = folder.path().join("preprocessor_config.json");
        let stated: Value =
            serde_json::from_slice(&std::fs::read(&older).expect("read")).expect("JSON");
        std::fs::remove_file(older).expect("removed");
        let newer = json!({"image_processor": stated, "processor_class": "CLIPProcessor"});
        let path = folder.path().join("processor_config.json");
        std::fs::write(path, newer.to_string()).expect("written");
        assert_eq!(vectors(folder.path()).expect("embeds"), expected, "{name}");
    }
}
