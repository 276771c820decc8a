//! One photo to the files that a page shows: three widths, WebP and JPEG each, and a tiny placeholder.
//!
//! Knows no pages. Pixels come upright and in sRGB from [`photo::decode`], reduced in steps by a Lanczos
//! filter. What the source file carried besides its pixels stays behind, place and all; the largest
//! width gets the few EXIF fields that [`crate::caption`] lets through.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use img_parts::{Bytes, ImageEXIF};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use phototag_clip::Pixels;

use phototag_core::photo;

/// Widths in pixels: a phone's column, a row on a sharp screen, the whole window.
pub const WIDTHS: [u32; 3] = [480, 960, 1920];
/// Raised when the same photo would be rendered otherwise.
pub const VERSION: u32 = 1;
/// The placeholder has so many colours a side.
const PLACEHOLDER: u32 = 3;

/// JPEG's and WebP's own scales; each is where the other formats' photos look alike.
const JPEG_QUALITY: u8 = 82;
const WEBP_QUALITY: f32 = 80.0;
/// libwebp's effort, 0 to 6. From 2 on files shrink by a few percent while time doubles.
const WEBP_EFFORT: i32 = 2;

/// What a page has to know of a rendered photo.
#[derive(Debug, PartialEq)]
pub struct Rendering {
    /// Width and height of the photo, upright.
    pub size: (u32, u32),
    /// `PLACEHOLDER` squared colours, row by row, as hexadecimal RGB.
    pub placeholder: String,
}

/// The widths that a photo of this width is rendered in, ascending: never larger than it is.
pub fn widths(width: u32) -> Vec<u32> {
    let mut widths: Vec<u32> = WIDTHS.iter().map(|&each| each.min(width)).collect();
    widths.dedup();
    widths
}

/// The height that goes with a rendered width.
pub fn height(size: (u32, u32), width: u32) -> u32 {
    let height = u64::from(size.1) * u64::from(width) + u64::from(size.0) / 2;
    (height / u64::from(size.0.max(1))).max(1) as u32
}

/// The photo's pixels, at least as large as the largest width.
pub fn decode(bytes: &[u8]) -> Result<photo::Photo, photo::Unreadable> {
    photo::decode(bytes, |width, height_| {
        // Decoders keep twice what is wanted; five eighths of that is enough for a Lanczos filter.
        let widest = width.min(WIDTHS[2]);
        let wanted = |side: u32| (side * 5).div_ceil(8);
        (wanted(widest), wanted(height((width, height_), widest)))
    })
}

/// Writes the files `NAME-WIDTH.webp` and `.jpg`. `new`: nothing of that name may be there yet.
pub fn write(
    photo: photo::Photo,
    exif: Option<&[u8]>,
    folder: &Path,
    name: &str,
    new: bool,
) -> Result<Rendering> {
    let size = (photo.width, photo.height);
    let mut resizer = Resizer::new();
    let (mut pixels, mut area) = (photo.pixels, photo.area);
    for (at, width) in widths(size.0).into_iter().rev().enumerate() {
        pixels = resize(&mut resizer, pixels, area, (width, height(size, width)))?;
        area = whole(&pixels);
        let exif = exif.filter(|_| at == 0);
        for (ending, content) in [
            ("webp", webp(&pixels, exif)?),
            ("jpg", jpeg(&pixels, exif)?),
        ] {
            let path = folder.join(format!("{name}-{width}.{ending}"));
            OpenOptions::new()
                .write(true)
                .create(!new)
                .truncate(!new)
                .create_new(new)
                .open(&path)
                .and_then(|mut file| file.write_all(&content))
                .with_context(|| format!("{}: cannot be written", path.display()))?;
        }
    }
    let tiny = resize(&mut resizer, pixels, area, (PLACEHOLDER, PLACEHOLDER))?;
    let placeholder = tiny.rgb().iter().map(|byte| format!("{byte:02x}"));
    Ok(Rendering {
        size,
        placeholder: placeholder.collect(),
    })
}

fn whole(pixels: &Pixels) -> [f64; 4] {
    [
        0.0,
        0.0,
        f64::from(pixels.width()),
        f64::from(pixels.height()),
    ]
}

/// What lies in `area` (left, top, width, height), as that many pixels.
fn resize(
    resizer: &mut Resizer,
    pixels: Pixels,
    area: [f64; 4],
    (width, height): (u32, u32),
) -> Result<Pixels> {
    if (pixels.width(), pixels.height()) == (width, height) && area == whole(&pixels) {
        return Ok(pixels);
    }
    let source = TypedImageRef::<U8x3>::from_buffer(pixels.width(), pixels.height(), pixels.rgb())?;
    let mut rgb = vec![0; width as usize * height as usize * 3];
    let mut target = TypedImage::<U8x3>::from_buffer(width, height, &mut rgb)?;
    let [left, top, across, down] = area;
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(left, top, across, down);
    resizer.resize_typed(&source, &mut target, &options)?;
    drop(target);
    Pixels::new(width, height, rgb).context("a picture without pixels")
}

fn jpeg(pixels: &Pixels, exif: Option<&[u8]>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, JPEG_QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_optimized_huffman_tables(true);
    // One that does not fit a segment is left out.
    if let Some(exif) = exif {
        let _ = encoder.add_exif_metadata(exif);
    }
    let side = |side: u32| u16::try_from(side).context("a picture too large for a JPEG");
    let (width, height) = (side(pixels.width())?, side(pixels.height())?);
    encoder.encode(pixels.rgb(), width, height, ColorType::Rgb)?;
    Ok(bytes)
}

fn webp(pixels: &Pixels, exif: Option<&[u8]>) -> Result<Vec<u8>> {
    let mut config = webp::WebPConfig::new().map_err(|()| anyhow!("libwebp does not start"))?;
    config.quality = WEBP_QUALITY;
    config.method = WEBP_EFFORT;
    let encoded = webp::Encoder::from_rgb(pixels.rgb(), pixels.width(), pixels.height())
        .encode_advanced(&config)
        .map_err(|error| anyhow!("libwebp fails: {error:?}"))?;
    let Some(exif) = exif else {
        return Ok(encoded.to_vec());
    };
    let mut parts = img_parts::webp::WebP::from_bytes(Bytes::copy_from_slice(&encoded))?;
    parts.set_exif(Some(Bytes::copy_from_slice(exif)));
    Ok(parts.encoder().bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_width_is_larger_than_the_photo() {
        assert_eq!(widths(6000), [480, 960, 1920]);
        assert_eq!(widths(1000), [480, 960, 1000]);
        assert_eq!(widths(960), [480, 960]);
        assert_eq!(widths(300), [300]);
        assert_eq!(height((6000, 4000), 480), 320);
        assert_eq!(height((40_000, 1), 480), 1);
    }
}
