//! JSON that the owner writes: a byte order mark is skipped, and an error names the line and what to change.

use std::collections::HashSet;
use std::fmt;
use std::io::ErrorKind;
use std::marker::PhantomData;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};

/// The characters of a line that an error shows.
const SHOWN: usize = 72;

/// Reads a file; `None` if there is none.
///
/// # Errors
/// A file that cannot be read, is not UTF-8, or is of another shape.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("{}: cannot read the file", path.display()));
        }
    };
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| anyhow!("not UTF-8\n\nSave the file with the encoding UTF-8."));
    text.and_then(parse)
        .map(Some)
        .with_context(|| path.display().to_string())
}

/// Reads a text.
///
/// # Errors
/// A text of another shape.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|error| explained(text, &error))
}

/// The place of a mistake, its line, and the way out.
fn explained(text: &str, error: &serde_json::Error) -> anyhow::Error {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&place).unwrap_or(&message);
    let line = text.lines().nth(error.line().saturating_sub(1));
    let line: String = line.unwrap_or("").chars().take(SHOWN).collect();
    anyhow!(
        "line {}: {message}\n\n    {} | {line}{}",
        error.line(),
        error.line(),
        remedy(message).map_or_else(String::new, |remedy| format!("\n\n{remedy}")),
    )
}

/// What to change, for the mistakes that are made by hand.
fn remedy(message: &str) -> Option<&'static str> {
    let remedies = [
        ("trailing comma", "Remove the comma after the last entry."),
        (
            "expected `,` or",
            "Put a comma between two entries; it may be missing at the end of the line before.",
        ),
        (
            "trailing characters",
            "The file is one object: put all photos between one pair of braces.",
        ),
        (
            "EOF while parsing",
            "The file ends too early: a closing quote, bracket or brace is missing.",
        ),
        (
            "control character",
            "Close the text with a double quote on the same line.",
        ),
        ("key must be a string", "Put the name in double quotes."),
        ("expected value", "Put names in double quotes."),
        ("expected ident", "Put names in double quotes."),
        ("expected `:`", "Put a colon between a name and its value."),
    ];
    let found = remedies.iter().find(|(part, _)| message.contains(part));
    found.map(|(_, remedy)| *remedy)
}

/// An object in the file's order. A key that comes twice is an error: one of the two entries would be lost.
pub(super) struct Pairs<T>(pub(super) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Pairs<T>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object, like {\"50\": ...}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<T>, A::Error> {
                let mut pairs = Vec::new();
                let mut seen = HashSet::new();
                while let Some(key) = map.next_key::<String>()? {
                    if !seen.insert(key.clone()) {
                        return Err(A::Error::custom(format!("{key:?} is named twice")));
                    }
                    pairs.push((key, map.next_value()?));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let parsed = parse::<Pairs<Vec<String>>>(text);
        format!("{:#}", parsed.err().unwrap())
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let parsed: Pairs<Vec<String>> = parse("\u{feff}{\"1\": [\"bw\"]}").unwrap();
        assert_eq!(parsed.0, [("1".to_owned(), vec!["bw".to_owned()])]);
    }

    #[test]
    fn an_error_names_the_line_and_what_to_change() {
        let cases = [
            ("{\n  \"1\": [\"bw\"],\n}", "line 3: ", "Remove the comma"),
            (
                "{\n  \"1\": [\"bw\"]\n  \"2\": []\n}",
                "    3 |   \"2\": []",
                "Put a comma between",
            ),
            ("{\n  \"1\": [\"bw\"", "line 2: ", "ends too early"),
            (
                "{\n  \"1\": [bw]\n}",
                "    2 |   \"1\": [bw]",
                "double quotes",
            ),
            ("{1: []}", "line 1: ", "double quotes"),
            ("{\"1\": []}\n{\"2\": []}", "line 2: ", "one pair of braces"),
            (
                "{\"1\": [\"b\nw\"]}",
                "line 2: ",
                "double quote on the same line",
            ),
        ];
        for (text, place, remedy) in cases {
            let error = error(text);
            assert!(
                error.contains(place) && error.contains(remedy),
                "{text}: {error}"
            );
        }
        assert!(error("{\"1\": [], \"1\": []}").contains("\"1\" is named twice"));
        assert!(error("[]").contains("an object"));
    }

    #[test]
    fn a_file_of_another_encoding_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        assert!(read::<Pairs<bool>>(&path).unwrap().is_none());
        std::fs::write(&path, [0xff, 0xfe, b'{', 0]).unwrap();
        let error = format!("{:#}", read::<Pairs<bool>>(&path).err().unwrap());
        assert!(error.contains("encoding UTF-8"), "{error}");
    }
}
