//! The small dual encoder that phototag carries in its binary, as bytes.
//!
//! An ordinary ONNX model folder (see phototag-clip), made by `models/starter/`. What it is made of,
//! what it is good and bad at, and its licences: models/starter/README.md.

/// The model folder's files: path within the folder, content.
pub const FILES: &[(&str, &[u8])] = &[
    ("config.json", include_bytes!("../model/config.json")),
    (
        "reference.safetensors",
        include_bytes!("../model/reference.safetensors"),
    ),
    (
        "textual/model.onnx",
        include_bytes!("../model/textual/model.onnx"),
    ),
    (
        "textual/tokenizer.json",
        include_bytes!("../model/textual/tokenizer.json"),
    ),
    (
        "visual/model.onnx",
        include_bytes!("../model/visual/model.onnx"),
    ),
    (
        "visual/preprocess_cfg.json",
        include_bytes!("../model/visual/preprocess_cfg.json"),
    ),
];
