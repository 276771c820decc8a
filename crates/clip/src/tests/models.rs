//! Vectors of tiny random models of every family, against open_clip, timm, transformers and
//! onnxruntime.

use serde::Deserialize;

use super::{fixture, json, picture};
use crate::{Model, Precision, Source};

/// A fixture for each architecture and scheme of names, in `f32`.
const FAMILIES: [&str; 6] = [
    "clip",
    "clip-quick",
    "siglip",
    "siglip2",
    "transformers-clip",
    "transformers-siglip",
];

#[derive(Deserialize)]
struct Expected {
    image: Vec<f32>,
    texts: Vec<Text>,
}

#[derive(Deserialize)]
struct Text {
    text: String,
    vector: Vec<f32>,
}

fn load(name: &str) -> Model {
    load_at(name, Precision::F32)
}

fn load_at(name: &str, precision: Precision) -> Model {
    Source::folder(&fixture(name))
        .and_then(|source| source.load(precision))
        .expect("the model is sound")
}

/// 1 minus the cosine of two vectors of unit length, without the cancellation of 1 - cos.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(a - b).powi(2))
        .sum::<f64>()
        / 2.0
}

fn check(name: &str, tolerance: f64) {
    check_at(name, Precision::F32, tolerance);
}

fn check_at(name: &str, precision: Precision, tolerance: f64) {
    let expected: Expected = json(&format!("{name}/expected.json"));
    let model = load_at(name, precision);
    assert_eq!(model.dimensions(), expected.image.len());
    let prepared = model
        .preprocess()
        .prepare(&picture(&format!("{name}/input.png")));
    let images = model.embed_images(&[prepared]).expect("embeds");
    let off = distance(&images[0], &expected.image);
    assert!(off <= tolerance, "{name}: picture off by {off}");
    for Text { text, vector } in &expected.texts {
        let off = distance(&model.embed_texts(&[text]).expect("embeds")[0], vector);
        assert!(off <= tolerance, "{name}: {text:?} off by {off}");
    }
}

#[test]
fn f32_checkpoints_give_the_reference_vectors() {
    for name in FAMILIES {
        check(name, 1e-6);
    }
}

#[test]
fn half_precision_checkpoints_give_the_reference_vectors() {
    check("clip-f16", 1e-6);
    check("clip-bf16", 1e-6);
}

#[test]
fn rounded_factors_stay_near_the_reference_vectors() {
    for name in FAMILIES {
        check_at(name, Precision::Bf16, 5e-4);
        check_at(name, Precision::Int8, 5e-3);
    }
}

/// A copy of a model that lies in one folder.
pub(super) fn copy_of(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(fixture(name)).expect("is there") {
        let path = entry.expect("is there").path();
        let to = folder.path().join(path.file_name().expect("a name"));
        std::fs::copy(path, to).expect("copied");
    }
    folder
}

/// A copy of the model `clip` with some channels 20 to 60 times as large as the others behind the norms
/// of its picture tower, as trained models have them; the weights that follow make up for it.
fn with_outliers() -> tempfile::TempDir {
    let folder = copy_of("clip");
    let file = folder.path().join("open_clip_model.safetensors");
    let mut bytes = std::fs::read(&file).expect("is there");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("sound");
    let mut times = Vec::new();
    for (name, view) in tensors.iter() {
        let norm = name.contains(".ln_1.") || name.contains(".ln_2.");
        let after = name.ends_with("attn.in_proj_weight") || name.ends_with("mlp.c_fc.weight");
        if !name.starts_with("visual.") || !(norm || after) {
            continue;
        }
        let width = *view.shape().last().expect("a side");
        let first = view.data().as_ptr() as usize - bytes.as_ptr() as usize;
        for at in 0..view.data().len() / 4 {
            let channel = at % width;
            if channel % 11 == 3 {
                let factor = 20.0 + (channel % 41) as f32;
                times.push((first + 4 * at, if norm { factor } else { 1.0 / factor }));
            }
        }
    }
    assert!(!times.is_empty());
    for (at, factor) in times {
        let value: &mut [u8; 4] = (&mut bytes[at..at + 4]).try_into().expect("four bytes");
        *value = (f32::from_le_bytes(*value) * factor).to_le_bytes();
    }
    std::fs::write(file, bytes).expect("written");
    folder
}

