//! From a photo's bytes to upright sRGB pixels, and to what those pixels tell by themselves.
//!
//! Knows no folders, no models and no tags: bytes in, [`Photo`] or [`Unreadable`] out. Every format
//! goes the same way: the header first (what is it, how large, is that sane?), then samples as the
//! file has them (`Raster`), then one pass to 8-bit sRGB (`colour`), then upright
//! (`orientation`). The format follows from the content, never from a file's name.

mod colour;
mod exif;
mod facts;
mod format;
mod image_crate;
mod jpeg;
pub mod measure;
mod orientation;
mod raster;
mod raw;
mod reduce;
mod rows;
mod turn;
mod unreadable;

use std::panic::{AssertUnwindSafe, catch_unwind};

use phototag_clip::Pixels;

pub use facts::{ContentHash, Facts};
pub use format::{Format, sniff};
pub use measure::Measures;
pub use unreadable::Unreadable;

use colour::ColourSpace;
use orientation::Orientation;
use raster::Raster;
use turn::Turn;

/// A decoded photo.
#[derive(Debug)]
pub struct Photo {
    /// Upright sRGB pixels: the whole photo, or reduced to no less than twice the wanted size.
    pub pixels: Pixels,
    /// Width of the whole photo in pixels, upright.
    pub width: u32,
    /// Height of the whole photo in pixels, upright.
    pub height: u32,
    /// Where the photo lies in the pixels: left, top, width and height. The last row or column (the first, if
    /// it was turned) of a reduced photo may be filled in part only.
    pub area: [f64; 4],
    /// What the pixels tell.
    pub measures: Measures,
}

/// What a decoder hands over: samples as they are in the file, and how to understand them.
struct Decoded {
    raster: Raster,
    /// Width and height of the whole picture as stored, before any reduction.
    stored: (u32, u32),
    /// What the picture fills of the raster's width and height, in its pixels.
    filled: (f64, f64),
    orientation: Orientation,
    colour_space: ColourSpace,
    /// Kept while the samples are worked on.
    turn: Turn,
}

/// Decodes a photo.
///
/// `wanted(width, height)` is asked once, with the photo's upright size, for the size that it will
/// be resized to. The pixels come back at least twice that large in each direction, or whole if the
/// photo is smaller, so that the caller's resize decides how they look.
pub fn decode(bytes: &[u8], wanted: impl Fn(u32, u32) -> (u32, u32)) -> Result<Photo, Unreadable> {
    // One bad photo must not end the run: decoders are large, and some of them panic.
    catch_unwind(AssertUnwindSafe(|| decode_unguarded(bytes, &wanted)))
        .unwrap_or_else(|_| Err(Unreadable::Damaged("the decoder failed".to_owned())))
        .map_err(|reason| match reason {
            Unreadable::Damaged(why) => Unreadable::Damaged(damage(bytes, &why)),
            reason => reason,
        })
}

/// "PNG (checksum does not match)": a damaged photo's format, and a decoder's error in short.
fn damage(bytes: &[u8], why: &str) -> String {
    let format = sniff(bytes).map_or("photo", Format::name);
    let why = if why.to_lowercase().contains("crc") {
        "checksum does not match"
    } else {
        why.strip_prefix("Format error decoding ")
            .and_then(|rest| rest.split_once(": "))
            .map_or(why, |(_, own)| own)
    };
    format!("{format} ({why})")
}

fn decode_unguarded(
    bytes: &[u8],
    wanted: &dyn Fn(u32, u32) -> (u32, u32),
) -> Result<Photo, Unreadable> {
    if bytes.is_empty() {
        return Err(Unreadable::Empty);
    }
    let Decoded {
        raster,
        stored,
        filled,
        orientation,
        colour_space,
        turn,
    } = match sniff(bytes).ok_or(Unreadable::NotAPhoto)? {
        Format::Jpeg => jpeg::decode(bytes, wanted)?,
        Format::NotYet(name) => return Err(Unreadable::NotYet(name)),
        format => image_crate::decode(bytes, format, wanted)?,
    };
    let (width, height) = orientation.upright_size(stored);
    let (raster_width, raster_height) = (raster.width, raster.height);
    let area = orientation.upright_area((raster_width, raster_height), filled);
    let rgb = colour::to_srgb(raster, &colour_space);
    let pixels = Pixels::new(raster_width, raster_height, rgb)
        .map(|stored| orientation.upright(stored))
        .ok_or_else(|| Unreadable::Damaged("it contains no pixels".to_owned()))?;
    drop(turn);
    let measures = Measures::of(&pixels);
    Ok(Photo {
        pixels,
        width,
        height,
        area,
        measures,
    })
}

#[cfg(test)]
mod tests;
