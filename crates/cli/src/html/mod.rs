//! What the pages of one file share: thumbnails, and plots.

pub mod plot;

use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage, imageops};

use phototag_clip::Pixels;

use phototag_core::embed::read_file;
use phototag_core::photo;

/// The longer side of a thumbnail, in pixels.
const SIDE: u32 = 320;

/// The longer side of a picture that is looked at by itself: the shorter one of a 3:2 photo has 800 pixels.
const PICTURE: u32 = 1200;
const QUALITY: u8 = 80;

/// A photo as a small JPEG in a `data:` address; `None` if it cannot be read any more.
pub fn thumbnail(path: &Path) -> Option<String> {
    jpeg(path, SIDE)
}

/// The same, large enough to judge what is in the photo.
pub fn picture(path: &Path) -> Option<String> {
    jpeg(path, PICTURE)
}

fn jpeg(path: &Path, side: u32) -> Option<String> {
    let small = reduced(path, side).ok()?;
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .write_image(
            small.rgb(),
            small.width(),
            small.height(),
            ExtendedColorType::Rgb8,
        )
        .ok()?;
    Some(address(&jpeg))
}

/// A JPEG as a `data:` address.
pub fn address(jpeg: &[u8]) -> String {
    format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg))
}

/// A photo with no side longer than `side` pixels.
pub fn reduced(path: &Path, side: u32) -> Result<Pixels> {
    let photo = read_file(path)
        .map_err(anyhow::Error::from)
        .and_then(|bytes| Ok(photo::decode(&bytes, |w, h| fitted(w, h, side))?))
        .with_context(|| format!("{}: cannot read the photo", path.display()))?;
    let (width, height) = (photo.pixels.width(), photo.pixels.height());
    let (to_width, to_height) = fitted(width, height, side);
    let whole = RgbImage::from_raw(width, height, photo.pixels.into_rgb());
    whole
        .map(|whole| {
            imageops::resize(&whole, to_width, to_height, imageops::FilterType::Triangle).into_raw()
        })
        .and_then(|rgb| Pixels::new(to_width, to_height, rgb))
        .with_context(|| format!("{}: the photo has no pixels", path.display()))
}

fn fitted(width: u32, height: u32, side: u32) -> (u32, u32) {
    let longer = f64::from(width.max(height).max(1));
    let scale = (f64::from(side) / longer).min(1.0);
    let fit = |x: u32| ((f64::from(x) * scale).round() as u32).max(1);
    (fit(width), fit(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_is_small_and_keeps_the_shape() {
        assert_eq!(fitted(6000, 4000, 320), (320, 213));
        assert_eq!(fitted(10, 20_000, 320), (1, 320));
        assert_eq!(fitted(100, 50, 320), (100, 50));
        assert_eq!(thumbnail(Path::new("no/such/photo.jpg")), None);
    }
}
