//! Any bytes as the EXIF block, the colour profile and the XMP packet of a JPEG, and as its caption on a site.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use phototag_core::catalog::Catalog;
use phototag_core::photo::decode;
use phototag_core::progress::unwatched;
use phototag_gallery::site::{Job, build};
use tempfile::TempDir;

const PHOTO: &[u8] = include_bytes!("../../crates/core/tests/photos/grey.jpg");

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a temporary folder"));

/// The photo with one more segment after its start mark.
fn with_segment(marker: u8, head: &[u8], bytes: &[u8]) -> Vec<u8> {
    let body = [head, &bytes[..bytes.len().min(65_000)]].concat();
    let length = u16::try_from(body.len() + 2)
        .expect("below 64 KB")
        .to_be_bytes();
    [&PHOTO[..2], &[0xff, marker], &length, &body, &PHOTO[2..]].concat()
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let exif = with_segment(0xe1, b"Exif\0\0", bytes);
    let profile = with_segment(0xe2, b"ICC_PROFILE\0\x01\x01", bytes);
    let xmp = with_segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0", bytes);
    for photo in [&exif, &profile, &xmp] {
        let _ = decode(photo, |_, _| (8, 8));
    }
    publish(FOLDER.path(), &exif);
});

/// Renders a site of this one photo.
fn publish(folder: &Path, photo: &[u8]) {
    let photos = folder.join("photos");
    std::fs::create_dir_all(&photos).expect("created");
    std::fs::write(photos.join("1.jpg"), photo).expect("written");
    let job = Job {
        out: folder.join("site"),
        catalog: Catalog::builtin().expect("valid"),
        catalog_folder: photos.clone(),
        tags: vec![("1".to_owned(), Default::default())],
        jobs: 1,
        keep_gps: true,
        photos,
    };
    build(&job, &mut unwatched, || ()).expect("a site, whatever the metadata says");
}
