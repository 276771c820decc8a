//! Reading a catalog: an unknown key, a wrong type or a value out of range is a [`Fault`] that knows its place, so
//! that the message can name the line and the nearest right word.
//!
//! The TOML tree is walked by hand because serde's messages have neither.

use std::ops::Range;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use toml::de::DeTable;

use super::gallery::gallery;
use super::strict::{
    Fault, Found, Value, known_keys, number, section, string, strings, wrong_type,
};
use super::{Catalog, Category, Definition, Fallback, Tagging, Threshold};
use crate::photo::measure::MEASURES;
use crate::scan::{KeyStyle, Rules};

const TAGGING: &[&str] = &["tags_per_photo", "fallback"];

pub(super) fn catalog(text: &str) -> Found<Catalog> {
    let root = DeTable::parse(text)
        .map_err(|error| Fault::at(error.span().unwrap_or(0..0), error.message(), ""))?;
    let root = root.get_ref();
    known_keys(root, &["model", "tagging", "photos", "gallery", "category"])?;

    let model = match section(root, "model", &["name"])? {
        Some(table) => table.get("name").map(string).transpose()?,
        None => None,
    };
    section(root, "tagging", TAGGING)?;
    let categories = categories(root)?;
    Ok(Catalog {
        model: model.unwrap_or("auto").to_owned(),
        tagging: tagging(root, categories.len())?,
        photos: photos(root)?,
        gallery: gallery(root)?,
        categories,
    })
}

fn photos(root: &DeTable) -> Found<Rules> {
    let mut rules = Rules::default();
    let Some(table) = section(root, "photos", &["exclude", "key", "follow"])? else {
        return Ok(rules);
    };
    if let Some(value) = table.get("exclude") {
        rules.exclude = globs(value)?;
    }
    if let Some(value) = table.get("key") {
        let typed = string(value)?;
        let style = KeyStyle::ALL.into_iter().find(|(_, name)| *name == typed);
        let (keys, _) = style.ok_or_else(|| {
            Fault::at(
                value.span(),
                format!("unknown key {typed:?}"),
                "Photos are named by \"stem\" (15), by \"name\" (15.jpg) or by \"path\" (2019/15.jpg).",
            )
        })?;
        rules.keys = keys;
    }
    if let Some(value) = table.get("follow") {
        rules.follow = value
            .get_ref()
            .as_bool()
            .ok_or_else(|| wrong_type(value, "true or false"))?;
    }
    Ok(rules)
}

fn tagging(root: &DeTable, categories: usize) -> Found<Tagging> {
    let mut tagging = Tagging {
        tags_per_photo: 1.3,
        fallback: Fallback::Best,
    };
    let Some(table) = section(root, "tagging", TAGGING)? else {
        return Ok(tagging);
    };
    if let Some(value) = table.get("tags_per_photo") {
        let wanted = number(value)?;
        if !(wanted > 0.0 && wanted <= categories as f64) {
            return Err(Fault::at(
                value.span(),
                format!("tags_per_photo = {wanted} is out of range"),
                format!(
                    "It is the average number of tags per photo: above 0 and at most {categories}, the number of categories."
                ),
            ));
        }
        tagging.tags_per_photo = wanted;
    }
    if let Some(value) = table.get("fallback") {
        tagging.fallback = match string(value)? {
            "best" => Fallback::Best,
            "none" => Fallback::None,
            other => {
                return Err(Fault::at(
                    value.span(),
                    format!("unknown fallback {other:?}"),
                    "Use \"best\" to give a photo without a fitting category its closest one, or \"none\" to leave it untagged.",
                ));
            }
        };
    }
    Ok(tagging)
}

fn categories(root: &DeTable) -> Found<Vec<Category>> {
    let missing = || {
        Fault::at(
            0..0,
            "no [[category]] found",
            "A catalog needs at least one; `phototag init` writes an example.",
        )
    };
    let list = root.get("category").ok_or_else(missing)?;
    let tables = list
        .get_ref()
        .as_array()
        .ok_or_else(|| Fault::at(list.span(), "write [[category]] with double brackets", ""))?;
    let mut categories: Vec<Category> = Vec::new();
    for value in tables {
        let (category, id_place) = category(value)?;
        if categories.iter().any(|other| other.id == category.id) {
            return Err(Fault::at(
                id_place,
                format!("the id {:?} is used twice", category.id),
                "Ids must be unique.",
            ));
        }
        categories.push(category);
    }
    if categories.is_empty() {
        Err(missing())
    } else {
        Ok(categories)
    }
}

