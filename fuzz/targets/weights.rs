//! Any bytes as weights, as the bank of reference vectors, and as the index of sharded weights.

#![no_main]

mod scene;

use scene::{CONFIG, TOKENIZER, WEIGHTS, play};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    play(&[CONFIG, TOKENIZER, (WEIGHTS.0, bytes)]);
    play(&[CONFIG, TOKENIZER, WEIGHTS, ("reference.safetensors", bytes)]);
    let shard = ("model-00001-of-00001.safetensors", WEIGHTS.1);
    let index = ("model.safetensors.index.json", bytes);
    play(&[CONFIG, TOKENIZER, shard, index]);
});
