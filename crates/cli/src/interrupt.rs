//! Ctrl-C and SIGTERM: the first stops the work where nothing is lost, the second ends the program at once.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// The exit code of an interrupted run, as shells have it.
pub const EXIT_CODE: u8 = 130;

/// Installs the handler.
pub fn listen() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(EXIT_CODE));
        }
    })
    .context("cannot install the Ctrl-C handler")
}

/// Whether the work should stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
