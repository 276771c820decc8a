//! The catalog: the owner's categories and wishes, from `phototag.toml` or the built-in one.
//!
//! Here is what a catalog means once it is known to be right; reading one, and saying where it is
//! wrong, is `read`'s business.

pub mod edit;
mod gallery;
mod read;
mod strict;

use std::ops::{Index, RangeInclusive};
use std::path::Path;

use crate::scan::Rules;
use anyhow::Context;

use crate::nearest::nearest;
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
    /// How photos are decided.
    pub tagging: Tagging,
    /// Which files are photos, and their names.
    pub photos: Rules,
    /// Texts, address and files of the gallery.
    pub gallery: Gallery,
    /// At least one, ids unique.
    categories: Vec<Category>,
}

/// A category of one catalog: its place there. Scores and tags of photos go by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CategoryId(usize);

impl CategoryId {
    /// The category at this place of its catalog, from 0.
    pub(crate) fn nth(index: usize) -> Self {
        Self(index)
    }

    /// Its place in the catalog, from 0: where its score is in a row of scores.
    pub fn index(self) -> usize {
        self.0
    }
}

impl Index<CategoryId> for Catalog {
    type Output = Category;

    fn index(&self, id: CategoryId) -> &Category {
        &self.categories[id.0]
    }
}

/// `[tagging]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tagging {
    /// Over 0, at most the number of categories.
    pub tags_per_photo: f64,
    /// For a photo that reaches no threshold.
    pub fallback: Fallback,
}

/// What becomes of a photo that reaches no threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// The category nearest to its threshold.
    Best,
    /// No tags.
    None,
}

/// One `[[category]]`.
#[derive(Debug)]
pub struct Category {
    /// The name in tags.json.
    pub id: String,
    /// The name on pages.
    pub label: String,
    /// Before the label on pages; may be empty.
    pub emoji: String,
    /// What its scores come from.
    pub definition: Definition,
    /// From which score on a photo has it.
    pub threshold: Threshold,
}

/// What a category's scores come from.
#[derive(Clone, Debug)]
pub enum Definition {
    /// Similarity to these descriptions, averaged. Never empty.
    Prompts(Vec<String>),
    /// A measure of the pixels.
    Measure(&'static Measure),
}

/// From which score on a photo has the tag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// From the calibration.
    Auto,
    /// This raw score.
    Fixed(f32),
    /// From none: only a correction gives a photo the tag.
    Never,
}

impl Threshold {
    /// A prompted category's threshold as a number. Similarities lie between -1 and 1; learned heads, and thresholds
    /// that only rank photos for the fallback, can lie outside.
    pub const PROMPTED: RangeInclusive<f64> = -10.0..=10.0;

    /// A measured category's threshold as a number.
    pub const MEASURED: RangeInclusive<f64> = 0.0..=1.0;

    /// A number as a threshold; infinity is [`Never`](Self::Never).
    pub(crate) fn of(number: f64) -> Self {
        if number == f64::INFINITY {
            Self::Never
        } else {
            Self::Fixed(number as f32)
        }
    }
}

impl Category {
    /// Whether its threshold comes from the calibration.
    pub fn is_automatic(&self) -> bool {
        matches!(self.definition, Definition::Prompts(_)) && self.threshold == Threshold::Auto
    }
}

/// A catalog's text.
pub fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("{}: cannot read the catalog", path.display()))
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

    /// All categories, in the catalog's order.
    pub fn categories(&self) -> impl ExactSizeIterator<Item = (CategoryId, &Category)> {
        let categories = self.categories.iter().enumerate();
        categories.map(|(at, category)| (CategoryId(at), category))
    }

    /// How many categories there are, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a catalog is never empty")]
    pub fn len(&self) -> usize {
        self.categories.len()
    }

    /// The category with this name, or the name that comes nearest to it.
    pub fn find(&self, name: &str) -> Result<CategoryId, Option<&str>> {
        let names = || self.categories.iter().map(|category| category.id.as_str());
        names()
            .position(|known| known == name)
            .map(CategoryId)
            .ok_or_else(|| nearest(name, names()))
    }

    /// The category with this name; an error that suggests the nearest one.
    pub fn known(&self, name: &str) -> anyhow::Result<CategoryId> {
        self.find(name).map_err(|nearest| {
            let way_out = match nearest {
                Some(nearest) => format!("Did you mean {nearest:?}?"),
                None => {
                    let ids: Vec<_> = self.categories.iter().map(|c| c.id.as_str()).collect();
                    format!("Its categories are: {}.", ids.join(", "))
                }
            };
            anyhow::anyhow!("no category {name:?} in the catalog\n\n{way_out}")
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
        // These texts are in every index: another spelling would recalibrate every collection.
        let fallback = match self.tagging.fallback {
            Fallback::Best => "Best",
            Fallback::None => "None",
        };
        add(&format!(
            "Tagging {{ tags_per_photo: {:?}, fallback: {fallback} }}",
            self.tagging.tags_per_photo
        ));
        for category in &self.categories {
            add(&category.id);
            add(&match category.threshold {
                Threshold::Auto => "Auto".to_owned(),
                Threshold::Fixed(threshold) => format!("Fixed({threshold:?})"),
                Threshold::Never => "Never".to_owned(),
            });
            match &category.definition {
                Definition::Measure(measure) => add(measure.name),
                Definition::Prompts(prompts) => {
                    add(&prompts.len().to_string());
                    prompts.iter().for_each(|prompt| add(prompt));
                }
            }
        }
        hasher.finalize().to_hex().to_string()
    }
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
        assert_eq!(with("# Files to leave out", "# Leave out"), base);
        assert_ne!(with("a wildlife photo", "a photo of wildlife"), base);
        assert_ne!(with("tags_per_photo = 1.3", "tags_per_photo = 1.5"), base);
        assert_ne!(with("]\nthreshold = \"auto\"", "]\nthreshold = 0.2"), base);
        assert_ne!(
            with("]\nthreshold = \"auto\"", "]\nthreshold = \"never\""),
            base
        );
        assert_ne!(with("fallback = \"best\"", "fallback = \"none\""), base);
    }

    /// A changed fingerprint recalibrates every collection: this value is in users' indexes.
    #[test]
    fn the_fingerprint_of_a_catalog_never_changes() {
        let text = "[tagging]\ntags_per_photo = 1.25\nfallback = \"none\"\n\
            [[category]]\nid = \"a\"\nprompts = [\"x\", \"y\"]\n\
            [[category]]\nid = \"b\"\nprompts = [\"z\"]\nthreshold = 0.125\n\
            [[category]]\nid = \"c\"\nmeasure = \"monochrome\"\n";
        let none = Catalog::parse(text, "t").unwrap().fingerprint();
        let best = text.replace("none", "best");
        let best = Catalog::parse(&best, "t").unwrap().fingerprint();
        assert_eq!(
            [none, best],
            [
                "b9b058532bc3f129ddbabb917d72cdb8a676474500d2f63032b84788cca02864",
                "2a670b0eaf9cb24e1794db131590acbbe151b57ee43dd55cf488894f2880f85c"
            ]
        );
    }
}
