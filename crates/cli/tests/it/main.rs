//! The program from outside, as one test binary: real files, real bad files, and what a user would see.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod deciding;
mod gallery;
mod guide;
#[cfg(unix)]
mod interrupt;
mod model;
mod program;
mod run;
#[path = "../../../clip/tests/hub/server.rs"]
mod server;
mod structure;
#[cfg(unix)]
mod system;
