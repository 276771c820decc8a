//! Samples in whatever colour space to 8-bit sRGB over white: what a viewer would show.
//!
//! One pass, row by row. A profile that cannot be read, or that is for another kind of samples, is
//! ignored, as viewers do; so is one that changes nothing, which is most of them: nearly every
//! embedded profile is sRGB itself.

use std::sync::Arc;

use moxcms::{ColorProfile, Layout, Transform8BitExecutor, TransformOptions};

use super::raster::{Channels, Raster};

/// The colour space that a file declares.
#[derive(Clone, Debug)]
pub(super) enum ColourSpace {
    /// sRGB, or none declared.
    Srgb,
    /// Adobe RGB (1998), declared in EXIF alone.
    AdobeRgb,
    /// An embedded ICC profile.
    Icc(Vec<u8>),
}

/// The samples as sRGB, three a pixel.
pub(super) fn to_srgb(raster: Raster, space: &ColourSpace) -> Vec<u8> {
    let Raster {
        width,
        channels,
        samples,
        ..
    } = raster;
    let transform = transform(space, channels);
    if channels == Channels::Rgb && transform.is_none() {
        return samples;
    }
    let width = width as usize;
    let mut rgb = vec![0; samples.len() / channels.count() * 3];
    let mut transformed = vec![0; width * transformed_count(channels)];
    for (source, row) in samples
        .chunks_exact(width * channels.count())
        .zip(rgb.chunks_exact_mut(width * 3))
    {
        let done = transform
            .as_ref()
            .and_then(|to| to.transform(source, &mut transformed).ok());
        match (done, channels) {
            (Some(()), Channels::GreyAlpha | Channels::Rgba) => over_white(&transformed, row),
            (Some(()), _) => row.copy_from_slice(&transformed),
            (None, _) => plain(source, channels, row),
        }
    }
    rgb
}

/// A row without a profile.
fn plain(source: &[u8], channels: Channels, row: &mut [u8]) {
    let pixels = row.as_chunks_mut::<3>().0.iter_mut();
    match channels {
        Channels::Rgb => row.copy_from_slice(source),
        Channels::Rgba => over_white(source, row),
        Channels::Grey => pixels.zip(source).for_each(|(rgb, &grey)| *rgb = [grey; 3]),
        Channels::GreyAlpha => pixels
            .zip(source.as_chunks::<2>().0)
            .for_each(|(rgb, &[grey, alpha])| *rgb = [blend(grey, alpha); 3]),
        // Ink over ink without a profile: each lets its own share of the light through.
        Channels::Cmyk => pixels.zip(source.as_chunks::<4>().0).for_each(
            |(rgb, &[cyan, magenta, yellow, key])| {
                *rgb = [cyan, magenta, yellow].map(|ink| times(255 - ink, 255 - key));
            },
        ),
    }
}

fn over_white(rgba: &[u8], row: &mut [u8]) {
    let pixels = row.as_chunks_mut::<3>().0.iter_mut();
    for (rgb, &[red, green, blue, alpha]) in pixels.zip(rgba.as_chunks::<4>().0) {
        *rgb = [red, green, blue].map(|sample| blend(sample, alpha));
    }
}

fn blend(sample: u8, alpha: u8) -> u8 {
    255 - times(255 - sample, alpha)
}

/// The product of two samples on the scale where 255 is one, rounded.
fn times(a: u8, b: u8) -> u8 {
    ((u32::from(a) * u32::from(b) + 127) / 255) as u8
}

/// Samples a pixel after the transform: alpha is carried along.
fn transformed_count(channels: Channels) -> usize {
    match channels {
        Channels::GreyAlpha | Channels::Rgba => 4,
        Channels::Grey | Channels::Rgb | Channels::Cmyk => 3,
    }
}

/// The way from the space to sRGB, if there is one and it changes anything.
fn transform(space: &ColourSpace, channels: Channels) -> Option<Arc<Transform8BitExecutor>> {
    let profile = match space {
        ColourSpace::Srgb => return None,
        ColourSpace::AdobeRgb => ColorProfile::new_adobe_rgb(),
        ColourSpace::Icc(bytes) => ColorProfile::new_from_slice(bytes).ok()?,
    };
    let (from, to) = match channels {
        Channels::Grey => (Layout::Gray, Layout::Rgb),
        Channels::GreyAlpha => (Layout::GrayAlpha, Layout::Rgba),
        Channels::Rgb => (Layout::Rgb, Layout::Rgb),
        // moxcms has no layout of its own for four inks: it goes by the profile.
        Channels::Rgba => (Layout::Rgba, Layout::Rgba),
        Channels::Cmyk => (Layout::Rgba, Layout::Rgb),
    };
    let wants = match channels {
        Channels::Grey | Channels::GreyAlpha => moxcms::DataColorSpace::Gray,
        Channels::Rgb | Channels::Rgba => moxcms::DataColorSpace::Rgb,
        Channels::Cmyk => moxcms::DataColorSpace::Cmyk,
    };
    if profile.color_space != wants {
        return None;
    }
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let transform = profile
        .create_transform_8bit(from, &srgb, to, options)
        .ok()?;
    (!changes_nothing(transform.as_ref(), channels)).then_some(transform)
}

/// Whether a grid of colours comes through as it went in, give or take one step of 255.
fn changes_nothing(transform: &Transform8BitExecutor, channels: Channels) -> bool {
    const STEPS: [u8; 6] = [0, 51, 102, 153, 204, 255];
    let grid = STEPS.iter().flat_map(|&red| {
        STEPS
            .iter()
            .flat_map(move |&green| STEPS.iter().map(move |&blue| [red, green, blue]))
    });
    let colours: Vec<[u8; 3]> = match channels {
        Channels::Cmyk => return false,
        Channels::Grey | Channels::GreyAlpha => (0..=255).map(|grey| [grey; 3]).collect(),
        Channels::Rgb | Channels::Rgba => grid.collect(),
    };
    let samples: Vec<u8> = colours
        .iter()
        .flat_map(|&[red, green, blue]| match channels {
            Channels::Grey => vec![red],
            Channels::GreyAlpha => vec![red, 255],
            Channels::Rgba => vec![red, green, blue, 255],
            Channels::Rgb | Channels::Cmyk => vec![red, green, blue],
        })
        .collect();
    let count = transformed_count(channels);
    let mut out = vec![0; colours.len() * count];
    transform.transform(&samples, &mut out).is_ok()
        && colours
            .iter()
            .zip(out.chunks_exact(count))
            .all(|(before, after)| {
                before
                    .iter()
                    .zip(after)
                    .all(|(&before, &after)| before.abs_diff(after) <= 1)
            })
}
