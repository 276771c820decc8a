//! Any bytes as what the owner says of the photos (overrides.json, labels.json) and as tags.json.

#![no_main]

use std::sync::LazyLock;

use phototag_core::catalog::Catalog;
use phototag_core::tags;
use phototag_core::truth::{Labels, Overrides};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a temporary folder"));
static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().expect("valid"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.path().join("answers.json");
    std::fs::write(&path, bytes).expect("written");
    if let Ok(overrides) = Overrides::open(&path, true, &CATALOG) {
        let mut sets = overrides
            .keys()
            .map(|key| (key.to_owned(), Default::default()))
            .collect();
        overrides.apply(&mut sets);
    }
    if let Ok(labels) = Labels::open(std::slice::from_ref(&path), FOLDER.path(), &CATALOG) {
        for key in labels.keys() {
            assert!(labels.answers(key, &CATALOG).is_some());
        }
    }
    // What was read is written and read again unchanged, but for the order of its lines.
    if let Ok(Some(read)) = tags::parse(&path) {
        std::fs::write(&path, tags::render(&read)).expect("written");
        let again = tags::parse(&path).expect("valid").expect("there");
        assert_eq!(again.len(), read.len());
    }
});
