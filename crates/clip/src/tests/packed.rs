//! Packed weights kept beside a model: whether it takes them, whole ones only, and gives the same vectors.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;

use super::models::copy_of;
use super::{fixture, picture};
use crate::{Precision, Source};

const WEIGHTS: &str = "open_clip_model.safetensors";
/// Enough for the model to be worth keeping.
const LAYERS: usize = 140;

/// A copy of the model `clip` with many more layers, each as the first of its tower.
fn deep() -> tempfile::TempDir {
    let folder = copy_of("clip");
    let path = folder.path().join("open_clip_config.json");
    let mut config: serde_json::Value =
        serde_json::from_slice(&fs::read(&path).expect("is there")).expect("JSON");
    for tower in ["vision_cfg", "text_cfg"] {
        config["model_cfg"][tower]["layers"] = LAYERS.into();
    }
    fs::write(&path, config.to_string()).expect("written");
    let bytes = fs::read(fixture("clip").join(WEIGHTS)).expect("is there");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("sound");
    let mut all: Vec<(String, TensorView)> = Vec::new();
    for (name, view) in tensors.iter() {
        match name.split_once("resblocks.0.") {
            Some((before, after)) => all.extend(
                (0..LAYERS).map(|i| (format!("{before}resblocks.{i}.{after}"), view.clone())),
            ),
            None if name.contains("resblocks.") => {}
            None => all.push((name.to_owned(), view)),
        }
    }
    safetensors::serialize_to_file(all, None, &folder.path().join(WEIGHTS)).expect("written");
    folder
}

/// A picture's vector and two texts'.
fn vectors(folder: &Path, precision: Precision) -> Vec<Vec<f32>> {
    let source = Source::folder(folder).expect("is there");
    let model = source.load_cached(precision).expect("sound");
    let prepared = model.preprocess().prepare(&picture("clip/input.png"));
    let mut vectors = model.embed_images(&[prepared]).expect("embeds");
    let texts = model.embed_texts(&["a dog", "two cats in the rain"]);
    vectors.extend(texts.expect("embeds"));
    vectors
}

/// The kept files, by name, with what they hold.
fn kept(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder.join(".phototag"));
    let mut files: Vec<_> = entries
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("is there").path())
        .map(|path| (path.clone(), fs::read(path).expect("readable")))
        .collect();
    files.sort();
    files
}

#[test]
fn a_later_load_takes_the_kept_weights_and_gives_the_same_vectors() {
    for precision in Precision::ALL {
        let folder = deep();
        let source = Source::folder(folder.path()).expect("is there");
        source.load(precision).expect("sound");
        assert_eq!(kept(folder.path()), [], "kept without being asked");

        let first = vectors(folder.path(), precision);
        let files = kept(folder.path());
        assert_eq!(files.len(), 2, "{files:?}");
        assert_eq!(vectors(folder.path(), precision), first);
        assert_eq!(kept(folder.path()), files);

        // Other weights in the kept files show.
        for (path, mut bytes) in files {
            let middle = bytes.len() / 2;
            bytes[middle..middle + 65_536].fill(0);
            fs::write(path, with_checksum(bytes)).expect("written");
        }
        let others = vectors(folder.path(), precision);
        assert!(
            others
                .iter()
                .zip(&first)
                .all(|(other, first)| other != first)
        );
    }
}

fn with_checksum(mut file: Vec<u8>) -> Vec<u8> {
    let checksum = blake3::hash(&file[64..]);
    file[32..64].copy_from_slice(checksum.as_bytes());
    file
}

#[test]
fn one_kept_tower_serves_without_the_other() {
    let folder = deep();
    let first = vectors(folder.path(), Precision::F32);
    for at in 0..2 {
        let (path, bytes) = kept(folder.path()).swap_remove(at);
        fs::remove_file(&path).expect("removed");
        assert_eq!(vectors(folder.path(), Precision::F32), first);
        assert_eq!(fs::read(&path).expect("made again"), bytes);
    }
}

