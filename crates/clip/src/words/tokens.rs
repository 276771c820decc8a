//! Tokenizing with the model's own tokenizer.json.
//!
//! Added here is only what tokenizer.json does not state: how texts are cleaned first, how long they may be, and what
//! pads them. Truncation keeps the closing special token, as in training. [`vocabulary`] reads CLIP's older form,
//! vocab.json with merges.txt.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use serde_json::Value;
use tokenizers::{Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy};

use super::clean::Clean;
use super::vocabulary;
use crate::Error;
use crate::files::Files;

const TOKENIZER: &str = "tokenizer.json";
const CONFIG: &str = "tokenizer_config.json";

/// The files at the top of a model folder that token ids depend on. Not all of them need to exist.
pub(crate) fn relevant_files(files: &Files) -> Vec<&'static str> {
    match files.exists(TOKENIZER) {
        true => vec![TOKENIZER, CONFIG],
        false => vec![vocabulary::TOKENS, vocabulary::MERGES, CONFIG],
    }
}

/// Longer than any published context. Guards against absurd configurations.
const MAX_CONTEXT: usize = 8192;

/// A model's tokenizer, its context length and its padding.
pub(crate) struct TextTokens {
    tokenizer: Tokenizer,
    clean: Clean,
    /// Whether it is CLIP's, for whose special tokens open_clip has names of its own.
    is_clips: bool,
    context_length: usize,
    pad: i32,
}

/// The transformers library's tokenizer_config.json.
#[derive(Deserialize)]
struct TokenizerConfig {
    pad_token: Option<PadToken>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PadToken {
    Text(String),
    Added { content: String },
}

/// The part of tokenizer.json whose syntax errors make the tokenizers crate panic.
#[derive(Deserialize)]
struct Decoder {
    #[serde(rename = "decoder")]
    _decoder: Option<Value>,
}

fn parse(text: &[u8]) -> Result<Tokenizer, String> {
    let _: Decoder = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    guarded(|| Tokenizer::from_bytes(text))
}

/// Turns a panic into an error: the tokenizers crate panics on some files that contradict themselves.
fn guarded<T>(run: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("contradicts itself: the tokenizer cannot be used".into()),
    }
}

impl TextTokens {
    /// Reads tokenizer.json and, if it exists, tokenizer_config.json. `folder` is their place in the model: "", or a path
    /// that ends in a slash.
    pub(crate) fn read(
        files: &Files,
        folder: &str,
        context_length: usize,
        clean: Clean,
    ) -> Result<Self, Error> {
        let older = !files.exists(&format!("{folder}{TOKENIZER}"))
            && files.exists(&format!("{folder}{}", vocabulary::TOKENS));
        let name = match older {
            true => format!("{folder}{}", vocabulary::TOKENS),
            false => format!("{folder}{TOKENIZER}"),
        };
        let invalid = |reason: String| Error::invalid(files.path(&name), reason);
        if !(1..=MAX_CONTEXT).contains(&context_length) {
            return Err(invalid(format!(
                "a context of {context_length} tokens is not supported"
            )));
        }
        let mut tokenizer = match older {
            true => vocabulary::read(files, folder)?,
            false => parse(&files.text(&name)?).map_err(invalid)?,
        };
        // Tokenizing an empty text shows whether the parts of the file fit together.
        let empty = guarded(|| tokenizer.encode_fast("", true)).map_err(invalid)?;
        if empty.get_ids().is_empty() {
            vocabulary::frame(&mut tokenizer);
        }
        let config = format!("{folder}{CONFIG}");
        let stated = match files.exists(&config) {
            true => files.json::<TokenizerConfig>(&config)?.pad_token,
            false => None,
        };
        let pad = match stated {
            Some(PadToken::Text(token) | PadToken::Added { content: token }) => Some(
                tokenizer
                    .token_to_id(&token)
                    .ok_or_else(|| invalid(format!("has no padding token {token:?}")))?,
            ),
            None => tokenizer
                .get_padding()
                .map(|padding| padding.pad_id)
                .or_else(|| tokenizer.token_to_id("[PAD]")),
        };
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(Some(TruncationParams {
                max_length: context_length,
                strategy: TruncationStrategy::LongestFirst,
                stride: 0,
                direction: TruncationDirection::Right,
            }))
            .map_err(|e| invalid(e.to_string()))?;
        Ok(Self {
            is_clips: vocabulary::is_clips(&tokenizer),
            tokenizer,
            clean,
            context_length,
            pad: pad.unwrap_or(0) as i32,
        })
    }

    /// The ids of `text` with special tokens, without padding. At least one.
    pub(crate) fn ids(&self, text: &str) -> Result<Vec<i32>, String> {
        let mut text = self.clean.apply(text);
        if self.is_clips && self.clean == Clean::Lower && text.contains('<') {
            text = vocabulary::special_spellings(&text);
        }
        let encoding = guarded(|| self.tokenizer.encode_fast(text, true))?;
        let mut ids: Vec<i32> = encoding.get_ids().iter().map(|id| *id as i32).collect();
        if ids.is_empty() {
            ids.push(self.pad);
        }
        Ok(ids)
    }

    /// The ids of `text`, padded to the context length.
    pub(crate) fn padded_ids(&self, text: &str) -> Result<Vec<i32>, String> {
        let mut ids = self.ids(text)?;
        ids.resize(self.context_length, self.pad);
        Ok(ids)
    }
}
