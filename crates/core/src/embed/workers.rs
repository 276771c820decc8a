//! Worker threads that decode photos and embed them, several together as the model wants them.
//!
//! Knows no index: what a content still lacks is a question to the caller, and results go back to the
//! caller's thread as they come.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Scope;

use anyhow::{Context, Result, ensure};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use phototag_clip::{Prepared, Threads};

use super::Embedder;
use super::read_ahead::{Budget, Input, ReadFile, read_ahead};
use crate::photo::{self, ContentHash, Facts, Unreadable};
use crate::progress::{Event, Interrupted, PULSE, Watch};

/// Results that may wait for the caller's thread.
const RESULTS_AHEAD: usize = 768;

/// What is not known of a content yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lacking {
    Nothing,
    /// Facts; there is a vector.
    Facts,
    /// Facts and vector.
    All,
}

/// What a worker found out about a photo.
pub(super) enum Found {
    /// The content lacks nothing, or another photo of this run has the same.
    Known(ContentHash),
    /// Facts, and the vector if it was lacking.
    New {
        hash: ContentHash,
        facts: Facts,
        vector: Option<Vec<f32>>,
    },
}

/// Photos to embed, and how.
pub(super) struct Work<'a> {
    pub(super) inputs: &'a [Input<'a>],
    pub(super) embedder: &'a Embedder,
    /// Photos that are decoded and embedded at a time.
    pub(super) jobs: usize,
    pub(super) lacking: &'a (dyn Fn(&ContentHash) -> Lacking + Sync),
}

impl Work<'_> {
    /// Embeds all inputs. `each` gets every result on the caller's thread, with the input's place, in no
    /// particular order; an error of its own ends the work.
    ///
    /// # Errors
    /// [`Interrupted`] if `watch` breaks; what is decoded by then is embedded first. An error of the model.
    pub(super) fn run(
        &self,
        watch: &mut Watch,
        mut each: impl FnMut(usize, Result<Found, Unreadable>) -> Result<()>,
    ) -> Result<()> {
        let total = self.inputs.len();
        if total == 0 {
            return Ok(());
        }
        let (next, budget, stop) = (AtomicUsize::new(0), Budget::new(), AtomicBool::new(false));
        let shared = Shared {
            work: self,
            claimed: Mutex::default(),
            share: total.div_ceil(self.jobs.clamp(1, total)),
            stop: &stop,
        };
        std::thread::scope(|scope| {
            let files = read_ahead(scope, self.inputs, &next, &budget, &stop);
            let results = shared.start_workers(scope, &files);
            drop(files);
            let mut done = 0;
            if watch(Event::Photos { done, total }).is_break() {
                stop.store(true, Ordering::Relaxed);
            }
            loop {
                let event = match results.recv_timeout(PULSE) {
                    Ok(Outcome { at, found }) => {
                        done += 1;
                        match found {
                            Ok(found) => each(at, Ok(found))?,
                            Err(Failure::Photo(reason)) => each(at, Err(reason))?,
                            Err(Failure::Model(error)) => return Err(error),
                        }
                        Event::Photos { done, total }
                    }
                    Err(RecvTimeoutError::Timeout) => Event::Waiting,
                    Err(RecvTimeoutError::Disconnected) => break,
                };
                if watch(event).is_break() {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            if stop.load(Ordering::Relaxed) {
                return Err(Interrupted { done: None }.into());
            }
            Ok(())
        })
    }
}

/// One photo out of a worker's hands.
struct Outcome {
    at: usize,
    found: Result<Found, Failure>,
}

enum Failure {
    Photo(Unreadable),
    Model(anyhow::Error),
}

/// What all workers see.
struct Shared<'a> {
    work: &'a Work<'a>,
    /// Contents that are embedded in this run: a copy of a photo is not embedded twice.
    claimed: Mutex<HashSet<ContentHash>>,
    /// The photos of one worker, if all have the same number.
    share: usize,
    stop: &'a AtomicBool,
}

impl<'a> Shared<'a> {
    fn start_workers<'scope>(
        &'a self,
        scope: &'scope Scope<'scope, '_>,
        files: &Receiver<ReadFile<'a>>,
    ) -> Receiver<Outcome>
    where
        'a: 'scope,
    {
        let (sender, results) = bounded(RESULTS_AHEAD);
        let total = self.work.inputs.len();
        for _ in 0..self.work.jobs.clamp(1, total) {
            let worker = Worker {
                shared: self,
                // With fewer photos than workers, each photo is computed on all cores.
                threads: if total < self.work.jobs {
                    Threads::all()
                } else {
                    Threads::one()
                },
                ready: Vec::new(),
                out: sender.clone(),
            };
            let files = files.clone();
            scope.spawn(move || worker.run(&files));
        }
        results
    }
}

