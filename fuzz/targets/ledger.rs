//! Any bytes as the ledger of a site's folder; nothing outside that folder changes.

#![no_main]

use std::sync::LazyLock;

use phototag_core::catalog::Catalog;
use phototag_core::progress::unwatched;
use phototag_core::scan::SITE_MARK;
use phototag_gallery::site::{Job, build};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a temporary folder"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (photos, out) = (FOLDER.path().join("photos"), FOLDER.path().join("site"));
    let _ = std::fs::remove_dir_all(&out);
    std::fs::create_dir_all(out.join("img")).expect("created");
    std::fs::create_dir_all(&photos).expect("created");
    let outside = photos.join("notes.txt");
    std::fs::write(&outside, "the owner's").expect("written");
    std::fs::write(out.join(SITE_MARK), bytes).expect("written");
    let job = Job {
        out,
        catalog: Catalog::builtin().expect("valid"),
        catalog_folder: photos.clone(),
        tags: Vec::new(),
        jobs: 1,
        keep_gps: false,
        photos,
    };
    let _ = build(&job, &mut unwatched, || ());
    assert_eq!(
        std::fs::read_to_string(&outside).expect("still there"),
        "the owner's"
    );
});
