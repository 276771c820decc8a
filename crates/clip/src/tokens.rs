//! From a text to the ids that a text tower takes, through the model's own tokenizer.json.
//!
//! Only what tokenizer.json does not say is added here: how texts are cleaned before, how long one
//! may be and what fills the rest. Truncation keeps the closing special token, as the models were
//! trained. CLIP's older form, vocab.json with merges.txt, is read by [`crate::vocabulary`].

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use serde_json::Value;
use tokenizers::{Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy};

use crate::Error;
use crate::clean::Clean;
use crate::files::Files;
use crate::vocabulary;

const TOKENIZER: &str = "tokenizer.json";
const CONFIG: &str = "tokenizer_config.json";

/// The files at the top of a model folder that ids depend on; not all of them need be there.
pub(crate) fn relevant_files(files: &Files) -> Vec<&'static str> {
    match files.exists(TOKENIZER) {
        true => vec![TOKENIZER, CONFIG],
        false => vec![vocabulary::TOKENS, vocabulary::MERGES, CONFIG],
    }
}

/// Longer than any published context; guards against absurd configurations.
const LONGEST_CONTEXT: usize = 8192;

/// A model's tokenizer, its context length and its padding.
pub(crate) struct TextTokens {
    tokenizer: Tokenizer,
    clean: Clean,
    /// Whether it is CLIP's, in which open_clip gives special tokens names of its own.
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

/// The part of tokenizer.json on which the tokenizers crate panics if its syntax is broken.
#[derive(Deserialize)]
struct Decoder {
    #[serde(rename = "decoder")]
    _decoder: Option<Value>,
}

fn parse(text: &[u8]) -> Result<Tokenizer, String> {
    let _: Decoder = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    guarded(|| Tokenizer::from_bytes(text))
}

/// The tokenizers crate panics on some files that contradict themselves; that is an error like any
/// other of a file.
fn guarded<T>(run: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("contradicts itself, so that texts cannot be cut into tokens".into()),
    }
}

impl TextTokens {
    /// Reads tokenizer.json and, if it is there, tokenizer_config.json; `folder` is where they
    /// are within the model, "" or with a slash at its end.
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
        if !(1..=LONGEST_CONTEXT).contains(&context_length) {
            return Err(invalid(format!(
                "a context of {context_length} tokens is not supported"
            )));
        }
        let mut tokenizer = match older {
            true => vocabulary::read(files, folder)?,
            false => parse(&files.text(&name)?).map_err(invalid)?,
        };
        // Cutting an empty text shows whether the parts of the file fit each other.
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

    /// The ids of `text`, special tokens included, as many as it needs and at least one.
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

    /// The ids of `text`, filled up to the context length.
    pub(crate) fn padded_ids(&self, text: &str) -> Result<Vec<i32>, String> {
        let mut ids = self.ids(text)?;
        ids.resize(self.context_length, self.pad);
        Ok(ids)
    }
}
