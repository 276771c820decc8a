//! Decoded samples before anything is done to them, and how many of them are too many.
//!
//! Not pixels yet: the samples mean what the file's colour space says (see [`super::colour`]) and
//! lie as the camera held the sensor (see [`super::orientation`]). Always 8 bits a sample.

use super::Unreadable;

/// Longest side that is opened. The largest stitched panoramas that JPEG holds have 65,535; what is
/// that long on a photo site has been reduced.
const MAX_SIDE: u32 = 40_000;
/// Most pixels that are opened: twice a 150-megapixel medium-format camera.
const MAX_PIXELS: u64 = 300_000_000;

/// What one pixel's samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channels {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
    /// Ink: 0 is none, 255 is full.
    Cmyk,
}

impl Channels {
    pub(super) fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

/// Samples as `[height][width][channels]`.
pub(super) struct Raster {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: Channels,
    pub(super) samples: Vec<u8>,
}

/// Refuses sizes that no photo has, to be asked before memory is taken for one.
pub(super) fn check_size(width: u32, height: u32) -> Result<(), Unreadable> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(Unreadable::Damaged(format!(
            "it claims {width} x {height} pixels"
        )));
    }
    if width.max(height) > MAX_SIDE || pixels > MAX_PIXELS {
        return Err(Unreadable::TooLarge { width, height });
    }
    Ok(())
}
