//! PNG, WebP, GIF, BMP and TIFF, through the `image` crate.
//!
//! Nothing here knows a format's inside: each decoder gives its header, its EXIF, its profile and
//! its samples through one trait. What this file adds is order (no samples before the size is
//! checked), memory limits, and reasons that a photographer understands. Of several frames or pages
//! the first is taken.

use std::error::Error;
use std::io::{self, Cursor};

use image::codecs::bmp::BmpDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::tiff::TiffDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::ImageError;
use image::{ColorType, ImageDecoder, Limits};

use super::colour::ColourSpace;
use super::exif::Look;
use super::orientation::Orientation;
use super::raster::{Channels, Raster, check_size};
use super::rows::{self, Given, narrowed};
use super::{Decoded, Format, Unreadable, reduce, turn};

/// Most bytes that a decoder may take for samples and for itself: 300 megapixels of RGB and a
/// working copy of the largest strips.
const MAX_BYTES: u64 = 1_600_000_000;

pub(super) fn decode(
    bytes: &[u8],
    format: Format,
    wanted: &dyn Fn(u32, u32) -> (u32, u32),
) -> Result<Decoded, Unreadable> {
    let from = Cursor::new(bytes);
    let whole = |_| Ok(Given::Whole);
    match format {
        Format::Png => {
            let decoder = PngDecoder::with_limits(from, limits()).map_err(reason)?;
            through(decoder, wanted, |factor| rows::png(bytes, factor))
        }
        Format::WebP if is_cut_webp(bytes) => Err(Unreadable::Truncated),
        Format::WebP => through(WebPDecoder::new(from).map_err(reason)?, wanted, whole),
        Format::Gif => through(GifDecoder::new(from).map_err(reason)?, wanted, whole),
        Format::Bmp => through(BmpDecoder::new(from).map_err(reason)?, wanted, whole),
        Format::Tiff => {
            let decoder = TiffDecoder::new(from).map_err(reason)?;
            through(decoder, wanted, |factor| rows::tiff(bytes, factor))
        }
        Format::Jpeg | Format::NotYet(_) => Err(Unreadable::NotAPhoto),
    }
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_BYTES);
    limits
}

/// A WebP file begins with its length. Its decoder reports a missing end only as invalid data.
fn is_cut_webp(bytes: &[u8]) -> bool {
    let announced = bytes
        .get(4..8)
        .and_then(|bytes| bytes.first_chunk().copied());
    announced.is_some_and(|length| u64::from(u32::from_le_bytes(length)) + 8 > bytes.len() as u64)
}

/// `reduced` is asked for a large picture's rows, averaged over squares of so many pixels a side.
fn through(
    mut decoder: impl ImageDecoder,
    wanted: &dyn Fn(u32, u32) -> (u32, u32),
    reduced: impl FnOnce(u32) -> Result<Given, Box<dyn Error>>,
) -> Result<Decoded, Unreadable> {
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    if decoder.total_bytes() > MAX_BYTES {
        return Err(Unreadable::TooLarge { width, height });
    }
    // Before the limits are set: afterwards the TIFF decoder of image 0.25.10 finds no profile.
    let profile = decoder.icc_profile().ok().flatten();
    let orientation = match decoder.exif_metadata().ok().flatten() {
        Some(exif) => Look::from_exif(Some(&exif)).orientation,
        None => {
            let tag = decoder
                .orientation()
                .map_or(1, image::metadata::Orientation::to_exif);
            Orientation::from_exif(tag.into())
        }
    };
    let stored = (width, height);
    let wanted = orientation.wanted_as_stored(stored, wanted);
    let factor = reduce::factor(decoder.total_bytes(), stored, wanted);
    let decoded = |raster, filled, turn| Decoded {
        raster,
        stored,
        filled,
        orientation,
        colour_space: profile.map_or(ColourSpace::Srgb, ColourSpace::Icc),
        turn,
    };
    if factor > 1
        && let Given::Rows(reduction) = reduced(factor).map_err(|error| why(&*error))?
    {
        let (raster, filled) = reduction.finish(height);
        return Ok(decoded(raster, filled, None));
    }
    let turn = turn::wait(decoder.total_bytes());
    decoder.set_limits(limits()).map_err(reason)?;
    let whole = (f64::from(width), f64::from(height));
    Ok(decoded(read(decoder)?, whole, turn))
}

/// The samples, brought to 8 bits.
fn read(decoder: impl ImageDecoder) -> Result<Raster, Unreadable> {
    let (width, height) = decoder.dimensions();
    let color_type = decoder.color_type();
    let mut bytes = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut bytes).map_err(reason)?;
    let channels = match color_type.channel_count() {
        1 => Channels::Grey,
        2 => Channels::GreyAlpha,
        3 => Channels::Rgb,
        _ => Channels::Rgba,
    };
    let samples = match color_type {
        ColorType::L8 | ColorType::La8 | ColorType::Rgb8 | ColorType::Rgba8 => bytes,
        ColorType::Rgb32F | ColorType::Rgba32F => {
            let samples = bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|&sample| f32::from_ne_bytes(sample));
            samples
                .map(|sample| (sample.clamp(0.0, 1.0) * 255.0).round() as u8)
                .collect()
        }
        _ => {
            let samples = bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|&sample| u16::from_ne_bytes(sample));
            samples.map(narrowed).collect()
        }
    };
    Ok(Raster {
        width,
        height,
        channels,
        samples,
    })
}

/// The decoder's error as one of our reasons.
fn reason(error: ImageError) -> Unreadable {
    match (why(&error), error) {
        (Unreadable::Truncated, _) => Unreadable::Truncated,
        (_, ImageError::Unsupported(error)) => Unreadable::Unusual(error.to_string()),
        (_, ImageError::Limits(_)) => Unreadable::Unusual("it needs too much memory".to_owned()),
        (damaged, _) => damaged,
    }
}

/// Why a decoder ended. A missing rest may be buried as the cause of another error, or be a sentence only.
fn why(error: &(dyn Error + 'static)) -> Unreadable {
    let mut cause = Some(error);
    while let Some(this) = cause {
        let io = this.downcast_ref::<io::Error>();
        let text = this.to_string().to_lowercase();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof)
            || [
                "unexpected end",
                "unexpected eof",
                "failed to fill whole buffer",
            ]
            .iter()
            .any(|sign| text.contains(sign))
        {
            return Unreadable::Truncated;
        }
        cause = this.source();
    }
    Unreadable::Damaged(error.to_string())
}
