//! The subcommands, one file each: arguments in, calls, output.

pub mod embed;
pub mod eval;
pub mod explain;
pub mod gallery;
pub mod init;
pub mod learn;
pub mod model;
pub mod scores;
pub mod search;
pub mod tag;
pub mod tune;

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Done,
    /// Photos could not be read, and the owner wants to know by the exit code.
    Unreadable,
    Interrupted,
}
