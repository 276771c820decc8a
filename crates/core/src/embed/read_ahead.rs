//! Reading files ahead of the workers that decode them, so that a slow disk or a network folder keeps no core
//! waiting.
//!
//! Nothing is decoded here. What has been read and not yet taken is limited in bytes and in files.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::Scope;

use crossbeam_channel::{Receiver, bounded};

use crate::paths::{SPECIAL, is_special};

/// The largest file that is read, in bytes: nothing larger is a photo that anyone could view.
const LARGEST_FILE: u64 = 1 << 30;

/// Files that are read at a time: over a network each waits for answers, and a disk seeks between them.
const READERS: usize = 2;

/// Bytes that may have been read and not taken, except for a single larger file.
const BYTES_AHEAD: u64 = 32 << 20;

/// Files that may have been read and not taken.
const FILES_AHEAD: usize = 64;

/// A photo to read: a file, or bytes that are in memory already.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A file, read when its turn comes.
    File(&'a Path),
    /// A file's content.
    Bytes(&'a [u8]),
}

impl<'a> Input<'a> {
    /// How much memory the content takes, in bytes, as far as that is known before it is read.
    fn size(self) -> u64 {
        match self {
            Self::File(path) => std::fs::metadata(path).map_or(0, |metadata| metadata.len()),
            Self::Bytes(_) => 0,
        }
    }

    fn read(self) -> io::Result<Cow<'a, [u8]>> {
        match self {
            Self::File(path) => read_file(path).map(Cow::Owned),
            Self::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
        }
    }
}

/// A file's content.
///
/// # Errors
/// An error of the file system; an error of its own for a file over 1 GiB, and for a pipe, device or socket.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for whatever writes to it.
    if is_special(&std::fs::metadata(path)?) {
        return Err(io::Error::other(SPECIAL));
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len().min(LARGEST_FILE);
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(length as usize + 1)
        .map_err(|_| io::ErrorKind::OutOfMemory)?;
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(io::Error::other(
            "the file is larger than 1 GiB, the most that phototag opens",
        ));
    }
    Ok(bytes)
}

/// An input that has been read.
pub(super) struct ReadFile<'a> {
    /// Its place among the inputs.
    pub(super) at: usize,
    pub(super) bytes: io::Result<Cow<'a, [u8]>>,
    _share: Share<'a>,
}

/// The memory for files that have been read and not taken.
pub(super) struct Budget {
    left: Mutex<u64>,
    returned: Condvar,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            left: Mutex::new(BYTES_AHEAD),
            returned: Condvar::new(),
        }
    }

    /// Waits until this many bytes are free, or all of them for a larger request.
    fn take(&self, bytes: u64) -> Share<'_> {
        let bytes = bytes.min(BYTES_AHEAD);
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let enough = self.returned.wait_while(left, |left| *left < bytes);
        *enough.unwrap_or_else(PoisonError::into_inner) -= bytes;
        Share {
            budget: self,
            bytes,
        }
    }
}

/// A part of the budget, returned when it is dropped.
struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let left = self.budget.left.lock();
        *left.unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.budget.returned.notify_all();
    }
}

/// Starts reading `inputs`, roughly in order, until `stop` is set or the receiver is dropped.
pub(super) fn read_ahead<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    inputs: &'env [Input<'env>],
    next: &'env AtomicUsize,
    budget: &'env Budget,
    stop: &'env AtomicBool,
) -> Receiver<ReadFile<'env>> {
    let (sender, receiver) = bounded(FILES_AHEAD);
    for _ in 0..READERS.min(inputs.len()) {
        let sender = sender.clone();
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(&input) = inputs.get(at) else { return };
                let share = budget.take(input.size());
                let read = ReadFile {
                    at,
                    bytes: input.read(),
                    _share: share,
                };
                if sender.send(read).is_err() {
                    return;
                }
            }
        });
    }
    receiver
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_share_waits_until_there_is_room_and_none_is_larger_than_all() {
        let budget = Budget::new();
        let (first, second) = (budget.take(BYTES_AHEAD / 2), budget.take(BYTES_AHEAD / 2));
        let given = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let whole = budget.take(u64::MAX);
                given.store(true, Ordering::SeqCst);
                assert_eq!(whole.bytes, BYTES_AHEAD);
            });
            drop(first);
            thread::yield_now();
            assert!(!given.load(Ordering::SeqCst), "half is not enough");
            drop(second);
        });
        assert!(given.load(Ordering::SeqCst));
        assert_eq!(*budget.left.lock().unwrap(), BYTES_AHEAD);
    }
}