fn category(value: &Value) -> Found<(Category, Range<usize>)> {
    let table = value
        .get_ref()
        .as_table()
        .ok_or_else(|| wrong_type(value, "a table"))?;
    known_keys(
        table,
        &["id", "label", "emoji", "prompts", "measure", "threshold"],
    )?;
    let id_value = table.get("id").ok_or_else(|| {
        Fault::at(
            value.span(),
            "this category has no id",
            "Add a line like: id = \"wildlife\"",
        )
    })?;
    let id = string(id_value)?.to_owned();
    if id.trim().is_empty() || id.chars().any(char::is_control) {
        return Err(Fault::at(
            id_value.span(),
            "an id needs at least one letter and no control characters",
            "",
        ));
    }
    let text = |key: &str| table.get(key).map(string).transpose();
    let definition = match (table.get("prompts"), table.get("measure")) {
        (Some(value), None) => Definition::Prompts(prompts(value, &id)?),
        (None, Some(value)) => measure(value)?,
        (Some(_), Some(value)) => {
            return Err(Fault::at(
                value.span(),
                format!("{id:?} has both prompts and a measure"),
                "Keep one of the two lines.",
            ));
        }
        (None, None) => {
            return Err(Fault::at(
                id_value.span(),
                format!("{id:?} has no prompts"),
                "Add some, for example: prompts = [\"a photograph of an animal or bird\"]",
            ));
        }
    };
    let category = Category {
        label: text("label")?.unwrap_or(&id).to_owned(),
        emoji: text("emoji")?.unwrap_or_default().to_owned(),
        threshold: table
            .get("threshold")
            .map_or(Ok(Threshold::Auto), |value| threshold(value, &definition))?,
        definition,
        id,
    };
    Ok((category, id_value.span()))
}

fn prompts(value: &Value, id: &str) -> Found<Vec<String>> {
    let prompts = strings(value)?;
    if prompts.is_empty() {
        return Err(Fault::at(
            value.span(),
            format!("the prompts of {id:?} are empty"),
            "Describe the category by at least one, for example: prompts = [\"a photograph of an animal or bird\"]",
        ));
    }
    for (prompt, place) in &prompts {
        if prompt.trim().is_empty() {
            return Err(Fault::at(
                place.clone(),
                format!("{id:?} has an empty prompt"),
                "Write a description, or remove it.",
            ));
        }
    }
    Ok(prompts
        .into_iter()
        .map(|(prompt, _)| prompt.to_owned())
        .collect())
}

fn measure(value: &Value) -> Found<Definition> {
    let name = string(value)?;
    MEASURES
        .iter()
        .find(|measure| measure.name == name)
        .map(Definition::Measure)
        .ok_or_else(|| {
            let known: Vec<String> = MEASURES
                .iter()
                .map(|measure| format!("{:?}: {}", measure.name, measure.meaning))
                .collect();
            Fault::at(
                value.span(),
                format!("unknown measure {name:?}"),
                format!("Available: {}.", known.join("; ")),
            )
        })
}

fn threshold(value: &Value, definition: &Definition) -> Found<Threshold> {
    if let Some(word) = value.get_ref().as_str() {
        return match word {
            "auto" => Ok(Threshold::Auto),
            "never" => Ok(Threshold::Never),
            _ => Err(Fault::at(
                value.span(),
                format!("invalid threshold {word:?}"),
                "Use \"auto\", \"never\" or a number.",
            )),
        };
    }
    let cut = number(value)?;
    let range = match definition {
        Definition::Prompts(_) => Threshold::PROMPTED,
        Definition::Measure(_) => Threshold::MEASURED,
    };
    if !range.contains(&cut) {
        return Err(Fault::at(
            value.span(),
            format!("threshold = {cut} is out of range"),
            format!(
                "Use a number between {} and {}, on the scale of `phototag scores`.",
                range.start(),
                range.end()
            ),
        ));
    }
    Ok(Threshold::Fixed(cut as f32))
}

