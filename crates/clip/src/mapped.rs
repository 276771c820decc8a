//! Files as memory: mapped, so that what is not looked at is not read.

use std::ops::{Deref, Range};

use memmap2::Mmap;
#[cfg(unix)]
use memmap2::{Advice, UncheckedAdvice};

use crate::Error;
use crate::files::{Bytes, OpenFile};

/// The bytes of a file, or of one in the program.
pub(crate) enum Mapped {
    File(Mmap),
    Embedded(&'static [u8]),
}

impl Mapped {
    pub(crate) fn new(file: OpenFile) -> Result<Self, Error> {
        Ok(match file.bytes {
            Bytes::Embedded(bytes) => Self::Embedded(bytes),
            Bytes::File(opened) => {
                // SAFETY: a mapped file must not change while it is mapped, which is until the
                // model is dropped. Models are written once, by a download that renames or by
                // hand, and packed weights are renamed into place; the documentation of `Source`
                // says to leave a folder in use alone.
                let map = unsafe { Mmap::map(&opened) };
                Self::File(map.map_err(|e| Error::read(&file.path, e))?)
            }
        })
    }

    /// Says that all of it will be wanted soon.
    pub(crate) fn read_ahead(&self) {
        #[cfg(unix)]
        if let Self::File(map) = self {
            let _ = map.advise(Advice::WillNeed);
        }
    }

    /// Says that these bytes are not needed any more, so that a model being loaded does not take the
    /// memory of its file as well. Were they asked for again, they would be read again.
    pub(crate) fn let_go(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Self::File(map) = self {
            // SAFETY: the map is of a file and only read, so what comes back after this is the same.
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
