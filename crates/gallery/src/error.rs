//! Why a site cannot be brought up to date.

use std::error::Error;
use std::path::PathBuf;

use phototag_core::progress::Interrupted;

use crate::folder::FolderError;
use crate::ledger::LedgerError;

/// Why a site is not up to date. Messages name the file first; a way out follows a blank line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// The caller's watch stopped the work.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// The photo folder cannot be scanned.
    #[error(transparent)]
    Scan(Box<dyn Error + Send + Sync>),
    /// The tags name the photos in another way.
    #[error(
        "none of the {photos} photos is in tags.json ({example:?} is not, for example)\n\ntags.json names them by {key}: use --key {key}, or write key = \"{key}\" under [photos] in phototag.toml."
    )]
    OtherKey {
        /// How many photos there are.
        photos: usize,
        /// One of their names.
        example: String,
        /// The style by which tags.json names them.
        key: &'static str,
    },
    /// A file that `[gallery]` names cannot be read.
    #[error("{}: cannot be read ({setting} under [gallery])", .path.display())]
    Snippet {
        /// The file.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// The list of the site's files, or a file that is not on it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A file in the site's folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A page cannot be put together.
    #[error("a page cannot be made")]
    Page(#[from] askama::Error),
    /// A worker panicked while it wrote the ledger.
    #[error("a worker failed while it wrote the ledger")]
    Worker,
}
