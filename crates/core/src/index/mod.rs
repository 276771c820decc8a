//! What is known already: an SQLite file beside the photos.
//!
//! Facts and vectors hang on the photo's content (BLAKE3), so a moved or renamed photo is known and a
//! changed one is not; a table from path, size and time of change to content spares reading unchanged
//! files. Losing the file costs only time. Nothing here decides anything.

mod heads;
mod open;
mod search;
mod vectors;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rusqlite::{Connection, OptionalExtension, params};

use crate::paths::{Stamp, slashed};
use crate::photo::measure::MEASURES;
use crate::photo::{ContentHash, Facts, Measures};
use crate::warning::Warning;

pub use vectors::Vector;

/// The folder beside the photos that the index lives in.
pub const FOLDER: &str = ".phototag";

/// The index's file name in that folder.
pub const FILE_NAME: &str = "index.sqlite";

/// An open index, for the photos below one folder.
pub struct Index {
    connection: Connection,
    path: PathBuf,
    base: PathBuf,
    files: HashMap<String, (Stamp, Option<ContentHash>)>,
}

/// A photo with its facts and its vector, if the model at hand has seen it.
pub struct Entry {
    /// Size and measures.
    pub facts: Facts,
    /// `None` if the model has not embedded it.
    pub vector: Option<Vector>,
}

impl Index {
    /// Opens or creates the index at `path`; photos are named by their path below `base`. A damaged
    /// index in its own folder is renamed, with a warning.
    pub fn open(path: &Path, base: &Path) -> Result<(Self, Option<Warning>)> {
        let (connection, warning) = open::open(path)?;
        let mut index = Self {
            connection,
            path: path.to_owned(),
            base: base.to_owned(),
            files: HashMap::new(),
        };
        index.files = index.read_files().with_context(|| index.damaged())?;
        Ok((index, warning))
    }

    /// Whether an unchanged file was a photo last time; `None` if it is new or has changed.
    pub fn is_photo(&self, path: &Path, stamp: Stamp) -> Option<bool> {
        let (known, hash) = self.files.get(&self.name(path))?;
        (*known == stamp).then_some(hash.is_some())
    }

    /// The content of an unchanged photo.
    pub fn content(&self, path: &Path, stamp: Stamp) -> Option<ContentHash> {
        self.files
            .get(&self.name(path))
            .filter(|(known, _)| *known == stamp)
            .and_then(|(_, hash)| *hash)
    }

    /// Contents with facts that are complete today.
    pub fn with_facts(&self) -> Result<HashSet<ContentHash>> {
        let mut query = self
            .connection
            .prepare("SELECT hash FROM photos WHERE measures_made = ?1")?;
        let rows = query.query_map([measures_made()], |row| {
            Ok(ContentHash::from_bytes(row.get(0)?))
        })?;
        rows.collect::<Result<_, _>>()
            .with_context(|| self.damaged())
    }

    /// Contents that the model with this fingerprint has embedded.
    pub fn with_vectors(&self, model: &str) -> Result<HashSet<ContentHash>> {
        let mut query = self.connection.prepare(
            "SELECT hash FROM vectors WHERE model = (SELECT id FROM models WHERE fingerprint = ?1)",
        )?;
        let rows = query.query_map([model], |row| Ok(ContentHash::from_bytes(row.get(0)?)))?;
        rows.collect::<Result<_, _>>()
            .with_context(|| self.damaged())
    }

