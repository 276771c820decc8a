//! Any bytes as a photo, of whichever format they begin like.

#![no_main]

use phototag_core::photo::{Photo, decode};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // Reduced, as for a model's input, and whole.
    let _ = decode(bytes, |_, _| (8, 8)).map(check);
    let _ = decode(bytes, |width, height| (width, height)).map(check);
});

fn check(photo: Photo) {
    let [left, top, width, height] = photo.area;
    assert!(left >= 0.0 && top >= 0.0 && width > 0.0 && height > 0.0);
    assert!(left + width <= f64::from(photo.pixels.width()) + 1e-6);
    assert!(top + height <= f64::from(photo.pixels.height()) + 1e-6);
}