#[test]
fn weights_of_another_model_are_packed_again() {
    let folder = deep();
    let first = vectors(folder.path(), Precision::F32);
    let path = folder.path().join(WEIGHTS);
    let mut bytes = fs::read(&path).expect("is there");
    let end = bytes.len();
    bytes[end - 8192..].fill(0);
    fs::write(&path, bytes).expect("written");
    let second = vectors(folder.path(), Precision::F32);
    assert_ne!(second, first);
    assert_eq!(vectors(folder.path(), Precision::F32), second);
}

#[test]
fn damaged_files_are_made_again() {
    let folder = deep();
    let first = vectors(folder.path(), Precision::Int8);
    let files = kept(folder.path());
    let damages: [fn(&mut Vec<u8>); 7] = [
        |bytes| *bytes.last_mut().expect("not empty") ^= 1,
        |bytes| bytes[70] ^= 1,
        |bytes| bytes[3] ^= 1,
        |bytes| bytes.truncate(bytes.len() - 64),
        |bytes| bytes.truncate(20),
        |bytes| bytes.extend([0; 64]),
        Vec::clear,
    ];
    for damage in damages {
        for (path, bytes) in &files {
            let mut bytes = bytes.clone();
            damage(&mut bytes);
            fs::write(path, bytes).expect("written");
        }
        assert_eq!(vectors(folder.path(), Precision::Int8), first);
        assert_eq!(kept(folder.path()), files);
    }
}

#[test]
fn a_file_that_lies_about_its_blocks_is_not_believed() {
    let folder = deep();
    let first = vectors(folder.path(), Precision::F32);
    let files = kept(folder.path());
    for (path, bytes) in &files {
        // Too few blocks and too many, with the right checksum.
        for length in [64, bytes.len() - 6400, bytes.len() + 6400] {
            let mut bytes = bytes.clone();
            bytes.resize(length, 0);
            fs::write(path, with_checksum(bytes)).expect("written");
            assert_eq!(vectors(folder.path(), Precision::F32), first);
        }
    }
    assert_eq!(kept(folder.path()), files);
}

#[test]
fn where_nothing_can_be_written_nothing_is_kept() {
    let folder = deep();
    let first = vectors(folder.path(), Precision::F32);
    fs::remove_dir_all(folder.path().join(".phototag")).expect("removed");
    fs::write(folder.path().join(".phototag"), "in the way").expect("written");
    assert_eq!(vectors(folder.path(), Precision::F32), first);
}

#[test]
fn an_unsound_checkpoint_leaves_nothing_behind() {
    let folder = deep();
    let path = folder.path().join(WEIGHTS);
    let bytes = fs::read(&path).expect("is there");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("sound");
    let mut all: Vec<(String, TensorView)> = tensors
        .iter()
        .map(|(name, view)| (name.to_owned(), view))
        .collect();
    let (_, last) = all[0].clone();
    all.push(("one.too.many".into(), last));
    safetensors::serialize_to_file(all, None, &path).expect("written");
    let source = Source::folder(folder.path()).expect("is there");
    for _ in 0..2 {
        let error = source
            .load_cached(Precision::F32)
            .map(|_| ())
            .expect_err("one too many");
        assert!(error.to_string().contains("one.too.many"), "{error}");
    }
    assert_eq!(kept(folder.path()), []);
}

#[test]
fn small_models_are_not_kept() {
    let folder = copy_of("clip");
    let source = Source::folder(folder.path()).expect("is there");
    source.load_cached(Precision::F32).expect("sound");
    assert_eq!(kept(folder.path()), []);
}

#[test]
fn the_form_of_kept_weights_is_that_of_the_version() {
    let folder = deep();
    vectors(folder.path(), Precision::F32);
    let checksums = kept(folder.path()).into_iter().map(|(path, bytes)| {
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let checksum: String = bytes[32..36].iter().map(|b| format!("{b:02x}")).collect();
        format!("{name} {checksum}")
    });
    // If this changes, so has to the version in packed.rs.
    let version_2 = [
        "text-f32-f32.weights cc57b3f8",
        "vision-f32-f32.weights ba20684f",
    ];
    assert_eq!(checksums.collect::<Vec<_>>(), version_2);
}
