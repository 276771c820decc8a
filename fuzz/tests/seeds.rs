//! Every target builds, and its seeds pass. Fuzzing itself is `cargo fuzz run`: see CONTRIBUTING.md.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a target once with each file of a folder (below this crate).
fn pass(target: &str, seeds: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(seeds);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{seeds}: {error}"));
    let files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    assert!(!files.is_empty(), "{seeds}: no seeds");
    let run = Command::new(target).args(&files).output().unwrap();
    let log = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{seeds}: {log}");
    assert_eq!(
        log.matches("Executed ").count(),
        files.len(),
        "{seeds}: {log}"
    );
}

#[test]
fn photos() {
    pass(env!("CARGO_BIN_EXE_photo"), "../crates/core/tests/photos");
    pass(env!("CARGO_BIN_EXE_metadata"), "seeds/metadata");
}

#[test]
fn models() {
    let least = "../crates/clip/tests/fixtures/least";
    for target in [
        env!("CARGO_BIN_EXE_config"),
        env!("CARGO_BIN_EXE_folder"),
        env!("CARGO_BIN_EXE_tokenizer"),
        env!("CARGO_BIN_EXE_weights"),
    ] {
        pass(target, least);
    }
}

#[test]
fn what_the_owner_writes() {
    pass(env!("CARGO_BIN_EXE_catalog"), "seeds/catalog");
    pass(env!("CARGO_BIN_EXE_catalog"), "../crates/core/src/catalog");
    pass(env!("CARGO_BIN_EXE_answers"), "seeds/answers");
}

#[test]
fn what_phototag_keeps() {
    pass(env!("CARGO_BIN_EXE_index"), "seeds/index");
    pass(env!("CARGO_BIN_EXE_ledger"), "seeds/ledger");
}
