//! Any bytes as what the owner says of the photos (answers.json, overrides.json, labels.json) and as tags.json.

#![no_main]

use std::sync::LazyLock;

use phototag_core::catalog::Catalog;
use phototag_core::tags;
use phototag_core::truth::{Truth, TruthFiles};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a temporary folder"));
static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().expect("valid"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for name in ["answers.json", "overrides.json", "labels.json"] {
        let path = FOLDER.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        let files = TruthFiles {
            labels: Vec::new(),
            overrides: None,
        };
        if let Ok(truth) = Truth::open(&files, FOLDER.path(), &CATALOG) {
            let _ = truth.faults(&CATALOG);
            assert_eq!(truth.known("15", &CATALOG).len(), CATALOG.len());
            truth.apply(&mut vec![("15".to_owned(), Default::default())]);
        }
        std::fs::remove_file(path).expect("removed");
    }
    // What was read is written and read again unchanged, but for the order of its lines.
    let path = FOLDER.path().join("tags.json");
    std::fs::write(&path, bytes).expect("written");
    if let Ok(Some(read)) = tags::parse(&path) {
        std::fs::write(&path, tags::render(&read)).expect("written");
        let again = tags::parse(&path).expect("valid").expect("there");
        assert_eq!(again.len(), read.len());
    }
});
