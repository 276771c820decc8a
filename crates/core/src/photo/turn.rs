//! Large photos take turns: whatever comes together, memory holds one of them.
//!
//! Camera JPEGs are decoded at a fraction of their size and never wait; this is for panoramas and scans
//! that have to be decoded whole.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of samples from which on a photo waits for its turn.
const LARGE: u64 = 128 << 20;

static TURN: Mutex<()> = Mutex::new(());

/// A photo's turn, until it is dropped; nothing for a photo that is not large.
pub(super) type Turn = Option<MutexGuard<'static, ()>>;

/// Waits until a photo with so many bytes of samples may be decoded.
pub(super) fn wait(bytes: u64) -> Turn {
    // Nothing is guarded but memory, so a decoder that panicked has broken nothing.
    (bytes >= LARGE).then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_photos_take_turns_and_small_ones_do_not() {
        let first = wait(LARGE);
        assert!(first.is_some() && wait(LARGE - 1).is_none());
        assert!(TURN.try_lock().is_err());
        drop(first);
        assert!(wait(LARGE).is_some());
    }
}
