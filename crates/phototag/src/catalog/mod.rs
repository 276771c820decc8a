//! The catalog: the owner's categories and wishes, from `phototag.toml` or the built-in one.
//!
//! Here is what a catalog means once it is known to be right; reading one, and saying where it is
//! wrong, is [`read`]'s business.

pub mod edit;
mod gallery;
mod read;

use std::path::Path;

use anyhow::Context;
use globset::GlobSet;

use crate::photo::measure::Measure;

pub use gallery::Gallery;

/// The file's name in a photo folder.
pub const FILE_NAME: &str = "phototag.toml";

/// The built-in catalog, with the comments that `phototag init` hands out.
pub const BUILTIN: &str = include_str!("builtin.toml");

/// What a photo folder's owner asks for.
#[derive(Debug)]
pub struct Catalog {
    /// `[model] name`.
    pub model: String,
    pub tagging: Tagging,
    /// `[photos] exclude`: matched against paths below the photo folder, written with `/`.
    pub exclude: GlobSet,
    pub gallery: Gallery,
    /// At least one, ids unique.
    pub categories: Vec<Category>,
}

/// `[tagging]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tagging {
    /// Over 0, at most the number of categories.
    pub tags_per_photo: f64,
    pub fallback: Fallback,
}

/// What becomes of a photo that reaches no threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    Best,
    None,
}

/// One `[[category]]`.
#[derive(Debug)]
pub struct Category {
    pub id: String,
    pub label: String,
    pub emoji: String,
    pub evidence: Evidence,
    pub threshold: Threshold,
}

/// Where a category's score comes from.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// Similarity to these descriptions, averaged. Never empty.
    Prompts(Vec<String>),
    /// A measure of the pixels.
    Measure(&'static Measure),
}

/// From which score on a photo has the tag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    Auto,
    Fixed(f32),
}

impl Category {
    /// Whether its threshold comes from the calibration.
    pub fn is_automatic(&self) -> bool {
        matches!(self.evidence, Evidence::Prompts(_)) && self.threshold == Threshold::Auto
    }
}

/// A catalog's text.
pub fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("{}: the catalog cannot be read", path.display()))
}

impl Catalog {
    /// The catalog of a folder that has none.
    pub fn builtin() -> anyhow::Result<Self> {
        Self::parse(BUILTIN, "the built-in catalog")
    }

    /// Reads a catalog's text; `name` is what an error calls it.
    pub fn parse(text: &str, name: &str) -> anyhow::Result<Self> {
        read::catalog(text).map_err(|fault| anyhow::anyhow!("{}", fault.describe(text, name)))
    }

    /// The place of the category with this id, or the id that comes nearest to it.
    pub fn find(&self, id: &str) -> Result<usize, Option<&str>> {
        let ids = || self.categories.iter().map(|category| category.id.as_str());
        ids()
            .position(|known| known == id)
            .ok_or_else(|| nearest(id, ids()))
    }

    /// The place of the category with this id; an error that names the nearest one.
    pub fn known(&self, id: &str) -> anyhow::Result<usize> {
        self.find(id).map_err(|nearest| {
            let way_out = match nearest {
                Some(nearest) => format!("Did you mean {nearest:?}?"),
                None => {
                    let ids: Vec<_> = self.categories.iter().map(|c| c.id.as_str()).collect();
                    format!("The catalog has: {}.", ids.join(", "))
                }
            };
            anyhow::anyhow!("the catalog has no category {id:?}\n\n{way_out}")
        })
    }

    /// A name for all that decides over tags besides the model: equal exactly when photos are
    /// decided alike. Labels, emoji and comments do not count.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        add(&format!("{:?}", self.tagging));
        for category in &self.categories {
            add(&category.id);
            add(&format!("{:?}", category.threshold));
            match &category.evidence {
                Evidence::Measure(measure) => add(measure.name),
                Evidence::Prompts(prompts) => {
                    add(&prompts.len().to_string());
                    prompts.iter().for_each(|prompt| add(prompt));
                }
            }
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// The candidate that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_catalog_is_right_and_complete() {
        let catalog = Catalog::builtin().unwrap();
        let ids: Vec<_> = catalog.categories.iter().map(|c| c.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "landscape",
                "urban",
                "architecture",
                "abandoned",
                "wildlife",
                "nature",
                "portrait",
                "bw",
                "silhouette",
                "winter",
                "abstract"
            ]
        );
        assert!(catalog.categories.iter().all(|c| !c.emoji.is_empty()));
        assert_eq!(catalog.tagging.tags_per_photo, 1.3);
        assert_eq!(catalog.tagging.fallback, Fallback::Best);
    }

    #[test]
    fn the_fingerprint_follows_what_decides_and_nothing_else() {
        let base = Catalog::builtin().unwrap().fingerprint();
        let with = |from: &str, to: &str| {
            let text = BUILTIN.replacen(from, to, 1);
            assert_ne!(text, BUILTIN, "{from}");
            Catalog::parse(&text, "test").unwrap().fingerprint()
        };
        assert_eq!(with("\"Landscape\"", "\"Views\""), base);
        assert_eq!(with("# What to leave out", "# Leave out"), base);
        assert_ne!(with("a wildlife photo", "a photo of wildlife"), base);
        assert_ne!(with("tags_per_photo = 1.3", "tags_per_photo = 1.5"), base);
        assert_ne!(with("]\nthreshold = \"auto\"", "]\nthreshold = 0.2"), base);
        assert_ne!(with("fallback = \"best\"", "fallback = \"none\""), base);
    }

    #[test]
    fn nearest_word_or_none() {
        let ids = ["wildlife", "winter"];
        assert_eq!(nearest("wildlive", ids.into_iter()), Some("wildlife"));
        assert_eq!(nearest("zebra crossing", ids.into_iter()), None);
    }
}
