//! Renders one photo for a page: up to three widths, each as WebP and JPEG, and a tiny placeholder.
//!
//! Knows no pages and writes no files. Pixels come upright and in sRGB from [`photo::decode`], reduced in steps by a
//! Lanczos filter. Metadata of the source file, GPS position included, is dropped; the largest width gets the few EXIF
//! fields that [`crate::caption`] lets through.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use img_parts::{Bytes, ImageEXIF};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};
use phototag_clip::Pixels;

use phototag_core::photo;

/// Widths in pixels: a phone's column, a row on a sharp screen, the whole window.
const WIDTHS: [u32; 3] = [480, 960, 1920];
/// The largest side that WebP allows. JPEG's is 65,535.
const LONGEST: u32 = 16_383;
/// Raised when the same photo would be rendered differently.
pub const VERSION: u32 = 2;
/// The placeholder is this many colours wide and high.
const PLACEHOLDER: u32 = 3;

/// JPEG's and WebP's own scales; each is where the other formats' photos look alike.
const JPEG_QUALITY: u8 = 82;
const WEBP_QUALITY: f32 = 80.0;
/// libwebp's effort, 0 to 6. From 2 on files shrink by a few percent while time doubles.
const WEBP_EFFORT: i32 = 2;

/// Why a decoded photo cannot be rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The resizer refuses it.
    #[error("cannot be resized ({0})")]
    Resize(String),
    /// An encoder refuses it.
    #[error("cannot be written as {format} ({reason})")]
    Encode {
        /// "JPEG" or "WebP".
        format: &'static str,
        /// As the encoder words it.
        reason: String,
    },
    /// The resizer or an encoder panicked.
    #[error("cannot be rendered (an encoder gave up)")]
    Panic,
}

