//! The two things in EXIF that change how pixels look: orientation, and Adobe RGB.
//!
//! Not a reader of dates and places. Broken EXIF is common and never a reason to refuse a photo:
//! whatever cannot be read is as if it were not there.

use exif::{Exif, In, Reader, Tag};

use super::orientation::Orientation;

/// The EXIF fields that change how a picture looks.
pub(super) struct Look {
    pub(super) orientation: Orientation,
    /// Cameras set to Adobe RGB write this field instead of a profile into a JPEG.
    pub(super) adobe_rgb: bool,
}

impl Look {
    /// Reads a TIFF structure, with or without the `Exif` mark that JPEG puts in front.
    pub(super) fn from_exif(block: Option<&[u8]>) -> Self {
        let plain = Self {
            orientation: Orientation::UPRIGHT,
            adobe_rgb: false,
        };
        let Some(block) = block else { return plain };
        let tiff = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
        let read = Reader::new()
            .continue_on_error(true)
            .read_raw(tiff.to_vec())
            .or_else(|error| error.distill_partial_result(|_| ()));
        let Ok(exif) = read else { return plain };
        let number = |tag| exif.get_field(tag, In::PRIMARY)?.value.get_uint(0);
        Self {
            orientation: Orientation::from_exif(number(Tag::Orientation).unwrap_or(1)),
            adobe_rgb: is_adobe_rgb(&exif, number(Tag::ColorSpace)),
        }
    }
}

/// "Uncalibrated" with the interoperability index of the DCF option file, as the DCF standard asks;
/// or the 2 that some makers write in its place.
fn is_adobe_rgb(exif: &Exif, colour_space: Option<u32>) -> bool {
    const UNCALIBRATED: u32 = 0xFFFF;
    const ADOBE_RGB: u32 = 2;
    let option_file = || {
        let field = exif.get_field(Tag::InteroperabilityIndex, In::PRIMARY)?;
        match &field.value {
            exif::Value::Ascii(lines) => Some(lines.first()?.starts_with(b"R03")),
            _ => None,
        }
    };
    match colour_space {
        Some(ADOBE_RGB) => true,
        Some(UNCALIBRATED) => option_file() == Some(true),
        _ => false,
    }
}
