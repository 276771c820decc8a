//! Photos in, tags out: what phototag does, as a library.
//!
//! A [`Collection`] is a photo folder with its catalog of categories, its model and its index. Embed the photos that
//! are new, score them, decide:
//!
//! ```
//! use phototag_core::{Collection, Place, progress};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let index = tempfile::tempdir()?;
//! let place = Place {
//!     // Beside the photos, if you leave this out.
//!     index: Some(index.path().join("index.sqlite")),
//!     ..Place::of(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/photos"))
//! };
//! let (mut collection, warnings) = Collection::open(place)?;
//! assert!(warnings.is_empty());
//!
//! let embedded = collection.embed(&mut progress::unwatched)?;
//! let scored = collection.scores(&embedded)?;
//! let (decider, _) = collection.decider(&scored, false)?;
//! for photo in &scored.photos {
//!     for category in decider.tags(&photo.scores) {
//!         println!("{}: {}", photo.key, collection.catalog[category].label);
//!     }
//! }
//!
//! let otter = scored.photos.iter().find(|photo| photo.key == "river-otter").ok_or("no otter")?;
//! let wildlife = collection.catalog.find("wildlife").map_err(|_| "no such category")?;
//! assert_eq!(decider.tags(&otter.scores), [wildlife]);
//! # Ok(()) }
//! ```
//!
//! From there, [`truth`] reads the owner's corrections, [`learn`] learns from them, [`evaluate`] measures how good the
//! tags are, [`explain`] says why a photo has them, and [`search`] finds photos by text. [`embed::embed_batch`] embeds
//! photos without a folder or an index.
//!
//! Nothing here prints, reads the command line or handles signals. Long work takes a callback that sees its progress
//! and can stop it ([`progress`]), and warnings are returned ([`Warning`]).

pub mod catalog;
pub mod collection;
pub mod decide;
pub mod embed;
pub mod evaluate;
pub mod explain;
pub mod index;
pub mod learn;
pub mod models;
mod nearest;
pub mod paths;
pub mod photo;
pub mod progress;
pub mod replace;
pub mod scan;
pub mod score;
pub mod search;
pub mod statistics;
pub mod tags;
pub mod truth;
pub mod vectors;
mod warning;

pub use collection::{Collection, Place, Scored, ScoredPhoto};
pub use warning::Warning;
