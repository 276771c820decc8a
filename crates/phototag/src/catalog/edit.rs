//! Writing thresholds into a catalog's text; everything else in it stays as it is, comments and order
//! included.

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Item, TableLike, value};

/// The text with these thresholds by category id. The text has been read as a catalog before.
pub fn with_thresholds(text: &str, thresholds: &[(&str, f64)]) -> Result<String> {
    let mut document: DocumentMut = text.parse().context("the catalog cannot be edited")?;
    let Some(categories) = document.get_mut("category") else {
        return Ok(text.to_owned());
    };
    let set = |table: &mut dyn TableLike| {
        let id = table.get("id").and_then(Item::as_str);
        let Some(&(_, threshold)) = thresholds.iter().find(|(named, _)| Some(*named) == id) else {
            return;
        };
        match table.get_mut("threshold").and_then(Item::as_value_mut) {
            Some(old) => {
                let decor = old.decor().clone();
                *old = threshold.into();
                *old.decor_mut() = decor;
            }
            None => {
                table.insert("threshold", value(threshold));
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
        assert_eq!(catalog.categories[winter].threshold, Threshold::Fixed(0.25));
    }

    #[test]
    fn every_way_to_write_a_category_and_comments_beside_it() {
        let text = "# top\n[[category]] # here\nid = \"a\"\nprompts = [\"x\"] # why\n\n[[category]]\nthreshold = 0.5    # by hand\nid = \"b\"\nprompts = [\"y\"]\n";
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
}