fn globs(value: &Value) -> Found<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for (pattern, place) in strings(value)? {
        let glob = GlobBuilder::new(pattern)
            .literal_separator(true)
            .build()
            .map_err(|error| {
                Fault::at(
                    place.clone(),
                    format!("{pattern:?} is not a valid pattern: {}", error.kind()),
                    "For example: \"drafts/**\" or \"**/*-print.jpg\"",
                )
            })?;
        set.add(glob);
    }
    set.build()
        .map_err(|error| Fault::at(value.span(), error.to_string(), ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "[[category]]\nid = \"a\"\nprompts = [\"b\"]\n";

    fn error(text: &str) -> String {
        Catalog::parse(text, "phototag.toml")
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn a_short_catalog_gets_the_defaults() {
        let catalog = Catalog::parse(ONE, "t").unwrap();
        assert_eq!(catalog.model, "auto");
        assert_eq!(catalog.categories[0].label, "a");
        assert_eq!(catalog.categories[0].threshold, Threshold::Auto);
    }

    #[test]
    fn every_fault_names_line_and_way_out() {
        let cases = [
            (
                "[tagging]\ntags_per_foto = 2\n",
                ":2: unknown key \"tags_per_foto\"",
                "Did you mean \"tags_per_photo\"?",
            ),
            (
                "[tagging]\ntags_per_photo = 0\n",
                ":2: tags_per_photo = 0 is out of range",
                "number of categories",
            ),
            (
                "[tagging]\ntags_per_photo = nan\n",
                ":2: expected a decimal number",
                "",
            ),
            (
                "[tagging]\nfallback = \"first\"\n",
                ":2: unknown fallback \"first\"",
                "\"none\"",
            ),
            (
                "[photos]\nexclude = [\"a[\"]\n",
                ":2: \"a[\" is not a valid pattern",
                "drafts",
            ),
            (
                "[model]\nname = 3\n",
                ":2: expected text in quotes, found integer",
                "",
            ),
            (
                "model = 3\n",
                ":1: expected a section: [model], found integer",
                "",
            ),
            (
                "[gallery]\nurl = \"photos\"\n",
                ":2: url = \"photos\" is not a web address",
                "https://",
            ),
            (
                "[gallery]\ntitel = \"x\"\n",
                ":2: unknown key \"titel\"",
                "Did you mean \"title\"?",
            ),
            ("[model\n", ":1: ", ""),
        ];
        for (text, what, way_out) in cases {
            let message = error(&format!("{text}{ONE}"));
            assert!(
                message.contains(&format!("phototag.toml{what}")),
                "{text}: {message}"
            );
            assert!(message.contains(way_out), "{text}: {message}");
        }
    }

    #[test]
    fn every_fault_of_a_category_names_line_and_way_out() {
        let cases = [
            (
                "id = \"a\"\nprompts = [\"x\"]",
                "the id \"a\" is used twice",
            ),
            ("id = \"b\"\nprompts = []", "the prompts of \"b\" are empty"),
            ("id = \"b\"\nprompts = [\" \"]", "an empty prompt"),
            ("id = \"b\"", "\"b\" has no prompts"),
            ("prompts = [\"x\"]", "this category has no id"),
            (
                "id = \"\"\nprompts = [\"x\"]",
                "an id needs at least one letter",
            ),
            (
                "id = \"b\"\nprompts = [\"x\"]\nmeasure = \"monochrome\"",
                "both prompts and a measure",
            ),
            (
                "id = \"b\"\nmeasure = \"monocrome\"",
                "Available: \"monochrome\": black and white",
            ),
            (
                "id = \"b\"\nprompts = [\"x\"]\nthreshold = 15",
                "threshold = 15 is out of range",
            ),
            (
                "id = \"b\"\nprompts = [\"x\"]\nthreshold = \"low\"",
                "\"auto\", \"never\" or a number",
            ),
            ("id = \"b\"\npromts = [\"x\"]", "Did you mean \"prompts\"?"),
        ];
        for (text, what) in cases {
            let message = error(&format!("{ONE}\n[[category]]\n{text}\n"));
            assert!(message.contains(what), "{text}: {message}");
            let line = message
                .split(':')
                .nth(1)
                .and_then(|line| line.parse::<usize>().ok());
            assert!(line.is_some_and(|line| line >= 5), "{text}: {message}");
        }
        assert!(error("").contains("no [[category]] found"));
        assert!(error("category = []").contains("no [[category]] found"));
    }
}
