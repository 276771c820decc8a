//! What long work reports while it runs, and how a caller stops it.
//!
//! Work that takes more than a moment calls a [`Watch`] on the caller's thread: for each photo, and at least
//! every [`PULSE`] while nothing happens. A watch that returns [`ControlFlow::Break`] stops the work where
//! nothing is lost; it then ends with [`Interrupted`].

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

/// How long a watch waits at most between two calls.
pub const PULSE: Duration = Duration::from_millis(100);

/// What is going on.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Folders are being walked.
    Scanning,
    /// Nothing new; the work goes on.
    Waiting,
    /// Of the photos that are new or changed, this many have been processed.
    Photos {
        /// How many are done, unreadable ones included.
        done: usize,
        /// How many there are to do.
        total: usize,
    },
    /// A large library gets 8-bit arithmetic, which was measured to be exact enough on some of its photos.
    RoundedPrecision {
        /// The mean cosine to single precision.
        mean: f32,
        /// The cosine of the worst photo.
        worst: f32,
    },
}

/// A caller's view of long work. See the module.
pub type Watch<'a> = dyn FnMut(Event) -> ControlFlow<()> + 'a;

/// A watch that looks at nothing and never stops the work.
pub fn unwatched(_: Event) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The caller stopped the work. What was finished by then is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// How many photos are finished and kept; `None` if the work had not come that far.
    pub done: Option<usize>,
}

impl std::error::Error for Interrupted {}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.done {
            None => write!(f, "Stopped. Run the command again to continue."),
            Some(1) => write!(
                f,
                "Stopped. 1 photo is embedded; run the command again to continue."
            ),
            Some(n) => write!(
                f,
                "Stopped. {n} photos are embedded; run the command again to continue."
            ),
        }
    }
}

/// Calls `watch`, and turns its wish to stop into an error.
pub(crate) fn check(watch: &mut Watch, event: Event) -> Result<(), Interrupted> {
    match watch(event) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Interrupted { done: None }),
    }
}