#[test]
fn outlying_channels_do_not_spoil_bytes() {
    let folder = with_outliers();
    let vectors = |precision| {
        let source = Source::folder(folder.path()).expect("is there");
        let model = source.load(precision).expect("sound");
        let pictures = [0, 1, 2].map(|at| {
            model
                .preprocess()
                .prepare(&picture(&format!("pixels/{at}.png")))
        });
        model.embed_images(&pictures).expect("embeds")
    };
    for (exact, bytes) in vectors(Precision::F32)
        .iter()
        .zip(&vectors(Precision::Int8))
    {
        let off = distance(exact, bytes);
        assert!(off <= 1e-3, "off by {off}");
    }
}

#[test]
fn onnx_pairs_give_the_reference_vectors() {
    check("onnx", 1e-6);
    check("onnx-trunk", 1e-9);
    check_at("onnx-trunk", Precision::Bf16, 1e-4);
}

/// A copy of the pair `onnx-trunk` with a change to the graph of its pictures.
fn with_changed_graph(change: impl Fn(&mut rten_onnx::onnx::GraphProto)) -> tempfile::TempDir {
    const VISUAL: &str = "visual/model.onnx";
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "config.json",
        "visual/preprocess_cfg.json",
        VISUAL,
        "textual/model.onnx",
        "textual/tokenizer.json",
    ] {
        let to = folder.path().join(name);
        std::fs::create_dir_all(to.parent().expect("inside")).expect("made");
        std::fs::copy(fixture("onnx-trunk").join(name), to).expect("copied");
    }
    let path = folder.path().join(VISUAL);
    let bytes = std::fs::read(&path).expect("is there");
    let mut model = rten_onnx::onnx::ModelProto::parse_buf(&bytes).expect("sound");
    change(model.graph.as_mut().expect("a graph"));
    std::fs::write(path, model.write_buf().expect("sound")).expect("written");
    folder
}

#[test]
fn a_graph_gives_the_same_whole_and_split() {
    // Only a graph of known attributes is split.
    let folder = with_changed_graph(|graph| {
        let stem = &mut graph.node[0];
        let mut dilations = stem.attribute[0].clone();
        (dilations.name, dilations.ints) = (Some("dilations".to_owned()), vec![1, 1]);
        stem.attribute.push(dilations);
    });
    let whole = Source::folder(folder.path()).and_then(|source| source.load(Precision::F32));
    let (whole, split) = (whole.expect("sound"), load("onnx-trunk"));
    for i in 0..5 {
        let picture = picture(&format!("pixels/{i}.png"));
        let prepared = whole.preprocess().prepare(&picture);
        let of = |model: &Model| {
            let positions = model.embed_positions(&prepared).expect("runs");
            let mut vectors = positions.expect("named maps").vectors;
            vectors.extend(
                model
                    .embed_images(std::slice::from_ref(&prepared))
                    .expect("runs"),
            );
            vectors
        };
        for (a, b) in of(&whole).iter().zip(of(&split)) {
            let off = distance(a, &b);
            assert!(off < 1e-9, "picture {i}: off by {off}");
        }
    }
}

#[test]
fn graphs_that_lie_about_their_shapes_are_errors() {
    let changes: [fn(&mut rten_onnx::onnx::GraphProto); 6] = [
        |graph| graph.initializer[0].dims[0] = i64::MAX,
        |graph| graph.initializer[0].dims[1] = -3,
        |graph| graph.initializer[1].dims[0] += 1,
        |graph| {
            let mut attributes = graph.node[0].attribute.iter_mut();
            let strides = attributes.find(|a| a.name.as_deref() == Some("strides"));
            strides.expect("is there").ints = vec![0, 0];
        },
        |graph| graph.node[0].input.truncate(1),
        |graph| graph.node.iter_mut().for_each(|node| node.input.clear()),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let folder = with_changed_graph(change);
        let embedded = Source::folder(folder.path())
            .and_then(|source| source.load(Precision::F32))
            .and_then(|model| {
                let prepared = model.preprocess().prepare(&picture("pixels/0.png"));
                model.embed_images(&[prepared])
            });
        assert!(embedded.is_err(), "change {number}");
    }
}

