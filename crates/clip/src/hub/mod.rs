//! Models from the Hugging Face hub: found in its cache, or downloaded into it.
//!
//! [`Hub::find`] looks at the disk only; [`Hub::pull`] is the one function that connects, and
//! nothing in this crate calls it. What either gives is a folder for [`crate::Source::folder`]:
//! what its files contain is not this module's business.
//!
//! The cache is the one of Python's `huggingface_hub`, with the same variables in the environment
//! ([`Settings`]): a model that one of the two has downloaded is there for the other.

mod address;
mod cache;
mod checksum;
mod choose;
mod download;
mod error;
mod http;
mod listing;
mod repository;
mod retry;
mod settings;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::HubError;
pub use repository::Repository;
pub use settings::Settings;

use crate::{Precision, Source};
use cache::Place;
use download::{Tally, Wanted};
use http::Client;
use retry::Patience;

/// Which of a model folder's files are needed, by their names in it ("visual/model.onnx"): small
/// ones first, weights last. An error is the reason why there is no model among them that could
/// be read, and the way out.
pub fn needed_files(files: &[String]) -> Result<Vec<&str>, String> {
    choose::choose(files)
}

/// One of these is in every model's folder.
const TOKENIZERS: [&str; 3] = ["tokenizer.json", "vocab.json", "textual/tokenizer.json"];

/// The hub, or a mirror of it, and its cache.
pub struct Hub {
    settings: Settings,
}

/// What happens during a pull.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// So many bytes of the model are there, of those that it needs in all.
    Progress {
        /// Bytes on disk, those of an earlier pull included.
        done: u64,
        /// Bytes in all, as far as announced.
        total: u64,
    },
    /// A file is complete and is compared with its checksum.
    Verify {
        /// Its name in the repository.
        file: &'a str,
    },
    /// Something failed that may pass; it is tried again.
    Retry {
        /// What failed.
        error: &'a HubError,
        /// When it is tried again.
        wait: Duration,
    },
    /// The hub cannot be asked, so the model in the cache is taken as it is.
    FromCache {
        /// Why not.
        error: &'a HubError,
    },
    /// Another program fetches the same file; this one waits for it.
    Other,
    /// Nothing: an occasion to stop.
    Idle,
}

/// Told what happens; `Break` stops the pull where what has come is kept.
pub type Watch<'a> = &'a mut dyn FnMut(Event<'_>) -> ControlFlow<()>;

/// What a pull has got.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pulled {
    /// The model's folder.
    pub folder: PathBuf,
    /// The commit that the revision stands for.
    pub commit: String,
    /// How many bytes came over the network.
    pub fetched: u64,
}

impl Hub {
    /// The hub with these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// The folder of the cache.
    pub fn cache(&self) -> &Path {
        &self.settings.cache
    }

    /// The snapshots of a repository that are in the cache, without asking anybody: the one that
    /// its revision stands for first; if none was asked for, all others after it, newest first.
    /// A snapshot that Python has made may lack files; see what [`crate::Source`] says of it.
    pub fn find(&self, repository: &Repository) -> Vec<PathBuf> {
        self.place(repository).candidates(repository)
    }

    /// The folder that holds everything of a repository: its snapshots and their content.
    pub fn folder(&self, repository: &Repository) -> PathBuf {
        self.place(repository).folder().to_owned()
    }

