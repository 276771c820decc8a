//! From files to vectors in the index: read, hash, decode and embed what is not known yet.
//!
//! Workers read and decode ahead into a short queue; the caller's thread embeds what has come, in
//! batches that never wait to fill. Memory is bounded by the queue, and everything embedded is kept
//! at least every few seconds, so that an interrupt loses next to nothing.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crossbeam_channel::{Receiver, Sender, bounded};
use phototag_clip::Prepared;

use crate::console::Console;
use crate::encoder::Encoder;
use crate::index::{ContentHash, Facts, Index, News, Vector};
use crate::interrupt;
use crate::photo;
use crate::scan::{PhotoFile, Refused, Scan};

/// The most photos that go through the model at once.
const BATCH: usize = 16;

/// At the latest after so many photos, or so long, the index is written.
const KEEP_EVERY: usize = 256;
const KEEP_AFTER: Duration = Duration::from_secs(2);

/// A larger file is no photo that anyone could view: refused before it is read.
const LARGEST_FILE: u64 = 1 << 30;

/// What became of a scan.
pub struct Embedded {
    /// Photos with facts and vector in the index, in the scan's order.
    pub photos: Vec<(PhotoFile, ContentHash)>,
    pub refused: Vec<Refused>,
    /// How many photos were embedded in this run.
    pub new: usize,
    /// How long that took.
    pub took: Duration,
    /// Whether it ended early because the owner asked.
    pub interrupted: bool,
}

/// One photo out of a worker's hands.
struct Seen {
    at: usize,
    found: Result<Found, Refusal>,
}

enum Found {
    /// Its content is known in full.
    Known(ContentHash),
    /// Facts, and pixels if a vector is wanted.
    New {
        hash: ContentHash,
        facts: Facts,
        pixels: Option<Prepared>,
    },
}

enum Refusal {
    Photo(String),
    Model(anyhow::Error),
}

/// Brings the index up to date with a scan.
pub fn embed(
    scan: Scan,
    index: &mut Index,
    encoder: &Encoder,
    jobs: usize,
    console: &Console,
) -> Result<Embedded> {
    let known = Known {
        facts: index.with_facts()?,
        vectors: index.with_vectors(&encoder.fingerprint)?,
    };
    let mut contents: Vec<Option<ContentHash>> = scan
        .photos
        .iter()
        .map(|photo| {
            index
                .content(&photo.path, photo.stamp)
                .filter(|hash| known.has(hash))
        })
        .collect();
    let todo: Vec<usize> = (0..contents.len())
        .filter(|&at| contents[at].is_none())
        .collect();
    let mut refused = scan.refused;
    let others = scan
        .others
        .into_iter()
        .map(|(path, stamp)| News::File {
            path,
            stamp,
            content: None,
        })
        .collect();

    let started = Instant::now();
    let mut keeper = Keeper {
        index,
        encoder,
        news: others,
        last: started,
    };
    // Contents met in this run: a copy of a photo is not embedded twice.
    let mut fresh = HashSet::new();
    if !todo.is_empty() {
        let mut progress = console.progress(todo.len());
        let workers = jobs.min(todo.len());
        let next = AtomicUsize::new(0);
        let (photos, todo, known) = (&scan.photos, &todo, &known);
        std::thread::scope(|scope| {
            // One photo ready for each worker, besides the one in its hands.
            let (sender, receiver) = bounded(workers);
            for _ in 0..workers {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || work(photos, todo, next, known, encoder, &sender));
            }
            drop(sender);
            while let Some(batch) = next_batch(&receiver) {
                progress.advance(batch.len());
                let mut unembedded = Vec::new();
                for read in batch {
                    match read.found {
                        Ok(Found::Known(hash)) => {
                            contents[read.at] = Some(hash);
                            keeper.file(&photos[read.at], hash);
                        }
                        Ok(Found::New {
                            hash,
                            facts,
                            pixels,
                        }) => {
                            contents[read.at] = Some(hash);
                            if fresh.insert(hash) {
                                keeper.news.push(News::Photo { hash, facts });
                                unembedded.push((read.at, hash, pixels));
                            } else {
                                keeper.file(&photos[read.at], hash);
                            }
                        }
                        Err(Refusal::Photo(reason)) => {
                            refused.push(Refused {
                                path: photos[read.at].path.clone(),
                                reason,
                            });
                        }
                        Err(Refusal::Model(error)) => return Err(error),
                    }
                }
                keeper.embedded(unembedded, photos)?;
            }
            Ok(())
        })?;
    }
    keeper.keep()?;
    let photos = scan
        .photos
        .into_iter()
        .zip(contents)
        .filter_map(|(photo, content)| Some((photo, content?)));
    refused.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Embedded {
        photos: photos.collect(),
        refused,
        new: fresh.len(),
        took: started.elapsed(),
        interrupted: interrupt::asked(),
    })
}

