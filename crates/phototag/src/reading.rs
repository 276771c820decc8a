//! The bytes of files: of one, or of many ahead of those who work on them, so that a slow disk or a network
//! folder keeps no core waiting.
//!
//! Not decoded here, and not held for long: what was read ahead takes no more than so many bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::Scope;

use crossbeam_channel::{Receiver, bounded};

use crate::interrupt;
use crate::scan::PhotoFile;

/// A larger file is no photo that anyone could view: refused before it is read.
const LARGEST_FILE: u64 = 1 << 30;

/// Files that are read at a time: over a network each waits for answers, and a disk seeks between them.
const READERS: usize = 2;

/// Bytes that may have been read and not worked on, but for a single file that is larger.
const BYTES_AHEAD: u64 = 32 << 20;

/// Files that may have been read and not taken.
const FILES_AHEAD: usize = 64;

/// A file's bytes, unless it is absurdly large.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len().min(LARGEST_FILE);
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(length as usize + 1)
        .map_err(|_| io::ErrorKind::OutOfMemory)?;
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(io::Error::other(
            "it is larger than 1 GiB, which is more than phototag opens",
        ));
    }
    Ok(bytes)
}

/// A file that was read ahead.
pub struct ReadFile<'a> {
    /// Which of the photos it is.
    pub at: usize,
    pub bytes: io::Result<Vec<u8>>,
    _share: Share<'a>,
}

/// What files that were read ahead may take of the memory.
pub struct Budget {
    left: Mutex<u64>,
    given_back: Condvar,
}

impl Budget {
    pub fn new() -> Self {
        Self {
            left: Mutex::new(BYTES_AHEAD),
            given_back: Condvar::new(),
        }
    }

    /// Waits until there is room for so many bytes.
    fn take(&self, bytes: u64) -> Share<'_> {
        let bytes = bytes.min(BYTES_AHEAD);
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let enough = self.given_back.wait_while(left, |left| *left < bytes);
        *enough.unwrap_or_else(PoisonError::into_inner) -= bytes;
        Share {
            budget: self,
            bytes,
        }
    }
}

/// A part of the budget, given back when it is dropped.
struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let left = self.budget.left.lock();
        *left.unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.budget.given_back.notify_all();
    }
}

/// Starts reading those of the photos that `todo` names, about in this order, until the owner asks to stop or
/// nobody takes any more.
pub fn read_ahead<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    photos: &'env [PhotoFile],
    todo: &'env [usize],
    next: &'env AtomicUsize,
    budget: &'env Budget,
) -> Receiver<ReadFile<'env>> {
    let (sender, receiver) = bounded(FILES_AHEAD);
    for _ in 0..READERS.min(todo.len()) {
        let sender = sender.clone();
        scope.spawn(move || {
            while !interrupt::asked()
                && let Some(&at) = todo.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let share = budget.take(photos[at].stamp.size);
                let bytes = read_file(&photos[at].path);
                let read = ReadFile {
                    at,
                    bytes,
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
    use std::sync::atomic::AtomicBool;
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
