//! Ctrl-C, or a polite kill: the first asks the run to stop where nothing is lost, the second ends it at once.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

static ASKED: AtomicBool = AtomicBool::new(false);

/// The exit code of an interrupted run, as shells have it.
pub const EXIT_CODE: u8 = 130;

/// Starts listening.
pub fn listen() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(EXIT_CODE));
        }
    })
    .context("cannot listen for Ctrl-C")
}

/// Whether the run should stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
