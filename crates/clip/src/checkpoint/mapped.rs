//! Files as memory: mapped, so that only what is looked at is read.

use std::ops::{Deref, Range};

use memmap2::Mmap;
#[cfg(unix)]
use memmap2::{Advice, UncheckedAdvice};

use crate::Error;
use crate::files::{Bytes, OpenFile};

/// The bytes of a file on disk, or of one in the program.
pub(super) enum Mapped {
    File(Mmap),
    Embedded(&'static [u8]),
}

impl Mapped {
    pub(super) fn new(file: OpenFile) -> Result<Self, Error> {
        Ok(match file.bytes {
            Bytes::Embedded(bytes) => Self::Embedded(bytes),
            Bytes::File(opened) => {
                // SAFETY: a mapped file must not change while it is mapped, which is until the model is dropped.
                // Models are written once, by a download that renames or by hand, and packed weights are renamed into
                // place; the documentation of `Source` says not to write to a folder in use.
                let map = unsafe { Mmap::map(&opened) };
                Self::File(map.map_err(|e| Error::read(&file.path, e))?)
            }
        })
    }

    /// Tells the system that all bytes will be needed soon.
    pub(super) fn read_ahead(&self) {
        #[cfg(unix)]
        if let Self::File(map) = self {
            let _ = map.advise(Advice::WillNeed);
        }
    }

    /// Tells the system that these bytes are no longer needed, so that loading a model does not take the memory of its
    /// file as well. If they are needed after all, they are read again.
    pub(super) fn release(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Self::File(map) = self {
            // SAFETY: the map is a read-only map of a file, so what is read again is the same.
            let _ = unsafe {
                map.unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, range.len())
            };
        }
        #[cfg(not(unix))]
        let _ = range;
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::File(map) => map,
            Self::Embedded(bytes) => bytes,
        }
    }
}