/// Contents that need not be decoded or embedded again.
struct Known {
    facts: HashSet<ContentHash>,
    vectors: HashSet<ContentHash>,
}

impl Known {
    fn has(&self, hash: &ContentHash) -> bool {
        self.facts.contains(hash) && self.vectors.contains(hash)
    }
}

/// A worker: takes photos in order until there are none, or until it is asked to stop.
fn work(
    photos: &[PhotoFile],
    todo: &[usize],
    next: &AtomicUsize,
    known: &Known,
    encoder: &Encoder,
    out: &Sender<Seen>,
) {
    while !interrupt::asked() {
        let Some(&at) = todo.get(next.fetch_add(1, Ordering::Relaxed)) else {
            return;
        };
        let found = read(&photos[at].path, known, encoder);
        // The receiver is gone once the run has failed.
        if out.send(Seen { at, found }).is_err() {
            return;
        }
    }
}

fn read(path: &Path, known: &Known, encoder: &Encoder) -> Result<Found, Refusal> {
    let bytes = read_file(path).map_err(|error| Refusal::Photo(error.to_string()))?;
    let hash = ContentHash::of(&bytes);
    if known.has(&hash) {
        return Ok(Found::Known(hash));
    }
    let preprocess = encoder.model().map_err(Refusal::Model)?.preprocess();
    let photo = photo::decode(&bytes, |width, height| preprocess.resized(width, height))
        .map_err(|reason| Refusal::Photo(reason.to_string()))?;
    let facts = Facts {
        width: photo.width,
        height: photo.height,
        measures: photo.measures,
    };
    let size = (photo.width, photo.height);
    let pixels = (!known.vectors.contains(&hash))
        .then(|| preprocess.prepare_reduced(&photo.pixels, size, photo.area));
    Ok(Found::New {
        hash,
        facts,
        pixels,
    })
}

/// A file's bytes, unless it is absurdly large.
pub fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(std::io::Error::other(
            "it is larger than 1 GiB, which is more than phototag opens",
        ));
    }
    Ok(bytes)
}

/// What is there, at least one and at most a batch. `None` at the end.
fn next_batch(receiver: &Receiver<Seen>) -> Option<Vec<Seen>> {
    let mut batch = vec![receiver.recv().ok()?];
    batch.extend(receiver.try_iter().take(BATCH - 1));
    Some(batch)
}

/// Collects what was found out, and writes it now and then.
struct Keeper<'a> {
    index: &'a mut Index,
    encoder: &'a Encoder,
    news: Vec<News>,
    last: Instant,
}

impl Keeper<'_> {
    fn file(&mut self, photo: &PhotoFile, hash: ContentHash) {
        self.news.push(News::File {
            path: photo.path.clone(),
            stamp: photo.stamp,
            content: Some(hash),
        });
    }

    /// Embeds photos, then notes them. A failure keeps what came before.
    fn embedded(
        &mut self,
        photos: Vec<(usize, ContentHash, Option<Prepared>)>,
        files: &[PhotoFile],
    ) -> Result<()> {
        let mut hashes = Vec::new();
        let mut pixels = Vec::new();
        for (at, hash, prepared) in photos {
            self.file(&files[at], hash);
            if let Some(prepared) = prepared {
                hashes.push(hash);
                pixels.push(prepared);
            }
        }
        if !pixels.is_empty() {
            let vectors = self
                .encoder
                .model()?
                .embed_images(&pixels)
                .context("the photos could not be embedded")?;
            for (hash, vector) in hashes.into_iter().zip(vectors) {
                ensure!(
                    vector.iter().all(|x| x.is_finite()),
                    "the model {:?} gave a vector that is not made of numbers",
                    self.encoder.name
                );
                self.news.push(News::Vector {
                    model: self.encoder.fingerprint.clone(),
                    hash,
                    vector: Vector(vector),
                });
            }
        }
        if self.news.len() >= 3 * KEEP_EVERY || self.last.elapsed() >= KEEP_AFTER {
            self.keep()
        } else {
            Ok(())
        }
    }

    fn keep(&mut self) -> Result<()> {
        if !self.news.is_empty() {
            self.index.keep(&self.news)?;
            self.news.clear();
        }
        self.last = Instant::now();
        Ok(())
    }
}