/// A rendered photo.
pub struct Rendering {
    /// Width and height of the photo, upright.
    pub size: (u32, u32),
    /// `PLACEHOLDER` squared colours, row by row, as hexadecimal RGB.
    pub placeholder: String,
    /// Width, the file name's ending, and the file's content.
    pub files: Vec<(u32, &'static str, Vec<u8>)>,
}

/// The widths that a photo of this width and height is rendered in, ascending: never larger than the photo, and never
/// higher than a WebP can be.
pub fn widths((width, height): (u32, u32)) -> Vec<u32> {
    let fitting = u64::from(width) * u64::from(LONGEST) / u64::from(height.max(1));
    let widest = u32::try_from(fitting).map_or(width, |fitting| fitting.clamp(1, width.max(1)));
    let mut widths: Vec<u32> = WIDTHS.iter().map(|&each| each.min(widest)).collect();
    widths.dedup();
    widths
}

/// The height that goes with a rendered width.
pub fn height(size: (u32, u32), width: u32) -> u32 {
    let height = u64::from(size.1) * u64::from(width) + u64::from(size.0) / 2;
    (height / u64::from(size.0.max(1))).clamp(1, u64::from(LONGEST)) as u32
}

/// The photo's pixels, at least as large as the largest width.
pub fn decode(bytes: &[u8]) -> Result<photo::Photo, photo::Unreadable> {
    photo::decode(bytes, |width, height_| {
        // Decoders keep twice what is wanted; five eighths of that is enough for a Lanczos filter.
        let size = (width, height_);
        let widest = widths(size).pop().unwrap_or(width);
        let wanted = |side: u32| (side * 5).div_ceil(8);
        (wanted(widest), wanted(height(size, widest)))
    })
}

/// Renders a photo in all of its widths. `exif` goes into the files of the largest.
pub fn render(photo: photo::Photo, exif: Option<&[u8]>) -> Result<Rendering, RenderError> {
    // One photo must not end the run.
    catch_unwind(AssertUnwindSafe(|| render_unguarded(photo, exif)))
        .unwrap_or(Err(RenderError::Panic))
}

fn render_unguarded(photo: photo::Photo, exif: Option<&[u8]>) -> Result<Rendering, RenderError> {
    let size = (photo.width, photo.height);
    let mut resizer = Resizer::new();
    let (mut pixels, mut area) = (photo.pixels, photo.area);
    let mut files = Vec::new();
    for (at, width) in widths(size).into_iter().rev().enumerate() {
        pixels = resize(&mut resizer, pixels, area, (width, height(size, width)))?;
        area = whole(&pixels);
        let exif = exif.filter(|_| at == 0);
        files.push((width, "webp", webp(&pixels, exif)?));
        files.push((width, "jpg", jpeg(&pixels, exif)?));
    }
    let tiny = resize(&mut resizer, pixels, area, (PLACEHOLDER, PLACEHOLDER))?;
    let placeholder = tiny.rgb().iter().map(|byte| format!("{byte:02x}"));
    Ok(Rendering {
        size,
        placeholder: placeholder.collect(),
        files,
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
) -> Result<Pixels, RenderError> {
    if (pixels.width(), pixels.height()) == (width, height) && area == whole(&pixels) {
        return Ok(pixels);
    }
    let failed = |error: &dyn std::fmt::Display| RenderError::Resize(error.to_string());
    let source = TypedImageRef::<U8x3>::from_buffer(pixels.width(), pixels.height(), pixels.rgb());
    let source = source.map_err(|error| failed(&error))?;
    let mut rgb = vec![0; width as usize * height as usize * 3];
    let mut target =
        TypedImage::<U8x3>::from_buffer(width, height, &mut rgb).map_err(|error| failed(&error))?;
    let [left, top, across, down] = area;
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(left, top, across, down);
    resizer
        .resize_typed(&source, &mut target, &options)
        .map_err(|error| failed(&error))?;
    drop(target);
    Pixels::new(width, height, rgb).ok_or_else(|| failed(&"no pixels"))
}

fn jpeg(pixels: &Pixels, exif: Option<&[u8]>) -> Result<Vec<u8>, RenderError> {
    let failed = |reason: String| RenderError::Encode {
        format: "JPEG",
        reason,
    };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, JPEG_QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.set_optimized_huffman_tables(true);
    // One that does not fit a segment is left out.
    if let Some(exif) = exif {
        let _ = encoder.add_exif_metadata(exif);
    }
    let side = |side: u32| u16::try_from(side).map_err(|error| failed(error.to_string()));
    let (width, height) = (side(pixels.width())?, side(pixels.height())?);
    encoder
        .encode(pixels.rgb(), width, height, ColorType::Rgb)
        .map_err(|error| failed(error.to_string()))?;
    Ok(bytes)
}

fn webp(pixels: &Pixels, exif: Option<&[u8]>) -> Result<Vec<u8>, RenderError> {
    let failed = |reason: String| RenderError::Encode {
        format: "WebP",
        reason,
    };
    let mut config =
        webp::WebPConfig::new().map_err(|()| failed("libwebp does not start".to_owned()))?;
    config.quality = WEBP_QUALITY;
    config.method = WEBP_EFFORT;
    let encoded = webp::Encoder::from_rgb(pixels.rgb(), pixels.width(), pixels.height())
        .encode_advanced(&config)
        .map_err(|error| failed(format!("{error:?}")))?;
    let Some(exif) = exif else {
        return Ok(encoded.to_vec());
    };
    let mut parts = img_parts::webp::WebP::from_bytes(Bytes::copy_from_slice(&encoded))
        .map_err(|error| failed(error.to_string()))?;
    parts.set_exif(Some(Bytes::copy_from_slice(exif)));
    Ok(parts.encoder().bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_width_is_larger_than_the_photo() {
        assert_eq!(widths((6000, 4000)), [480, 960, 1920]);
        assert_eq!(widths((1000, 10)), [480, 960, 1000]);
        assert_eq!(widths((960, 10)), [480, 960]);
        assert_eq!(widths((300, 10)), [300]);
        assert_eq!(height((6000, 4000), 480), 320);
        assert_eq!(height((40_000, 1), 480), 1);
    }

    #[test]
    fn no_height_is_larger_than_a_webp_can_be() {
        assert_eq!(widths((1080, 18_500)), [480, 956]);
        assert_eq!(widths((300, 16_383)), [300]);
        for size in [
            (1080, 18_500),
            (300, 16_400),
            (1, 70_000),
            (2, 40_000),
            (70_000, 70_000),
        ] {
            for width in widths(size) {
                assert!((1..=LONGEST).contains(&height(size, width)), "{size:?}");
            }
        }
    }

    #[test]
    fn a_photo_higher_than_a_jpeg_can_be_is_rendered() {
        let (width, height) = (3, 70_000);
        let pixels = Pixels::new(width, height, vec![90; 3 * 3 * 70_000]).unwrap();
        let photo = photo::Photo {
            measures: photo::Measures::of(&pixels),
            area: whole(&pixels),
            pixels,
            width,
            height,
        };
        let rendering = render(photo, None).unwrap();
        assert_eq!(rendering.files.len(), 2);
        assert_eq!(rendering.placeholder, "5a".repeat(27));
    }

    /// Red and blue columns: an encoder that picks one of two columns' colours shows them all red.
    #[test]
    fn colours_of_a_jpeg_are_averaged() {
        let stripes = [[202, 15, 15], [15, 15, 202]].concat().repeat(32 * 16);
        let bytes = jpeg(&Pixels::new(64, 16, stripes).unwrap(), None).unwrap();
        let shown = photo::decode(&bytes, |width, height| (width, height)).unwrap();
        for pixel in shown.pixels.rgb().chunks(3) {
            assert!(pixel[0].abs_diff(pixel[2]) < 40, "{pixel:?}");
        }
    }
}
