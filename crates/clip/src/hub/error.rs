//! Everything that can go wrong between asking for a model and having it, with the way out.
//!
//! Each message starts with the address, repository or path concerned and says what is wrong;
//! after a blank line stands what to do about it. Whether trying again can help is known here
//! too ([`HubError::may_pass`]), so that no caller has to guess.

use std::path::PathBuf;
use std::time::Duration;

/// Why a model could not be got from the hub or found in its cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// This is no `owner/name[@revision]`.
    #[error("{0:?}: not the name of a repository\n\nWrite owner/name, or owner/name@revision.")]
    Name(String),
    /// A setting in the environment that cannot be meant.
    #[error("{variable}: {reason}\n\nCorrect the environment variable, or unset it.")]
    Setting {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// `HF_HUB_OFFLINE` is set and the model is not complete in the cache.
    #[error(
        "{0}: not in the cache, and HF_HUB_OFFLINE forbids to download it\n\nUnset \
         HF_HUB_OFFLINE, or bring the model's folder here and use `phototag model import`."
    )]
    Offline(String),
    /// No connection, or it broke.
    #[error(
        "{url}: no connection: {reason}\n\nCheck the network (HTTPS_PROXY names a proxy, \
         HF_ENDPOINT another hub), then run the same command again; what has arrived is kept."
    )]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What the system said.
        reason: String,
        /// Whether the connection stood before it failed.
        stood: bool,
    },
    /// Connected, but nothing came for too long.
    #[error(
        "{url}: nothing came for {} seconds\n\nRun the same command again; what has arrived is \
         kept. HF_HUB_DOWNLOAD_TIMEOUT sets how many seconds to wait.", waited.as_secs_f64()
    )]
    Stalled {
        /// What was asked for.
        url: String,
        /// How long.
        waited: Duration,
    },
    /// 401: the hub wants to know who asks. It says the same of what does not exist.
    #[error(
        "{url}: the hub refuses this without a login (401){}\n\nCheck the spelling; if the \
         repository is private or gated, put a token with access to it into HF_TOKEN \
         (huggingface.co/settings/tokens).",
        if *token { "; the token that is set was not accepted" } else { "" }
    )]
    Unauthorized {
        /// What was asked for.
        url: String,
        /// Whether a token was sent.
        token: bool,
    },
    /// 403: the hub knows who asks and refuses, mostly because a licence was not accepted.
    #[error(
        "{url}: access is refused (403){}\n\nIf the repository is gated, accept its terms on its \
         page at the hub and set HF_TOKEN to a token of the same account.",
        if *token { " to the account of the token that is set" } else { "" }
    )]
    Forbidden {
        /// What was asked for.
        url: String,
        /// Whether a token was sent.
        token: bool,
    },
    /// 404.
    #[error(
        "{url}: the hub has no such repository, revision or file (404)\n\nCheck the spelling of \
         owner/name@revision."
    )]
    NotFound {
        /// What was asked for.
        url: String,
    },
    /// 429 or 5xx, also after trying again.
    #[error(
        "{url}: the hub is busy ({status}){}\n\nTry again later; what has arrived is kept.",
        retry_after.map_or(String::new(), |t| format!(" and asks to wait {} s", t.as_secs()))
    )]
    Busy {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// How long the hub asks to wait.
        retry_after: Option<Duration>,
    },
    /// Any other answer that is not the file.
    #[error("{url}: unexpected answer: {reason}")]
    Unexpected {
        /// What was asked for.
        url: String,
        /// What was wrong with it.
        reason: String,
    },
    /// Something answers, but not the hub: mostly the login page of a hotel or company network.
    #[error(
        "{url}: the answer is not the hub's: {reason}\n\nOpen a page in a browser: this network \
         may want a login first. HTTPS_PROXY names a proxy, HF_ENDPOINT another hub."
    )]
    NotTheHub {
        /// What was asked for.
        url: String,
        /// What came instead.
        reason: String,
    },
    /// A file name that would lead out of the cache.
    #[error(
        "{repository}: refused: it lists a file named {name:?}, which could write outside the \
         cache\n\nDo not trust this repository or the server that lists it."
    )]
    HostileName {
        /// The repository.
        repository: String,
        /// The file's name as listed.
        name: String,
    },
    /// The repository holds no model that can be read.
    #[error("{repository}: {reason}")]
    NoModel {
        /// The repository.
        repository: String,
        /// Why, and the way out.
        reason: String,
    },
    /// The connection closed before the file was complete.
    #[error(
        "{url}: the connection was cut at {got} of {size} bytes\n\nRun the same command again; \
         what has arrived is kept."
    )]
    Cut {
        /// The file.
        url: String,
        /// What has arrived.
        got: u64,
        /// What was announced.
        size: u64,
    },
    /// The server sends another number of bytes than it announced.
    #[error(
        "{url}: refused: {size} bytes were announced, but the server sends {sent}\n\nTry again \
         later; if it stays so, the server is broken."
    )]
    Size {
        /// The file.
        url: String,
        /// What was announced.
        size: u64,
        /// What came, or would come, at least.
        sent: u64,
    },
    /// The file is complete but is not the one announced.
    #[error(
        "{url}: refused: the file does not have the announced checksum ({actual} instead of \
         {expected}) and was deleted\n\nTry again; if it stays so, do not trust this server."
    )]
    Checksum {
        /// The file.
        url: String,
        /// What was announced.
        expected: String,
        /// What came.
        actual: String,
    },
    /// Not enough room.
    #[error(
        "{}: the disk has {} MB free, but {} MB are needed\n\nFree some space, or name a folder \
         on another disk with HF_HUB_CACHE.", path.display(), free / 1_000_000, needed.div_ceil(1_000_000)
    )]
    DiskFull {
        /// The cache.
        path: PathBuf,
        /// Bytes still to be written.
        needed: u64,
        /// Bytes that there are.
        free: u64,
    },
    /// The cache cannot be read or written.
    #[error(
        "{}: {source}\n\nIf the cache is read-only, name another folder with HF_HUB_CACHE.",
        path.display()
    )]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The caller asked to stop. What has arrived is kept.
    #[error("stopped; what has arrived is kept\n\nRun the same command again to go on.")]
    Interrupted,
}

impl HubError {
    pub(super) fn cache(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Cache {
            path: path.into(),
            source,
        }
    }

    /// Whether the hub itself could not be asked: nothing is known of the model either way.
    pub fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::Offline(_)
                | Self::Unreachable { .. }
                | Self::Stalled { .. }
                | Self::Busy { .. }
                | Self::NotTheHub { .. }
        )
    }

    /// Whether the same request may succeed a little later.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { stood: true, .. }
                | Self::Stalled { .. }
                | Self::Busy { .. }
                | Self::Cut { .. }
        )
    }
}