#[test]
fn a_vector_does_not_depend_on_the_batch_or_the_thread() {
    for (name, precision) in [
        ("clip", Precision::F32),
        ("clip", Precision::Int8),
        ("siglip", Precision::F32),
        ("siglip", Precision::Bf16),
        ("onnx", Precision::F32),
        ("onnx-trunk", Precision::F32),
        ("onnx-trunk", Precision::Bf16),
    ] {
        let model = load_at(name, precision);
        let pictures: Vec<_> = (0..5)
            .map(|i| {
                model
                    .preprocess()
                    .prepare(&picture(&format!("pixels/{i}.png")))
            })
            .collect();
        let texts = [
            "",
            "a",
            "a photograph of a cat",
            "snow",
            "a b c d e f g h i j k l m n o p",
        ];
        let together = model.embed_images(&pictures).expect("embeds");
        let texts_together = model.embed_texts(&texts).expect("embeds");
        std::thread::scope(|scope| {
            for i in 0..5 {
                let (model, pictures) = (&model, &pictures);
                let (together, texts_together) = (&together, &texts_together);
                scope.spawn(move || {
                    let alone = model.embed_images(&pictures[i..=i]).expect("embeds");
                    assert_eq!(alone[0], together[i], "{name}: picture {i}");
                    let alone = model.embed_texts(&[texts[i]]).expect("embeds");
                    assert_eq!(alone[0], texts_together[i], "{name}: text {i}");
                });
            }
        });
    }
}

#[test]
fn models_in_the_program_equal_those_in_folders() {
    macro_rules! embedded {
        ($($name:literal),*) => {
            &[$(($name, include_bytes!(concat!("../../tests/fixtures/", $name)) as &[u8])),*]
        };
    }
    static FILES: &[(&str, &[u8])] = embedded!(
        "onnx/visual/model.onnx",
        "onnx/visual/preprocess_cfg.json",
        "onnx/textual/model.onnx",
        "onnx/textual/tokenizer.json",
        "onnx/config.json"
    );
    let names: Vec<_> = FILES
        .iter()
        .map(|(name, bytes)| (&name["onnx/".len()..], *bytes))
        .collect();
    let source = Source::embedded(names.leak()).expect("a model");
    let folder = Source::folder(&fixture("onnx")).expect("a model");
    assert_eq!(
        source.fingerprint(Precision::F32).expect("reads"),
        folder.fingerprint(Precision::F32).expect("reads")
    );
    let vector = |source: &Source| {
        source
            .load(Precision::F32)
            .and_then(|model| model.embed_texts(&["a cat"]))
            .expect("embeds")
    };
    assert_eq!(vector(&source), vector(&folder));
}

#[test]
fn a_picture_prepared_for_another_model_is_refused() {
    let model = load("clip");
    let other = crate::picture::PreprocessConfig::default().preprocess();
    let prepared = other
        .expect("the defaults")
        .prepare(&picture("pixels/0.png"));
    let error = model
        .embed_images(&[prepared])
        .expect_err("224 is not 32")
        .to_string();
    assert!(
        error.contains("224x224") && error.contains("32x32"),
        "{error}"
    );
}

#[test]
fn positions_are_the_references() {
    for (name, side) in [("clip", 4), ("siglip", 4), ("onnx-trunk", 8)] {
        let expected: Vec<Vec<f32>> = json(&format!("{name}/positions.json"));
        let model = load(name);
        let prepared = model
            .preprocess()
            .prepare(&picture(&format!("{name}/input.png")));
        let positions = model.embed_positions(&prepared).expect("runs");
        let positions = positions.expect("a tower that can tell");
        assert_eq!(positions.grid, [side, side]);
        assert_eq!(positions.vectors.len(), expected.len());
        for (place, (vector, expected)) in positions.vectors.iter().zip(&expected).enumerate() {
            let off = distance(vector, expected);
            assert!(off < 1e-6, "{name}: place {place} off by {off}");
        }
    }
    let onnx = load("onnx");
    let prepared = onnx.preprocess().prepare(&picture("onnx/input.png"));
    let positions = onnx.embed_positions(&prepared).expect("runs");
    assert!(positions.is_none(), "this graph names no maps");
}
