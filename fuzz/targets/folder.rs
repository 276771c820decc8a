//! A folder of any known files: the input is cut at each `@`, and a piece becomes the file that its
//! first byte stands for, on top of the smallest model.

#![no_main]

mod scene;

use scene::{CONFIG, TOKENIZER, WEIGHTS, play};

const NAMES: [&str; 18] = [
    CONFIG.0,
    WEIGHTS.0,
    TOKENIZER.0,
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-00001-of-00002.safetensors",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "reference.safetensors",
    "pytorch_model.bin",
    "visual/model.onnx",
    "visual/preprocess_cfg.json",
    "textual/model.onnx",
    "textual/tokenizer.json",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut files = vec![CONFIG, WEIGHTS, TOKENIZER];
    for piece in bytes.split(|byte| *byte == b'@') {
        let Some((number, content)) = piece.split_first() else {
            continue;
        };
        let name = NAMES[*number as usize % NAMES.len()];
        files.retain(|(old, _)| *old != name);
        // An empty piece takes a file of the smallest model away.
        if !content.is_empty() {
            files.push((name, content));
        }
    }
    play(&files);
});
