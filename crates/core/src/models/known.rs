//! The models that have a name of one word: a table, from `known.toml`.

use anyhow::{Context, Result};
use phototag_clip::hub::Repository;
use serde::Deserialize;

const TABLE: &str = include_str!("known.toml");

/// A model with a name of its own. What is not known is None; nothing is guessed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// What people call it.
    pub name: String,
    repository: String,
    /// What it is, in a few words.
    pub about: String,
    /// The licence of its weights.
    pub licence: Option<String>,
    /// The size of the download.
    pub megabytes: Option<u64>,
    /// Zero-shot accuracy on ImageNet, in percent.
    pub imagenet: Option<f64>,
    /// English retrieval recall, in percent.
    pub recall: Option<f64>,
    /// The time for one photo on the source's machine.
    pub milliseconds: Option<f64>,
    /// Whether newcomers are pointed to it.
    #[serde(default)]
    pub recommended: bool,
}

#[derive(Deserialize)]
struct Table {
    model: Vec<Known>,
}

/// All of them, the best first.
pub fn all() -> Result<Vec<Known>> {
    let table: Table = toml::from_str(TABLE).context("the table of known models")?;
    Ok(table.model)
}

impl Known {
    /// Its repository on the hub.
    pub fn repository(&self) -> Result<Repository> {
        Ok(self.repository.parse()?)
    }

    /// The size of the download, with its unit.
    pub fn size(&self) -> Option<String> {
        self.megabytes.map(|megabytes| match megabytes {
            ..1000 => format!("{megabytes} MB"),
            _ => format!("{:.1} GB", megabytes as f64 / 1000.0),
        })
    }

    /// The command that gets it, with its size if that is known.
    pub fn how_to_get(&self) -> String {
        let size = self
            .size()
            .map_or(String::new(), |size| format!(" (about {size})"));
        format!("phototag model pull {}{size}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        let all = all().unwrap();
        assert_eq!(all.iter().filter(|known| known.recommended).count(), 1);
        for (at, known) in all.iter().enumerate() {
            known.repository().unwrap();
            assert!(crate::models::own::is_name(&known.name), "{}", known.name);
            assert!(
                all[..at].iter().all(|other| other.name != known.name),
                "{}",
                known.name
            );
        }
        let find = |name: &str| {
            all.iter()
                .find(|known| known.name == name)
                .unwrap()
                .how_to_get()
        };
        assert_eq!(
            find("vit-b-32"),
            "phototag model pull vit-b-32 (about 608 MB)"
        );
        assert_eq!(
            find("vit-h-14"),
            "phototag model pull vit-h-14 (about 3.9 GB)"
        );
        assert_eq!(
            find("siglip2-so400m-14-378"),
            "phototag model pull siglip2-so400m-14-378 (about 4.6 GB)"
        );
    }
}
