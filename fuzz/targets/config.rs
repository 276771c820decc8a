//! Any bytes as each of the configurations that a folder may hold.

#![no_main]

mod scene;

use scene::{CONFIG, TOKENIZER, WEIGHTS, play};

/// A model as the transformers library describes it; its weights do not fit, which is found late.
const TRANSFORMERS: (&str, &[u8]) = (
    "config.json",
    br#"{"model_type": "siglip", "vision_config": {"image_size": 8, "patch_size": 4}}"#,
);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    play(&[WEIGHTS, TOKENIZER, (CONFIG.0, bytes)]);
    play(&[WEIGHTS, TOKENIZER, CONFIG, ("tokenizer_config.json", bytes)]);
    let weights = ("model.safetensors", WEIGHTS.1);
    play(&[weights, TOKENIZER, (TRANSFORMERS.0, bytes)]);
    for name in ["preprocessor_config.json", "processor_config.json"] {
        play(&[weights, TOKENIZER, TRANSFORMERS, (name, bytes)]);
    }
});
