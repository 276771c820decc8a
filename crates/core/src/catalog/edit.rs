//! Writing thresholds into a catalog's text; everything else in it stays as it is, comments and order
//! included.

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Item, TableLike, Value, value};

/// The text with these thresholds by category id; infinity is written "never". The text has been read as a catalog
/// before.
pub fn with_thresholds(text: &str, thresholds: &[(&str, f64)]) -> Result<String> {
    let mut document: DocumentMut = text.parse().context("cannot edit the catalog")?;
    let Some(categories) = document.get_mut("category") else {
        return Ok(text.to_owned());
    };
    let set = |table: &mut dyn TableLike| {
        let id = table.get("id").and_then(Item::as_str);
        let Some(&(_, threshold)) = thresholds.iter().find(|(named, _)| Some(*named) == id) else {
            return;
        };
        let new = if threshold == f64::INFINITY {
            Value::from("never")
        } else {
            Value::from(threshold)
        };
        match table.get_mut("threshold").and_then(Item::as_value_mut) {
            Some(old) => {
                let decor = old.decor().clone();
                *old = new;
                *old.decor_mut() = decor;
            }
            None => {
                table.insert("threshold", value(new));
            }
        }
    };
    match categories {
        Item::ArrayOfTables(tables) => tables.iter_mut().for_each(|table| set(table)),
        Item::Value(list) => list
            .as_array_mut()
            .into_iter()
            .flat_map(|array| array.iter_mut())
            .filter_map(|item| item.as_inline_table_mut())
            .for_each(|table| set(table)),
        _ => {}
    }
    Ok(document.to_string())
}

/// Words that do not describe what is in a photo.
const FILLERS: &[&str] = &[
    "",
    "a",
    "an",
    "the",
    "of",
    "on",
    "in",
    "photo",
    "photograph",
];

/// A `[[category]]` with these prompts that keeps every photo which scores at least `least`, to paste into a
/// catalog. Its id is made of the first prompt's words.
pub fn category_lines(prompts: &[&str], least: f32) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let first = prompts.first().copied().unwrap_or_default();
    let words: Vec<String> = first
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !FILLERS.contains(word))
        .map(str::to_lowercase)
        .collect();
    let id = if words.is_empty() {
        "new".to_owned()
    } else {
        words.join("-")
    };
    let prompts: Vec<String> = prompts.iter().map(|prompt| quoted(prompt)).collect();
    // Rounded down, so that the photo with the least score stays in.
    let threshold = (f64::from(least) * 1e4).floor() / 1e4;
    format!(
        "[[category]]\nid = {}\nlabel = {}\nemoji = \"\"\nprompts = [{}]\nthreshold = {threshold:?}\n",
        quoted(&id),
        quoted(&words.join(" ")),
        prompts.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{BUILTIN, Catalog, Threshold};

    #[test]
    fn only_the_thresholds_change() {
        let edited = with_thresholds(BUILTIN, &[("winter", 0.25)]).unwrap();
        let changed: Vec<_> = BUILTIN
            .lines()
            .zip(edited.lines())
            .filter(|(a, b)| a != b)
            .collect();
        assert_eq!(changed, [("threshold = \"auto\"", "threshold = 0.25")]);
        assert_eq!(edited.lines().count(), BUILTIN.lines().count());
        let catalog = Catalog::parse(&edited, "edited").unwrap();
        let winter = catalog.find("winter").unwrap();
        assert_eq!(catalog[winter].threshold, Threshold::Fixed(0.25));
    }

    #[test]
    fn every_way_to_write_a_category_and_comments_beside_it() {
        let text = "# top\n[[category]] # here\nid = \"a\"\nprompts = [\"x\"] # why\n\n[[category]]\nthreshold = 0.5    # by hand\nid = \"b\"\nprompts = [\"y\"]\n";
        let never = with_thresholds(text, &[("b", f64::INFINITY)]).unwrap();
        assert!(
            never.contains("threshold = \"never\"    # by hand\n"),
            "{never}"
        );
        let edited = with_thresholds(text, &[("a", 0.125), ("b", -0.25)]).unwrap();
        assert!(
            edited.contains("threshold = -0.25    # by hand\n"),
            "{edited}"
        );
        assert!(edited.contains("# why\nthreshold = 0.125\n"), "{edited}");
        assert!(
            edited.starts_with("# top\n[[category]] # here\n"),
            "{edited}"
        );
        let inline = with_thresholds(
            "category = [{ id = \"a\", prompts = [\"x\"] }]\n",
            &[("a", 0.1)],
        )
        .unwrap();
        assert!(
            Catalog::parse(&inline, "t").is_ok() && inline.contains("threshold = 0.1"),
            "{inline}"
        );
    }

    #[test]
    fn the_lines_to_paste_are_a_catalog_that_keeps_the_least_score() {
        let prompts = ["a \"lensball\" on a rock", "glass\\ball"];
        let catalog = Catalog::parse(&category_lines(&prompts, 0.123_456), "pasted").unwrap();
        let (_, category) = catalog.categories().next().unwrap();
        assert_eq!(category.id, "lensball-rock");
        assert!(matches!(category.threshold, Threshold::Fixed(x) if x <= 0.123_456 && x > 0.123));
        assert!(Catalog::parse(&category_lines(&["!!"], -0.5), "pasted").is_ok());
    }
}