/// Takes photos that have been read, until there are none or the work is stopped.
struct Worker<'a> {
    shared: &'a Shared<'a>,
    threads: Threads,
    /// Decoded and not embedded yet.
    ready: Vec<Ready>,
    out: Sender<Outcome>,
}

/// A decoded photo.
struct Ready {
    at: usize,
    hash: ContentHash,
    facts: Facts,
    pixels: Prepared,
}

/// What became of a file.
enum Decoded {
    /// Nothing is left to do for it.
    Done(Found),
    /// To be embedded, best together with this many.
    Ready(Ready, usize),
}

/// The caller's thread takes no more results: the run has failed.
struct Abandoned;

impl Worker<'_> {
    fn run(mut self, files: &Receiver<ReadFile>) {
        while let Some(file) = self.next(files)
            && !self.shared.stop.load(Ordering::Relaxed)
        {
            if self.take(file).is_err() {
                return;
            }
        }
        // If the run was abandoned, nothing is left to do.
        let _ = self.embed_ready();
    }

    /// The next file. Decoded photos do not wait for files that are still being read.
    fn next<'f>(&mut self, files: &Receiver<ReadFile<'f>>) -> Option<ReadFile<'f>> {
        files.try_recv().ok().or_else(|| {
            self.embed_ready().ok()?;
            files.recv().ok()
        })
    }

    fn take(&mut self, file: ReadFile) -> Result<(), Abandoned> {
        let at = file.at;
        match self.decode(file) {
            Ok(Decoded::Done(found)) => self.send(at, Ok(found)),
            Ok(Decoded::Ready(ready, together)) => {
                self.ready.push(ready);
                if self.ready.len() >= together.min(self.shared.share) {
                    self.embed_ready()?;
                }
                Ok(())
            }
            Err(failure) => self.send(at, Err(failure)),
        }
    }

    fn decode(&self, file: ReadFile) -> Result<Decoded, Failure> {
        let at = file.at;
        let work = self.shared.work;
        let bytes = file
            .bytes
            .map_err(|error| Failure::Photo(Unreadable::Io(error.to_string())))?;
        let hash = ContentHash::of(&bytes);
        let lacking = (work.lacking)(&hash);
        if lacking == Lacking::Nothing {
            return Ok(Decoded::Done(Found::Known(hash)));
        }
        let model = work.embedder.model().map_err(Failure::Model)?;
        let preprocess = model.preprocess();
        let photo = photo::decode(&bytes, |width, height| preprocess.resized(width, height))
            .map_err(Failure::Photo)?;
        if !self.claim(hash) {
            return Ok(Decoded::Done(Found::Known(hash)));
        }
        let facts = Facts {
            width: photo.width,
            height: photo.height,
            measures: photo.measures,
        };
        if lacking == Lacking::Facts {
            let vector = None;
            return Ok(Decoded::Done(Found::New {
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

    /// Whether this worker is the first with this content.
    fn claim(&self, hash: ContentHash) -> bool {
        let claimed = self.shared.claimed.lock();
        claimed.unwrap_or_else(PoisonError::into_inner).insert(hash)
    }

    /// Embeds what is ready, and sends it out.
    fn embed_ready(&mut self) -> Result<(), Abandoned> {
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
                    let vector = Some(vector);
                    let found = Found::New {
                        hash,
                        facts,
                        vector,
                    };
                    self.send(at, Ok(found))?;
                }
                Ok(())
            }
            Err(error) => self.send(first, Err(Failure::Model(error))),
        }
    }

    fn vectors(&self, pixels: &[Prepared]) -> Result<Vec<Vec<f32>>> {
        let embedder = self.shared.work.embedder;
        let vectors = embedder
            .model()?
            .embed_images_on(&self.threads, pixels)
            .context("the photos could not be embedded")?;
        ensure!(
            vectors.iter().flatten().all(|x| x.is_finite()),
            "the model {:?} returned a vector with NaN or infinite values",
            embedder.name
        );
        Ok(vectors)
    }

    fn send(&self, at: usize, found: Result<Found, Failure>) -> Result<(), Abandoned> {
        self.out.send(Outcome { at, found }).map_err(|_| Abandoned)
    }
}
