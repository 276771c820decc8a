//! Reading TOML values strictly: an unknown key or a wrong type is a [`Fault`] that knows its place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::nearest::nearest;

/// What is wrong with a catalog, and where.
pub(super) struct Fault {
    /// Byte range in the text; empty at the start when the fault is that something is missing.
    place: Range<usize>,
    what: String,
    way_out: String,
}

pub(super) type Found<T> = Result<T, Fault>;
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

impl Fault {
    pub(super) fn at(
        place: Range<usize>,
        what: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        let (what, way_out) = (what.into(), way_out.into());
        Self {
            place,
            what,
            way_out,
        }
    }

    /// `file:line: what`, the line itself, and the way out.
    pub(super) fn describe(&self, text: &str, name: &str) -> String {
        let start = self.place.start.min(text.len());
        let line = text[..start].matches('\n').count();
        let source = text.lines().nth(line).unwrap_or_default().trim();
        let mut message = format!("{name}:{}: {}", line + 1, self.what);
        if !source.is_empty() {
            message += &format!("\n    {source}");
        }
        if !self.way_out.is_empty() {
            message += &format!("\n\n{}", self.way_out);
        }
        message
    }
}

/// The table of that name, with only the keys that it may have.
pub(super) fn section<'a, 'i>(
    root: &'a DeTable<'i>,
    name: &str,
    keys: &[&str],
) -> Found<Option<&'a DeTable<'i>>> {
    let Some(value) = root.get(name) else {
        return Ok(None);
    };
    let table = value
        .get_ref()
        .as_table()
        .ok_or_else(|| wrong_type(value, &format!("a section: [{name}]")))?;
    known_keys(table, keys)?;
    Ok(Some(table))
}

pub(super) fn known_keys(table: &DeTable, known: &[&str]) -> Found<()> {
    for key in table.keys() {
        let name: &str = key.get_ref();
        if !known.contains(&name) {
            let way_out = did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| format!("Known keys: {}.", known.join(", ")));
            return Err(Fault::at(
                key.span(),
                format!("unknown key {name:?}"),
                way_out,
            ));
        }
    }
    Ok(())
}

fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|right| format!("Did you mean {right:?}?"))
}

pub(super) fn string<'a>(value: &'a Value) -> Found<&'a str> {
    value
        .get_ref()
        .as_str()
        .ok_or_else(|| wrong_type(value, "text in quotes"))
}

pub(super) fn strings<'a>(value: &'a Value) -> Found<Vec<(&'a str, Range<usize>)>> {
    let list = value
        .get_ref()
        .as_array()
        .ok_or_else(|| wrong_type(value, "a list: [\"...\", \"...\"]"))?;
    list.iter()
        .map(|item| Ok((string(item)?, item.span())))
        .collect()
}

pub(super) fn number(value: &Value) -> Found<f64> {
    let digits = match value.get_ref() {
        DeValue::Integer(integer) => integer.as_str(),
        DeValue::Float(float) => float.as_str(),
        _ => return Err(wrong_type(value, "a number")),
    };
    digits
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .ok_or_else(|| wrong_type(value, "a decimal number"))
}

pub(super) fn wrong_type(value: &Value, expected: &str) -> Fault {
    Fault::at(
        value.span(),
        format!("expected {expected}, found {}", value.get_ref().type_str()),
        "",
    )
}
