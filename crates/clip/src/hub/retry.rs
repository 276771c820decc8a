//! Trying again: only what may pass, only so often, and never longer than a person would wait.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::{Event, HubError, Watch};

/// Tries without any progress between them.
const TRIES: u32 = 4;
/// Asked to wait longer than this, the hub's wish is told to the person instead.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How often a wait looks whether it should end.
const GLANCE: Duration = Duration::from_millis(50);

/// How many tries are left, and how long to wait before the next.
pub(super) struct Patience {
    first: Duration,
    left: u32,
    wait: Duration,
}

impl Patience {
    pub(super) fn new(first: Duration) -> Self {
        Self {
            first,
            left: TRIES - 1,
            wait: first,
        }
    }

    /// Something has arrived: the count starts anew.
    pub(super) fn renew(&mut self) {
        *self = Self::new(self.first);
    }

    /// Waits for the next try, or hands the error back if there is none.
    pub(super) fn after(&mut self, error: HubError, watch: Watch<'_>) -> Result<(), HubError> {
        let asked = match &error {
            HubError::Busy { retry_after, .. } => *retry_after,
            _ => None,
        };
        let wait = asked.unwrap_or(self.wait);
        if !error.may_pass() || self.left == 0 || wait > LONGEST_WAIT {
            return Err(error);
        }
        self.left -= 1;
        self.wait *= 2;
        tell(
            watch,
            Event::Retry {
                error: &error,
                wait,
            },
        )?;
        pause(wait, watch)
    }

    /// Runs `request` until it succeeds or patience ends.
    pub(super) fn insist<T>(
        mut self,
        watch: Watch<'_>,
        mut request: impl FnMut() -> Result<T, HubError>,
    ) -> Result<T, HubError> {
        loop {
            match request() {
                Err(error) => self.after(error, watch)?,
                done => return done,
            }
        }
    }
}

/// Tells the watcher; [`HubError::Interrupted`] if it wants to stop.
pub(super) fn tell(watch: Watch<'_>, event: Event<'_>) -> Result<(), HubError> {
    match watch(event) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(HubError::Interrupted),
    }
}

/// Waits, unless the watcher wants to stop.
pub(super) fn pause(wait: Duration, watch: Watch<'_>) -> Result<(), HubError> {
    let end = Instant::now() + wait;
    loop {
        tell(watch, Event::Idle)?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(GLANCE));
    }
}
