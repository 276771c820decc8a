//! One run at a time in a site's folder.

use std::fs::{File, TryLockError};

use phototag_core::progress::{Event, Interrupted, PULSE, Watch};

use crate::error::SiteError;
use crate::folder::SiteFolder;

/// The locked file. It is never deleted: that would let two runs in at once.
const FILE_NAME: &str = ".phototag-gallery.lock";

/// The right to write into a site's folder, until it is dropped.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for other runs to end. `waiting` is called once if there is one.
    ///
    /// Some network file systems have no locks. There, runs do not wait for each other.
    ///
    /// # Errors
    /// [`SiteError::Interrupted`] if `watch` breaks, [`SiteError::Folder`] if the file cannot be created.
    pub fn take(
        folder: &SiteFolder,
        watch: &mut Watch,
        waiting: impl FnOnce(),
    ) -> Result<Self, SiteError> {
        let file = folder.append(FILE_NAME)?;
        let mut waiting = Some(waiting);
        while let Err(TryLockError::WouldBlock) = file.try_lock() {
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            if watch(Event::Waiting).is_break() {
                return Err(Interrupted { done: None }.into());
            }
            std::thread::sleep(PULSE);
        }
        Ok(Self { _file: file })
    }
}
