//! JPEG: decoded at the size that is needed, and refused if part of the picture is missing.
//!
//! Two parts: [`segments`] reads the header in safe Rust, so that size, EXIF and profile are known
//! before libjpeg sees a byte; [`complaints`] is the thin edge to libjpeg, whose warnings decide
//! whether a picture is whole. Scaling happens in the inverse cosine transform: a block of 8 x 8
//! becomes 4 x 4, 2 x 2 or 1 x 1, which costs less than decoding in full, and is an exact average.

mod complaints;
mod segments;

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use mozjpeg::{ColorSpace, Decompress};

use self::complaints::Complaint;
use self::segments::Header;
use super::colour::ColourSpace;
use super::exif::Look;
use super::raster::{Channels, Raster, check_size};
use super::{Decoded, Unreadable, turn};

/// Blocks of 8 x 8 may become these sizes. libjpeg knows all from 1 to 8, but has fast code for
/// these.
const BLOCK_SIZES: [u8; 4] = [1, 2, 4, 8];

pub(super) fn decode(
    bytes: &[u8],
    wanted: &dyn Fn(u32, u32) -> (u32, u32),
) -> Result<Decoded, Unreadable> {
    let header = Header::read(bytes)?;
    let stored = (header.width, header.height);
    check_size(header.width, header.height)?;
    let look = Look::from_exif(header.exif);
    let wanted = look.orientation.wanted_as_stored(stored, wanted);
    let block_size = block_size(stored, wanted);
    let reduced = u64::from(block_size).pow(2) * u64::from(stored.0) * u64::from(stored.1) / 64;
    let turn = turn::wait(3 * reduced);
    let raster = read(bytes, &header, block_size)?;
    let colour_space = match (
        header.profile,
        look.adobe_rgb && raster.channels == Channels::Rgb,
    ) {
        (Some(profile), _) => ColourSpace::Icc(profile),
        (None, true) => ColourSpace::AdobeRgb,
        (None, false) => ColourSpace::Srgb,
    };
    let fill = |side: u32| f64::from(side) * f64::from(block_size) / 8.0;
    Ok(Decoded {
        raster,
        stored,
        filled: (fill(stored.0), fill(stored.1)),
        orientation: look.orientation,
        colour_space,
        turn,
    })
}

/// The smallest block size that keeps twice the wanted size in both directions.
fn block_size(stored: (u32, u32), wanted: (u32, u32)) -> u8 {
    let keeps = |side: u32, wanted: u32, size: u8| {
        u64::from(side) * u64::from(size) >= u64::from(wanted) * 2 * 8
    };
    BLOCK_SIZES
        .into_iter()
        .find(|&size| keeps(stored.0, wanted.0, size) && keeps(stored.1, wanted.1, size))
        .unwrap_or(8)
}

/// The samples, or why they are not all there.
fn read(bytes: &[u8], header: &Header, block_size: u8) -> Result<Raster, Unreadable> {
    let ran_out = Cell::new(false);
    let source = Source {
        rest: bytes,
        ran_out: &ran_out,
    };
    let read = catch_unwind(AssertUnwindSafe(|| read_all(source, header, block_size)));
    let cut_short = ran_out.get();
    match read {
        // In one scan every block is decoded from its own bits, so a picture that came out without
        // complaint is whole, even if the end mark is missing. In several, whole scans may be.
        Ok(Ok(_)) if cut_short && header.several_scans => Err(Unreadable::Truncated),
        Ok(Ok(raster)) => Ok(raster),
        Ok(Err(_)) if cut_short => Err(Unreadable::Truncated),
        Ok(Err(error)) => Err(Unreadable::Damaged(error.to_string())),
        Err(payload) => match payload.downcast::<Complaint>() {
            Ok(_) if cut_short => Err(Unreadable::Truncated),
            Ok(complaint) => Err(complaint.reason()),
            Err(payload) => resume_unwind(payload),
        },
    }
}

fn read_all(source: Source<'_>, header: &Header, block_size: u8) -> io::Result<Raster> {
    let mut jpeg = Decompress::with_err(complaints::error_manager()).from_reader(source)?;
    if jpeg.size() != (header.width as usize, header.height as usize) {
        return Err(io::Error::other("its header has two sizes"));
    }
    jpeg.scale(block_size);
    let (space, channels) = match jpeg.color_space() {
        ColorSpace::JCS_GRAYSCALE => (ColorSpace::JCS_GRAYSCALE, Channels::Grey),
        ColorSpace::JCS_CMYK | ColorSpace::JCS_YCCK => (ColorSpace::JCS_CMYK, Channels::Cmyk),
        _ => (ColorSpace::JCS_RGB, Channels::Rgb),
    };
    let mut picture = jpeg.to_colorspace(space)?;
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    let mut samples = picture.read_scanlines::<u8>()?;
    if channels == Channels::Cmyk && header.adobe {
        // Adobe's programs write ink upside down, and nobody else writes their mark.
        samples
            .iter_mut()
            .for_each(|sample| *sample = 255 - *sample);
    }
    Ok(Raster {
        width,
        height,
        channels,
        samples,
    })
}

/// The file's bytes, remembering whether more were asked for than there are.
struct Source<'a> {
    rest: &'a [u8],
    ran_out: &'a Cell<bool>,
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.rest.is_empty() {
            self.ran_out.set(true);
        }
        Ok(self.rest)
    }

    fn consume(&mut self, amount: usize) {
        self.rest = self.rest.get(amount..).unwrap_or_default();
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.rest.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::block_size;

    #[test]
    fn the_reduction_keeps_twice_the_wanted_size() {
        assert_eq!(block_size((6000, 4000), (260, 260)), 2);
        assert_eq!(block_size((6000, 4000), (224, 224)), 1);
        assert_eq!(block_size((520, 520), (260, 260)), 8);
        assert_eq!(block_size((4160, 4160), (260, 260)), 1);
        assert_eq!(block_size((4159, 4160), (260, 260)), 2);
        assert_eq!(block_size((100, 100), (260, 260)), 8);
        assert_eq!(block_size((6000, 4000), (0, 0)), 1);
    }
}
