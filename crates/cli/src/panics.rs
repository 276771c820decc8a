//! Panics. One that is caught (other people's decoders and parsers break off over damaged files) is silent:
//! what it means is said as an error. One that ends the program is a mistake of ours, and says what to do.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{UnwindSafe, catch_unwind, set_hook};
use std::sync::{Mutex, PoisonError};

/// What the last panic said, and where, with a backtrace if `RUST_BACKTRACE` asks for one.
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
            "a mistake in phototag: {last}\n\nPlease report it, with what you did. What was embedded is kept; run again to go on."
        )
    })
}
