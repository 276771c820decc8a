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
        /// "labels" or "overrides".
        file: &'static str,
        /// The photo's key.
        key: String,
    },
    /// Labels and overrides disagree about a photo; the overrides win.
    Disagreement {
        /// The photo's key.
        key: String,
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
            Self::Disagreement { key } => write!(
                f,
                "photo {key:?}: labels and overrides disagree; the overrides win"
            ),
        }
    }
}