    /// Whether there is a vector of this model.
    pub fn has_vectors(&self, model: &str) -> Result<bool> {
        self.connection
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM vectors
                 WHERE model = (SELECT id FROM models WHERE fingerprint = ?1))",
                [model],
                |row| row.get(0),
            )
            .with_context(|| self.damaged())
    }

    /// Facts, and the vector of this model, of one content.
    pub fn entry(&self, hash: ContentHash, model: &str) -> Result<Option<Entry>> {
        let mut query = self.connection.prepare_cached(
            "SELECT width, height, measures, vector FROM photos LEFT JOIN vectors
             ON vectors.hash = photos.hash
             AND vectors.model = (SELECT id FROM models WHERE fingerprint = ?2)
             WHERE photos.hash = ?1 AND measures_made = ?3",
        )?;
        let row = query
            .query_row(params![hash.bytes(), model, measures_made()], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get::<_, Vec<u8>>(2)?,
                    row.get::<_, Option<Vec<u8>>>(3)?,
                ))
            })
            .optional()
            .with_context(|| self.damaged())?;
        let Some((width, height, measures, vector)) = row else {
            return Ok(None);
        };
        let entry = || {
            let values: Vec<f32> = measures
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            let facts = Facts {
                width,
                height,
                measures: Measures::from_values(&values)?,
            };
            let vector = match vector {
                Some(bytes) => Some(Vector::from_bytes(&bytes)?),
                None => None,
            };
            Some(Entry { facts, vector })
        };
        entry().map(Some).with_context(|| self.damaged())
    }

    /// Keeps what was found out, all of it or nothing.
    pub fn store(&mut self, news: &[News]) -> Result<()> {
        let base = self.base.clone();
        let path = self.path.clone();
        self.store_in_one_step(news, &base)
            .with_context(|| format!("{}: cannot write the index", path.display()))
    }

    fn store_in_one_step(&mut self, news: &[News], base: &Path) -> rusqlite::Result<()> {
        let step = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for item in news {
            match item {
                News::File {
                    path,
                    stamp,
                    content,
                } => {
                    step.prepare_cached("INSERT OR REPLACE INTO files (path, size, modified, hash) VALUES (?1, ?2, ?3, ?4)")?
                        .execute(params![name(path, base), stamp.size.cast_signed(), stamp.modified, content.as_ref().map(ContentHash::bytes)])?;
                }
                News::Photo { hash, facts } => {
                    let measures: Vec<u8> = facts
                        .measures
                        .values()
                        .iter()
                        .flat_map(|value| value.to_le_bytes())
                        .collect();
                    step.prepare_cached("INSERT OR REPLACE INTO photos (hash, width, height, measures, measures_made) VALUES (?1, ?2, ?3, ?4, ?5)")?
                        .execute(params![hash.bytes(), facts.width, facts.height, measures, measures_made()])?;
                }
                News::Vector {
                    model,
                    hash,
                    vector,
                } => {
                    step.prepare_cached("INSERT OR IGNORE INTO models (fingerprint) VALUES (?1)")?
                        .execute([model])?;
                    step.prepare_cached("INSERT OR REPLACE INTO vectors (model, hash, vector) VALUES ((SELECT id FROM models WHERE fingerprint = ?1), ?2, ?3)")?
                        .execute(params![model, hash.bytes(), vector.to_bytes()])?;
                }
            }
        }
        step.commit()
    }

    /// The vector of a prompt, if this model has embedded it.
    pub fn text(&self, model: &str, prompt: &str) -> Result<Option<Vector>> {
        let bytes: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT vector FROM texts WHERE model = ?1 AND prompt = ?2")?
            .query_row(params![model, prompt], |row| row.get(0))
            .optional()?;
        bytes
            .map(|bytes| Vector::from_bytes(&bytes).with_context(|| self.damaged()))
            .transpose()
    }

    /// Keeps the vectors of prompts.
    pub fn store_texts(&mut self, model: &str, texts: &[(&str, Vector)]) -> Result<()> {
        let path = self.path.clone();
        let mut write = || -> rusqlite::Result<()> {
            let step = self
                .connection
                .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            for (prompt, vector) in texts {
                step.prepare_cached(
                    "INSERT OR REPLACE INTO texts (model, prompt, vector) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![model, prompt, vector.to_exact_bytes()])?;
            }
            step.commit()
        };
        write().with_context(|| format!("{}: cannot write the index", path.display()))
    }

    /// The calibration kept for this model and catalog, as it was given.
    pub fn calibration(&self, model: &str, catalog: &str) -> Result<Option<String>> {
        self.connection
            .query_row(
                "SELECT body FROM calibrations WHERE model = ?1 AND catalog = ?2",
                [model, catalog],
                |row| row.get(0),
            )
            .optional()
            .with_context(|| self.damaged())
    }

    /// Keeps a calibration.
    pub fn store_calibration(&mut self, model: &str, catalog: &str, body: &str) -> Result<()> {
        self.connection
            .execute(
                "INSERT OR REPLACE INTO calibrations (model, catalog, body) VALUES (?1, ?2, ?3)",
                [model, catalog, body],
            )
            .with_context(|| format!("{}: cannot write the index", self.path.display()))?;
        Ok(())
    }

    fn read_files(&self) -> Result<HashMap<String, (Stamp, Option<ContentHash>)>> {
        let mut query = self
            .connection
            .prepare("SELECT path, size, modified, hash FROM files")?;
        let rows = query.query_map([], |row| {
            let stamp = Stamp {
                size: row.get::<_, i64>(1)?.cast_unsigned(),
                modified: row.get(2)?,
            };
            Ok((
                row.get(0)?,
                (
                    stamp,
                    row.get::<_, Option<[u8; 32]>>(3)?
                        .map(ContentHash::from_bytes),
                ),
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn name(&self, path: &Path) -> String {
        name(path, &self.base)
    }

    fn damaged(&self) -> String {
        format!(
            "{}: the index is damaged\n\nDelete it and run the command again; the photos will be embedded again.",
            self.path.display()
        )
    }
}

/// Something found out in this run.
pub enum News {
    /// A file and its content; `None`: it is no photo.
    File {
        /// Where the file is.
        path: PathBuf,
        /// Its size and time of change.
        stamp: Stamp,
        /// What it holds.
        content: Option<ContentHash>,
    },
    /// A photo's facts.
    Photo {
        /// Its content.
        hash: ContentHash,
        /// Its facts.
        facts: Facts,
    },
    /// A photo's embedding.
    Vector {
        /// The model's fingerprint.
        model: String,
        /// The photo's content.
        hash: ContentHash,
        /// The embedding.
        vector: Vector,
    },
}

/// What the index calls a file: its path below the base, so that the whole folder may move, or its full
/// path if it lies elsewhere.
fn name(path: &Path, base: &Path) -> String {
    if path.starts_with(base) {
        slashed(path, base)
    } else {
        std::path::absolute(path)
            .unwrap_or_else(|_| path.to_owned())
            .to_string_lossy()
            .into_owned()
    }
}

/// The measures that facts were made with, by name: facts made with others are made again.
fn measures_made() -> String {
    MEASURES
        .iter()
        .map(|measure| measure.name)
        .collect::<Vec<_>>()
        .join(",")
}
