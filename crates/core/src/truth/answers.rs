//! answers.json: for single photos and categories, whether the photo has the category. What is not there was not
//! asked.
//!
//! `{"15": {"urban": "yes", "bw": "no, spot check, 2026-11-25"}}`: the answer, where it comes from ("by hand" if it is
//! left out) and its day. phototag only reads the file; the page of a spot check offers it as a download.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result};
use serde::{Deserialize, Deserializer};

use super::written::{self, Pairs};
use crate::catalog::{Catalog, CategoryId};

/// The file's name in a photo folder.
const FILE_NAME: &str = "answers.json";

/// answers.json as it is written, for a program that adds to it; empty if there is none.
///
/// # Errors
/// A file that cannot be read or is no JSON object.
pub fn written_answers(base: &Path) -> Result<serde_json::Map<String, serde_json::Value>> {
    Ok(written::read(&base.join(FILE_NAME))?.unwrap_or_default())
}

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The owner wrote it.
    Hand,
    /// A spot check asked for it.
    SpotCheck,
    /// A keyword in the photo's file says it.
    Keyword,
}

/// What the owner says about one photo and category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether the photo has the category.
    pub has: bool,
    /// Where the answer comes from.
    pub source: Source,
    /// Its day, YYYY-MM-DD.
    pub day: Option<String>,
}

/// Answers by photo key.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    by_photo: BTreeMap<String, BTreeMap<CategoryId, Answer>>,
    /// Names that are no category of the catalog, with what was probably meant.
    unknown: BTreeSet<String>,
}

impl Answers {
    /// Reads answers.json in the photo folder; no answers if there is none. Answers about categories that the catalog
    /// lacks are kept apart, since a category may come back.
    ///
    /// # Errors
    /// A file that cannot be read or is of another shape.
    pub fn open(base: &Path, catalog: &Catalog) -> Result<Self> {
        let written = written::read::<Pairs<Pairs<Answer>>>(&base.join(FILE_NAME))?;
        Ok(written.map_or_else(Self::default, |written| Self::resolved(written, catalog)))
    }

    /// Reads the text of an answers.json.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn parse(text: &str, catalog: &Catalog) -> Result<Self> {
        let written = written::parse(text).context(FILE_NAME)?;
        Ok(Self::resolved(written, catalog))
    }

    fn resolved(Pairs(written): Pairs<Pairs<Answer>>, catalog: &Catalog) -> Self {
        let mut answers = Self::default();
        for (key, Pairs(named)) in written {
            let photo = answers.by_photo.entry(key).or_default();
            for (name, answer) in named {
                match catalog.known(&name) {
                    Ok(category) => {
                        photo.insert(category, answer);
                    }
                    Err(_) => {
                        answers.unknown.insert(name);
                    }
                }
            }
        }
        answers
    }

    /// What was answered about a photo and category; `None`: it was not asked.
    pub fn get(&self, key: &str, category: CategoryId) -> Option<&Answer> {
        self.by_photo.get(key)?.get(&category)
    }

    /// Whether a photo was marked in a spot check.
    pub fn is_spot_checked(&self, key: &str) -> bool {
        let answers = self.by_photo.get(key);
        answers.is_some_and(|answers| answers.values().any(|a| a.source == Source::SpotCheck))
    }

    /// The keys of all photos with an answer.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.by_photo.keys().map(String::as_str)
    }

    /// Names in the file that are no category of the catalog.
    pub fn unknown_categories(&self) -> impl Iterator<Item = &str> {
        self.unknown.iter().map(String::as_str)
    }

    /// Corrects the tags of one photo. Returns whether they changed.
    pub(super) fn apply(&self, key: &str, tags: &mut BTreeSet<CategoryId>) -> bool {
        let Some(answers) = self.by_photo.get(key) else {
            return false;
        };
        let mut changed = false;
        for (category, answer) in answers {
            changed |= if answer.has {
                tags.insert(*category)
            } else {
                tags.remove(category)
            };
        }
        changed
    }
}

/// The shape of an answer, for messages.
const SHAPE: &str = "an answer is \"yes\" or \"no\", then perhaps \"by hand\", \"spot check\" or \"keyword\" and a day, as in \"no, spot check, 2026-11-25\"";

impl FromStr for Answer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no answer: {SHAPE}");
        let mut parts = text.split(',').map(str::trim);
        let has = match parts.next() {
            Some("yes") => true,
            Some("no") => false,
            _ => return Err(wrong()),
        };
        let mut answer = Self {
            has,
            source: Source::Hand,
            day: None,
        };
        for part in parts {
            match part {
                "by hand" => answer.source = Source::Hand,
                "spot check" => answer.source = Source::SpotCheck,
                "keyword" => answer.source = Source::Keyword,
                day if is_day(day) => answer.day = Some(day.to_owned()),
                _ => return Err(wrong()),
            }
        }
        Ok(answer)
    }
}

fn is_day(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Answer;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str(SHAPE)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Answer, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_source_and_a_day() {
        let answer = |has, source, day: Option<&str>| Answer {
            has,
            source,
            day: day.map(str::to_owned),
        };
        let cases = [
            ("yes", answer(true, Source::Hand, None)),
            ("no, keyword", answer(false, Source::Keyword, None)),
            (
                "no, spot check, 2026-11-25",
                answer(false, Source::SpotCheck, Some("2026-11-25")),
            ),
            (
                "yes, 2026-11-25",
                answer(true, Source::Hand, Some("2026-11-25")),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_was_not_asked_stays_open_and_faults_are_named() {
        let catalog = Catalog::builtin().unwrap();
        let text = r#"{"1": {"bw": "yes", "winter": "no"}, "2": {"dogs": "no"}}"#;
        let answers = Answers::parse(text, &catalog).unwrap();
        let has = |key, name| {
            let answer = answers.get(key, catalog.find(name).unwrap());
            answer.map(|answer| answer.has)
        };
        assert_eq!(has("1", "bw"), Some(true));
        assert_eq!(has("1", "winter"), Some(false));
        assert_eq!(has("1", "urban"), None);
        assert_eq!(answers.unknown_categories().collect::<Vec<_>>(), ["dogs"]);

        let cases = [
            (
                "{\n\"1\": {\"bw\": \"maybe\"}}",
                "line 2: \"maybe\" is no answer",
            ),
            ("{\"1\": {\"bw\": true}}", "an answer is \"yes\" or \"no\""),
            ("{\"1\": {\"bw\": \"no, 25.11.\"}}", "2026-11-25"),
            ("{\"1\": {}, \"1\": {}}", "named twice"),
        ];
        for (text, expected) in cases {
            let error = format!("{:#}", Answers::parse(text, &catalog).unwrap_err());
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
