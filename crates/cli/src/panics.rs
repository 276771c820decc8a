//! Panics. One that is caught is silent: decoders of other projects panic over damaged files, and the caller reports
//! an error. One that ends the program is a bug of ours; its report says what to do.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{UnwindSafe, catch_unwind, set_hook};
use std::sync::{Mutex, PoisonError};

/// The last panic's message and place, with a backtrace if `RUST_BACKTRACE` asks for one.
static LAST: Mutex<String> = Mutex::new(String::new());

/// What `run` returns; the report if it panics.
pub fn reported<T>(run: impl FnOnce() -> T + UnwindSafe) -> Result<T, String> {
    set_hook(Box::new(|panic| {
        let mut text = panic.to_string();
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            text += &format!("\n{trace}");
        }
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }));
    catch_unwind(run).map_err(|_| {
        let last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        format!(
            "internal error (a bug in phototag; please report it): {last}\n\nPhotos embedded so far are kept; run the command again to continue."
        )
    })
}
