//! What a caller should tell the owner although the work goes on.

use std::fmt;
use std::path::PathBuf;

/// A warning. `Display` is one line for the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The index was damaged and a new one was made.
    DamagedIndex {
        /// The index.
        index: PathBuf,
        /// The damaged file's new name.
        moved_to: PathBuf,
    },
    /// Learned heads are not used, because the catalog describes their categories differently now.
    OutdatedHeads {
        /// The categories' ids.
        categories: Vec<String>,
    },
    /// Learned heads are not used, because they belong to another model.
    HeadsOfAnotherModel {
        /// How many.
        categories: u32,
    },
    /// A file names a photo that is not in the collection.
    UnknownPhoto {
        /// "answers", "labels" or "overrides".
        file: &'static str,
        /// The photo's key.
        key: String,
    },
    /// Two files disagree about a photo and a category.
    Disagreement {
        /// The photo's key.
        key: String,
        /// The category's id.
        category: String,
        /// What counts: whether the photo has the category.
        has: bool,
        /// The file that counts.
        counts: &'static str,
        /// The other one.
        ignored: &'static str,
    },
    /// answers.json names a category that the catalog lacks.
    UnknownCategory {
        /// The name.
        name: String,
        /// A similar name in the catalog.
        meant: Option<String>,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DamagedIndex { index, moved_to } => write!(
                f,
                "{}: the index was damaged; renamed to {}, embedding all photos again",
                index.display(),
                moved_to.display()
            ),
            Self::OutdatedHeads { categories } => write!(
                f,
                "ignoring what was learned for {}: its prompts have changed; run `phototag learn` again",
                categories.join(", ")
            ),
            Self::HeadsOfAnotherModel { categories } => write!(
                f,
                "ignoring what was learned for {}: it was learned with another model; run `phototag learn` again",
                if *categories == 1 {
                    "1 category".to_owned()
                } else {
                    format!("{categories} categories")
                }
            ),
            Self::UnknownPhoto { file, key } => {
                write!(f, "{file} name a photo that does not exist: {key:?}")
            }
            Self::Disagreement {
                key,
                category,
                has,
                counts,
                ignored,
            } => {
                let (this, other) = if *has { ("", "not") } else { ("not ", "it") };
                write!(
                    f,
                    "photo {key:?}: {counts} says {this}{category}, {ignored} says {other}; {counts} counts"
                )
            }
            Self::UnknownCategory { name, meant } => {
                write!(
                    f,
                    "answers.json names {name:?}, which is not in the catalog"
                )?;
                match meant {
                    Some(meant) => write!(f, "; did you mean {meant:?}?"),
                    None => Ok(()),
                }
            }
        }
    }
}