    /// Downloads what a model needs of `repository`, unless it is in the cache: checks sizes,
    /// room on the disk and checksums, continues what an earlier pull has begun, and makes the
    /// snapshot once everything is there.
    ///
    /// If the hub cannot be asked (offline, unreachable, busy) a model that is complete in the
    /// cache will do; `watch` hears of it.
    ///
    /// `watch` hears what happens, and can stop it.
    ///
    /// # Errors
    /// Any [`HubError`]. After one the cache holds no file that is not whole, and what has come of
    /// a file is kept for the next pull unless it was wrong.
    pub fn pull(&self, repository: &Repository, watch: Watch<'_>) -> Result<Pulled, HubError> {
        if self.settings.offline {
            let error = HubError::Offline(repository.to_string());
            return self.complete(repository, error, watch);
        }
        let client = Client::new(&self.settings)?;
        let endpoint = &self.settings.endpoint;
        let listed = self
            .patience()
            .insist(watch, || listing::fetch(&client, endpoint, repository));
        let listing = match listed {
            Err(error) if error.is_absence() => return self.complete(repository, error, watch),
            listed => listed?,
        };
        let names = choose::choose(&listing.files).map_err(|reason| HubError::NoModel {
            repository: repository.to_string(),
            reason,
        })?;
        let place = self.place(repository);
        let folder = place.snapshot(&listing.commit);

        // A commit never changes: what its snapshot holds is what it should hold.
        let mut wanted = Vec::new();
        for name in names
            .into_iter()
            .filter(|name| !folder.join(name).is_file())
        {
            let url = address::file(endpoint, repository, &listing.commit, name);
            let about = self.patience().insist(watch, || client.about(&url))?;
            wanted.push(Wanted::read(name, url, &about)?);
        }
        let fetched = self.fetch(&client, &place, &wanted, watch)?;
        for file in &wanted {
            place.link(&listing.commit, &file.name, &file.etag)?;
        }
        place.keep_reference(repository.revision(), &listing.commit)?;
        Ok(Pulled {
            folder,
            commit: listing.commit,
            fetched,
        })
    }

    /// The repository's model in the cache, if all of it is there; else `error`.
    fn complete(
        &self,
        repository: &Repository,
        error: HubError,
        watch: Watch<'_>,
    ) -> Result<Pulled, HubError> {
        let is_complete = |folder: &PathBuf| {
            let has_tokenizer = TOKENIZERS.iter().any(|name| folder.join(name).is_file());
            // The fingerprint opens all weights and configurations.
            let opens = |source: Source| source.fingerprint(Precision::F32).is_ok();
            has_tokenizer && Source::folder(folder).is_ok_and(opens)
        };
        let folder = self.find(repository).into_iter().find(is_complete);
        let Some(folder) = folder else {
            return Err(error);
        };
        retry::tell(watch, Event::FromCache { error: &error })?;
        let commit = folder.file_name().unwrap_or_default();
        Ok(Pulled {
            commit: commit.to_string_lossy().into_owned(),
            folder,
            fetched: 0,
        })
    }

    /// Brings all blobs; how many bytes that took.
    fn fetch(
        &self,
        client: &Client,
        place: &Place,
        wanted: &[Wanted],
        watch: Watch<'_>,
    ) -> Result<u64, HubError> {
        let sizes = wanted.iter().map(|file| file.size.unwrap_or(0));
        let total = sizes.fold(0, u64::saturating_add);
        let have: u64 = wanted
            .iter()
            .map(|file| file.have(place))
            .fold(0, u64::saturating_add);
        let needed = total.saturating_sub(have);
        if needed > 0 {
            self.check_room(needed)?;
        }
        let (mut before, mut fetched) = (0, 0);
        for file in wanted {
            let tally = Tally { before, total };
            tally.tell(file.have(place), watch)?;
            if !file.is_there(place) {
                fetched += download::fetch(client, place, file, self.patience(), tally, watch)?;
            }
            before = before.saturating_add(file.size.unwrap_or(0));
        }
        Ok(fetched)
    }

    fn check_room(&self, needed: u64) -> Result<(), HubError> {
        let path = &self.settings.cache;
        std::fs::create_dir_all(path).map_err(|e| HubError::cache(path, e))?;
        match fs4::available_space(path) {
            Ok(free) if free < needed => Err(HubError::DiskFull {
                path: path.clone(),
                needed,
                free,
            }),
            // A drive that does not say how much room it has is found out while writing.
            _ => Ok(()),
        }
    }

    fn place(&self, repository: &Repository) -> Place {
        Place::new(&self.settings.cache, repository, self.settings.symlinks)
    }

    fn patience(&self) -> Patience {
        Patience::new(self.settings.backoff)
    }
}
