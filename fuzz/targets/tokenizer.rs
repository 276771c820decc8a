//! Any bytes as a tokenizer, and as each half of its older form.

#![no_main]

mod scene;

use scene::{CONFIG, TOKENIZER, WEIGHTS, play};

const TOKENS: (&str, &[u8]) = (
    "vocab.json",
    br#"{"a": 0, "b": 1, "b</w>": 2, "ab</w>": 3, "<|startoftext|>": 4, "<|endoftext|>": 5}"#,
);
const MERGES: (&str, &[u8]) = ("merges.txt", b"#version: 0.2\na b</w>\n");

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    play(&[WEIGHTS, CONFIG, (TOKENIZER.0, bytes)]);
    play(&[WEIGHTS, CONFIG, TOKENS, (MERGES.0, bytes)]);
    play(&[WEIGHTS, CONFIG, MERGES, (TOKENS.0, bytes)]);
});
