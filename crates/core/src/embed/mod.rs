//! From files to vectors: read, hash, decode and embed.
//!
//! [`embed_batch`] does it for photos at hand; [`update`] brings an index up to date with a scanned folder and
//! embeds only what the index lacks. Files are read ahead, and each worker decodes photos and embeds as many
//! together as the model wants, on its own thread, so that no core waits for another. Memory is bounded by what
//! is read ahead and by what the workers hold. [`Embedder`] is the model they use.

mod batch;
mod embedder;
pub mod precision;
mod read_ahead;
mod workers;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::index::{Index, News, Vector};
use crate::photo::ContentHash;
use crate::progress::{Interrupted, Watch};
use crate::scan::{PhotoFile, Refused, Scan};

pub use batch::{EmbeddedPhoto, embed_batch};
pub use embedder::{Embedder, STARTER, prepare};
pub use read_ahead::{Input, read_file};

use workers::{Found, Lacking, Work};

/// The index is written after this many results or this much time, whichever comes first.
const WRITE_EVERY: usize = 768;
const WRITE_AFTER: Duration = Duration::from_secs(2);

/// A scan whose photos are in the index.
pub struct Embedded {
    /// Photos with facts and vector in the index, in the scan's order.
    pub photos: Vec<(PhotoFile, ContentHash)>,
    /// Files that could not be read, by path.
    pub refused: Vec<Refused>,
    /// How many photos were embedded in this run.
    pub new: usize,
    /// How long that took.
    pub took: Duration,
}

/// Brings the index up to date with a scan. Results are written every few seconds.
///
/// # Errors
/// [`Interrupted`] if `watch` breaks, with what was embedded by then in the index; an error of the model or
/// of the index.
pub fn update(
    scan: Scan,
    index: &mut Index,
    embedder: &Embedder,
    jobs: usize,
    watch: &mut Watch,
) -> Result<Embedded> {
    let known = Known {
        facts: index.with_facts()?,
        vectors: index.with_vectors(&embedder.fingerprint)?,
    };
    let complete = |hash: &ContentHash| known.lacking(hash) == Lacking::Nothing;
    let mut contents: Vec<Option<ContentHash>> = scan
        .photos
        .iter()
        .map(|photo| index.content(&photo.path, photo.stamp).filter(complete))
        .collect();
    let todo: Vec<usize> = (0..contents.len())
        .filter(|&at| contents[at].is_none())
        .collect();
    let mut refused = scan.refused;
    let mut writer = Writer::new(index, scan.others);
    let started = Instant::now();
    let mut new = 0;
    let photos = &scan.photos;
    let inputs: Vec<Input> = todo
        .iter()
        .map(|&at| Input::File(&photos[at].path))
        .collect();
    let work = Work {
        inputs: &inputs,
        embedder,
        jobs,
        lacking: &|hash| known.lacking(hash),
    };
    let worked = work.run(watch, |at, found| {
        let at = todo[at];
        match found {
            Ok(Found::Known(hash)) => {
                contents[at] = Some(hash);
                writer.file(&photos[at], hash);
            }
            Ok(Found::New {
                hash,
                facts,
                vector,
            }) => {
                contents[at] = Some(hash);
                new += 1;
                writer.file(&photos[at], hash);
                writer.news.push(News::Photo { hash, facts });
                writer.news.extend(vector.map(|vector| News::Vector {
                    model: embedder.fingerprint.clone(),
                    hash,
                    vector: Vector(vector),
                }));
            }
            Err(reason) => refused.push(Refused {
                path: photos[at].path.clone(),
                reason,
            }),
        }
        writer.write_now_and_then()
    });
    writer.write()?;
    match worked {
        Err(error) if error.is::<Interrupted>() => {
            let done = Some(contents.iter().flatten().count());
            return Err(Interrupted { done }.into());
        }
        worked => worked?,
    }
    refused.sort_by(|a, b| a.path.cmp(&b.path));
    let photos = scan.photos.into_iter().zip(contents);
    Ok(Embedded {
        photos: photos
            .filter_map(|(photo, content)| Some((photo, content?)))
            .collect(),
        refused,
        new,
        took: started.elapsed(),
    })
}

/// Contents that need not be decoded or embedded again.
struct Known {
    facts: HashSet<ContentHash>,
    vectors: HashSet<ContentHash>,
}

impl Known {
    fn lacking(&self, hash: &ContentHash) -> Lacking {
        match (self.facts.contains(hash), self.vectors.contains(hash)) {
            (true, true) => Lacking::Nothing,
            (false, true) => Lacking::Facts,
            (_, false) => Lacking::All,
        }
    }
}

/// Collects results, and writes them to the index now and then.
struct Writer<'a> {
    index: &'a mut Index,
    news: Vec<News>,
    last: Instant,
}

impl<'a> Writer<'a> {
    /// Starts with files that are no photos.
    fn new(index: &'a mut Index, others: Vec<(std::path::PathBuf, crate::paths::Stamp)>) -> Self {
        let others = others.into_iter().map(|(path, stamp)| News::File {
            path,
            stamp,
            content: None,
        });
        Self {
            index,
            news: others.collect(),
            last: Instant::now(),
        }
    }

    fn file(&mut self, photo: &PhotoFile, hash: ContentHash) {
        self.news.push(News::File {
            path: photo.path.clone(),
            stamp: photo.stamp,
            content: Some(hash),
        });
    }

    fn write_now_and_then(&mut self) -> Result<()> {
        if self.news.len() >= WRITE_EVERY || self.last.elapsed() >= WRITE_AFTER {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        if !self.news.is_empty() {
            self.index.store(&self.news)?;
            self.news.clear();
        }
        self.last = Instant::now();
        Ok(())
    }
}
