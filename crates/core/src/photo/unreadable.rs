//! Why a photo cannot be read, in words for the photographer who owns it.
//!
//! A closed list, so that tests and the summary can tell the reasons apart. The path is the
//! caller's to put in front.

/// Why a photo could not be decoded. `Display` is one short lower-case line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Zero bytes.
    #[error("the file is empty")]
    Empty,
    /// Nothing that any photo format starts with.
    #[error("not a photo in a supported format, despite its name")]
    NotAPhoto,
    /// A photo format, known by name, that cannot be decoded.
    #[error("{0} is not supported yet; export it as JPEG")]
    NotYet(&'static str),
    /// The file ends before the picture does.
    #[error("the file is truncated; copy it again from its source")]
    Truncated,
    /// More pixels than any camera makes: refused before memory is taken.
    #[error("{width} x {height} pixels is more than phototag opens")]
    TooLarge {
        /// The width that the header claims.
        width: u32,
        /// The height that the header claims.
        height: u32,
    },
    /// A known format with a feature that the decoder lacks.
    #[error("an unusual variant that phototag cannot decode ({0}); export it as JPEG")]
    Unusual(String),
    /// A name that tags.json cannot hold.
    #[error("the file name is not valid UTF-8; rename the file")]
    NameNotUtf8,
    /// A link that was not followed.
    #[error(
        "a link that leads out of the photo folder; to follow it, use --follow or [photos] follow = true"
    )]
    LeadsOut,
    /// The file or folder cannot be read: the file system's reason.
    #[error("{0}")]
    Io(String),
    /// The right format with wrong content: the format, and in brackets what is wrong.
    #[error("damaged {0}")]
    Damaged(String),
}
