//! From a text to the ids that a text tower takes, through the model's own tokenizer.json.
//!
//! Only what tokenizer.json does not say is added here: how long a text may be and what fills
//! the rest. Truncation keeps the closing special token, as the models were trained.

use tokenizers::{Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy};

use crate::Error;
use crate::files::Files;

/// Longer than any published context; guards against absurd configurations.
pub(crate) const LONGEST_CONTEXT: usize = 8192;

/// A model's tokenizer, its context length and its padding.
pub(crate) struct TextTokens {
    tokenizer: Tokenizer,
    context_length: usize,
    pad: i32,
}

impl TextTokens {
    /// Reads `name` (a tokenizer.json). `pad_token` is what the folder says of padding, if anything.
    pub(crate) fn read(
        files: &Files,
        name: &str,
        context_length: usize,
        pad_token: Option<&str>,
    ) -> Result<Self, Error> {
        let invalid = |reason: String| Error::invalid(files.path(name), reason);
        if !(1..=LONGEST_CONTEXT).contains(&context_length) {
            return Err(invalid(format!(
                "a context of {context_length} tokens is not supported"
            )));
        }
        let bytes = files.text(name)?;
        let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(|e| invalid(e.to_string()))?;
        drop(bytes);
        let own_padding = tokenizer.get_padding().map(|padding| padding.pad_id);
        let pad = match pad_token {
            Some(token) => Some(
                tokenizer
                    .token_to_id(token)
                    .ok_or_else(|| invalid(format!("has no padding token {token:?}")))?,
            ),
            None => own_padding.or_else(|| tokenizer.token_to_id("[PAD]")),
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
            tokenizer,
            context_length,
            pad: pad.unwrap_or(0) as i32,
        })
    }

    /// The ids of `text`, special tokens included, as many as it needs and at least one.
    pub(crate) fn ids(&self, text: &str) -> Result<Vec<i32>, String> {
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|e| e.to_string())?;
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
