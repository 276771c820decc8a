//! From files to vectors in the index: read, hash, decode and embed what is not known yet.
//!
//! Files are read ahead ([`reading`](crate::reading)). Each worker decodes photos and embeds as many together as the
//! model wants, on its own thread, so that no core waits for another; the caller's thread writes what comes of it.
//! Memory is bounded by what is read ahead and by what workers have in their hands, and everything
//! embedded is kept at least every few seconds, so that an interrupt loses next to nothing.

use std::collections::HashSet;
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crossbeam_channel::{Receiver, Sender, bounded};
use phototag_clip::{Prepared, Threads};

use crate::console::Console;
use crate::encoder::Encoder;
use crate::index::{ContentHash, Facts, Index, News, Vector};
use crate::interrupt;
use crate::photo;
use crate::reading::{Budget, ReadFile, read_ahead};
use crate::scan::{PhotoFile, Refused, Scan};

/// At the latest after so many news, or so long, the index is written.
const KEEP_EVERY: usize = 768;
const KEEP_AFTER: Duration = Duration::from_secs(2);

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
    /// Its content is known in full, or another photo of this run has the same.
    Known(ContentHash),
    /// Facts, and the vector if there was none.
    New {
        hash: ContentHash,
        facts: Facts,
        vector: Option<Vector>,
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
        news: others,
        last: started,
    };
    let mut new = 0;
    if !todo.is_empty() {
        let mut progress = console.progress(todo.len());
        let workers = jobs.min(todo.len());
        let (photos, todo) = (&scan.photos, &todo);
        let (next, budget) = (AtomicUsize::new(0), Budget::new());
        let shared = Shared {
            known,
            claimed: Mutex::default(),
            encoder,
            share: todo.len().div_ceil(workers),
        };
        std::thread::scope(|scope| {
            let files = read_ahead(scope, photos, todo, &next, &budget);
            let (sender, receiver) = bounded(KEEP_EVERY);
            for _ in 0..workers {
                let worker = Worker {
                    shared: &shared,
                    // Fewer photos than cores: each is computed on all of them.
                    threads: if todo.len() < jobs {
                        Threads::all()
                    } else {
                        Threads::one()
                    },
                    ready: Vec::new(),
                    out: sender.clone(),
                };
                let files = files.clone();
                scope.spawn(move || worker.work(&files));
            }
            drop((sender, files));
            for Seen { at, found } in receiver {
                progress.advance(1);
                match found {
                    Ok(Found::Known(hash)) => {
                        contents[at] = Some(hash);
                        keeper.file(&photos[at], hash);
                    }
                    Ok(Found::New {
                        hash,
                        facts,
                        vector,
                    }) => {
                        contents[at] = Some(hash);
                        new += 1;
                        keeper.file(&photos[at], hash);
                        keeper.news.push(News::Photo { hash, facts });
                        let model = encoder.fingerprint.clone();
                        keeper.news.extend(vector.map(|vector| News::Vector {
                            model,
                            hash,
                            vector,
                        }));
                    }
                    Err(Refusal::Photo(reason)) => {
                        refused.push(Refused {
                            path: photos[at].path.clone(),
                            reason,
                        });
                    }
                    Err(Refusal::Model(error)) => {
                        keeper.keep()?;
                        return Err(error);
                    }
                }
                keeper.keep_now_and_then()?;
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
        new,
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

/// What all workers see.
struct Shared<'a> {
    known: Known,
    /// Contents that are embedded in this run: a copy of a photo is not embedded twice.
    claimed: Mutex<HashSet<ContentHash>>,
    encoder: &'a Encoder,
    /// The photos of one worker, if all have the same number.
    share: usize,
}

/// Takes photos that were read, until there are none or it is asked to stop.
struct Worker<'a> {
    shared: &'a Shared<'a>,
    threads: Threads,
    /// Decoded and not embedded yet.
    ready: Vec<Ready>,
    out: Sender<Seen>,
}

/// A decoded photo.
struct Ready {
    at: usize,
    hash: ContentHash,
    facts: Facts,
    pixels: Prepared,
}

/// Whoever was to take what a worker found is gone: the run has failed.
struct NobodyListens;

impl Worker<'_> {
    fn work(mut self, files: &Receiver<ReadFile>) {
        while let Some(file) = self.next(files)
            && !interrupt::asked()
        {
            if self.take(file).is_err() {
                return;
            }
        }
        // If nobody listens now, nothing is left to do.
        let _ = self.embed_ready();
    }

    /// The next file. What is decoded does not wait for files that are still to be read.
    fn next<'a>(&mut self, files: &Receiver<ReadFile<'a>>) -> Option<ReadFile<'a>> {
        files.try_recv().ok().or_else(|| {
            self.embed_ready().ok()?;
            files.recv().ok()
        })
    }

    fn take(&mut self, file: ReadFile) -> Result<(), NobodyListens> {
        let at = file.at;
        match self.decode(file) {
            Ok(Decoded::Seen(found)) => self.send(at, Ok(found)),
            Ok(Decoded::Ready(ready, together)) => {
                self.ready.push(ready);
                if self.ready.len() >= together.min(self.shared.share) {
                    self.embed_ready()?;
                }
                Ok(())
            }
            Err(refusal) => self.send(at, Err(refusal)),
        }
    }

    fn decode(&self, file: ReadFile) -> Result<Decoded, Refusal> {
        let Shared {
            known,
            claimed,
            encoder,
            ..
        } = self.shared;
        let at = file.at;
        let bytes = file
            .bytes
            .map_err(|error| Refusal::Photo(error.to_string()))?;
        let hash = ContentHash::of(&bytes);
        if known.has(&hash) {
            return Ok(Decoded::Seen(Found::Known(hash)));
        }
        let model = encoder.model().map_err(Refusal::Model)?;
        let preprocess = model.preprocess();
        let photo = photo::decode(&bytes, |width, height| preprocess.resized(width, height))
            .map_err(|reason| Refusal::Photo(reason.to_string()))?;
        if !claimed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(hash)
        {
            return Ok(Decoded::Seen(Found::Known(hash)));
        }
        let facts = Facts {
            width: photo.width,
            height: photo.height,
            measures: photo.measures,
        };
        if known.vectors.contains(&hash) {
            let vector = None;
            return Ok(Decoded::Seen(Found::New {
                hash,
                facts,
                vector,
            }));
        }
        let size = (photo.width, photo.height);
        let pixels = preprocess.prepare_reduced(&photo.pixels, size, photo.area);
        let ready = Ready {
            at,
            hash,
            facts,
            pixels,
        };
        Ok(Decoded::Ready(ready, model.images_together()))
    }

    /// Embeds what is ready, and hands it out.
    fn embed_ready(&mut self) -> Result<(), NobodyListens> {
        let Some(first) = self.ready.first().map(|ready| ready.at) else {
            return Ok(());
        };
        let (photos, pixels): (Vec<_>, Vec<_>) = self
            .ready
            .drain(..)
            .map(|ready| ((ready.at, ready.hash, ready.facts), ready.pixels))
            .unzip();
        match self.vectors(&pixels) {
            Ok(vectors) => {
                for ((at, hash, facts), vector) in photos.into_iter().zip(vectors) {
                    let vector = Some(Vector(vector));
                    self.send(
                        at,
                        Ok(Found::New {
                            hash,
                            facts,
                            vector,
                        }),
                    )?;
                }
                Ok(())
            }
            Err(error) => self.send(first, Err(Refusal::Model(error))),
        }
    }

    fn vectors(&self, pixels: &[Prepared]) -> Result<Vec<Vec<f32>>> {
        let encoder = self.shared.encoder;
        let vectors = encoder
            .model()?
            .embed_images_on(&self.threads, pixels)
            .context("the photos could not be embedded")?;
        ensure!(
            vectors.iter().flatten().all(|x| x.is_finite()),
            "the model {:?} gave a vector that is not made of numbers",
            encoder.name
        );
        Ok(vectors)
    }

    fn send(&self, at: usize, found: Result<Found, Refusal>) -> Result<(), NobodyListens> {
        let seen = Seen { at, found };
        self.out.send(seen).map_err(|_| NobodyListens)
    }
}

/// What became of a file.
enum Decoded {
    /// Nothing is left to do for it.
    Seen(Found),
    /// To be embedded, together with so many.
    Ready(Ready, usize),
}

/// Collects what was found out, and writes it now and then.
struct Keeper<'a> {
    index: &'a mut Index,
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

    fn keep_now_and_then(&mut self) -> Result<()> {
        if self.news.len() >= KEEP_EVERY || self.last.elapsed() >= KEEP_AFTER {
            self.keep()?;
        }
        Ok(())
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
