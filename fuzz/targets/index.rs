//! Any bytes as the index file: an error, a new index beside the damaged one, or answers.

#![no_main]

use std::sync::LazyLock;

use phototag_core::index::Index;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a temporary folder"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = FOLDER.path().join(".phototag");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("created");
    let path = folder.join("index.sqlite");
    std::fs::write(&path, bytes).expect("written");
    let Ok((mut index, _)) = Index::open(&path, FOLDER.path()) else {
        return;
    };
    let model = "model";
    for hash in index.with_vectors(model).unwrap_or_default() {
        let _ = index.entry(hash, model);
    }
    let _ = index.each_vector(model, |_, _| ());
    let _ = (
        index.heads(model),
        index.sample(),
        index.calibration(model, "catalog"),
    );
    let _ = index.store_calibration(model, "catalog", "{}");
});
