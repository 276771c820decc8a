//! CLIP's tokenizer without a tokenizer.json: byte-pair encoding from vocab.json and merges.txt.
//!
//! The rest of the tokenizer is the same for all such models and follows OpenAI's simple_tokenizer.py: composed, lower-case
//! text is split into words, single digits, and runs of other characters; bytes become printable characters; the last
//! piece of a word is marked with `</w>`; each text is put between `<|startoftext|>` and `<|endoftext|>`.

use std::sync::LazyLock;

use fancy_regex::Regex;
use serde_json::{Map, Value, json};
use tokenizers::Tokenizer;
use tokenizers::processors::roberta::RobertaProcessing;

use crate::Error;
use crate::files::Files;

pub(crate) const TOKENS: &str = "vocab.json";
pub(crate) const MERGES: &str = "merges.txt";

const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// A word, as CLIP splits them.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// The tokenizer of the two files in `folder`: "", or a path that ends in a slash.
pub(crate) fn read(files: &Files, folder: &str) -> Result<Tokenizer, Error> {
    let tokens = format!("{folder}{TOKENS}");
    let merges = format!("{folder}{MERGES}");
    let vocabulary: Map<String, Value> = files.json(&tokens)?;
    let text = String::from_utf8(files.text(&merges)?)
        .map_err(|e| Error::invalid(files.path(&merges), e))?;
    // The first line may name a version.
    let lines = text.lines().filter(|line| !line.starts_with("#version"));
    let pairs: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    let special: Vec<Value> = [START, END]
        .iter()
        .map(|token| {
            json!({
                "id": vocabulary.get(*token), "content": token, "special": true,
                "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            })
        })
        .collect();
    let whole = json!({
        "version": "1.0",
        "added_tokens": special,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFC"},
            {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
            {"type": "Lowercase"},
        ]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Removed", "invert": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
             "use_regex": true},
        ]},
        "post_processor": null,
        "decoder": null,
        "model": {"type": "BPE", "unk_token": END, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "</w>", "vocab": vocabulary, "merges": pairs},
    });
    serde_json::from_value(whole).map_err(|e| {
        let reason = format!("does not fit {MERGES}: {e}");
        Error::invalid(files.path(&tokens), reason)
    })
}

/// Puts CLIP's two special tokens around every text, if the vocabulary has them. Some files of the transformers library
/// do not state it, because its own code does it.
pub(crate) fn frame(tokenizer: &mut Tokenizer) {
    if let (Some(start), Some(end)) = (tokenizer.token_to_id(START), tokenizer.token_to_id(END)) {
        let frame = RobertaProcessing::new((END.into(), end), (START.into(), start));
        tokenizer.with_post_processor(Some(frame.trim_offsets(false).add_prefix_space(false)));
    }
}

/// Whether a tokenizer is CLIP's.
pub(crate) fn is_clips(tokenizer: &Tokenizer) -> bool {
    tokenizer.token_to_id(START).is_some() && tokenizer.token_to_id(END).is_some()
}

/// A word, as open_clip splits them: it has names of its own for the special tokens.
static OPEN_CLIPS_WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = WORDS.replace(
        r"<\|startoftext\|>|<\|endoftext\|>",
        "<start_of_text>|<end_of_text>",
    );
    Regex::new(&words).ok()
});

/// Rewrites a text that may contain special tokens, as open_clip understands it: its own names stand for the tokens, and
/// the names in the files are ordinary text. Words are separated, which tokenizing does anyway.
pub(crate) fn special_spellings(text: &str) -> String {
    let Some(words) = &*OPEN_CLIPS_WORDS else {
        return text.to_owned();
    };
    let token = |word| match word {
        "<start_of_text>" => START,
        "<end_of_text>" => END,
        word => word,
    };
    let words: Vec<&str> = words
        .find_iter(text)
        .flatten()
        .map(|found| token(found.as_str()))
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::special_spellings;

    #[test]
    fn special_tokens_are_spelled_as_open_clip_spells_them() {
        for (text, expected) in [
            ("a cat", "a cat"),
            ("a <end_of_text>b", "a <|endoftext|> b"),
            (
                "<start_of_text><end_of_text>",
                "<|startoftext|> <|endoftext|>",
            ),
            ("!<end_of_text>", "!< end _ of _ text >"),
            ("a<|endoftext|>.", "a <| endoftext |>."),
            ("it's <42", "it 's < 4 2"),
        ] {
            assert_eq!(special_spellings(text), expected);
        }
    }
}
