//! Token ids against open_clip's own tokenizer.

use std::collections::BTreeMap;

use super::{fixture, json};
use crate::clean::Clean;
use crate::files::Files;
use crate::tokens::TextTokens;

type Groups<T> = BTreeMap<String, Vec<T>>;

#[test]
fn ids_equal_open_clips() {
    let strings: Groups<String> = json("strings.json");
    let expected: Groups<Vec<i32>> = json("strings/ids.json");
    let files = Files::Folder(fixture("strings"));
    let tokens = TextTokens::read(&files, "", 77, Clean::Lower).expect("a tokenizer");
    let mut compared = 0;
    let mut different = Vec::new();
    for (group, strings) in &strings {
        for (string, expected) in strings.iter().zip(&expected[group]) {
            let ids = tokens.ids(string).expect("tokenizes");
            assert!(ids.len() <= 77);
            compared += 1;
            // What ftfy makes of wrongly decoded text is not reproduced; see `clean`.
            if (ids == *expected) == (group == "mojibake") {
                different.push(format!("{group}: {string:?}\n  {ids:?}\n  {expected:?}"));
            }
        }
    }
    assert!(compared >= 2000, "only {compared} strings");
    let first = different
        .iter()
        .take(20)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        different.is_empty(),
        "{} of {compared} strings differ:\n{first}",
        different.len()
    );
}
