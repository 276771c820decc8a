//! PNG and TIFF row by row, or a band of rows at a time, for pictures too large to be held whole.
//!
//! Only the layouts that large photos have; the others ([`Given::Whole`]) are decoded by `image_crate` as ever.

use std::error::Error;
use std::io::{self, Cursor};

use tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::raster::Channels;
use super::reduce::Reduction;

/// Most bytes of one band of a TIFF as it is decoded, which may be all of it.
const LARGEST_BAND: usize = 256 << 20;

/// Values of tags of the TIFF 6.0 specification.
const UNCOMPRESSED: u16 = 1;
const WHITE_IS_ZERO: u16 = 0;
const PLANES_APART: u16 = 2;

/// What became of a picture.
pub(super) enum Given {
    Rows(Reduction),
    /// It does not come in rows.
    Whole,
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// 16 bits to 8, rounded.
pub(super) fn narrowed(sample: u16) -> u8 {
    ((u32::from(sample) + 128) / 257) as u8
}

pub(super) fn png(bytes: &[u8], factor: u32) -> Result<Given> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info()?;
    let (colour, depth) = reader.output_color_type();
    let channels = match colour {
        png::ColorType::Grayscale => Channels::Grey,
        png::ColorType::GrayscaleAlpha => Channels::GreyAlpha,
        png::ColorType::Rgb => Channels::Rgb,
        png::ColorType::Rgba => Channels::Rgba,
        png::ColorType::Indexed => return Ok(Given::Whole),
    };
    if reader.info().interlaced {
        return Ok(Given::Whole);
    }
    let mut reduction = Reduction::new(reader.info().width, channels, factor);
    let mut narrow = Vec::new();
    while let Some(row) = reader.next_row()? {
        if depth == png::BitDepth::Sixteen {
            let samples = row.data().as_chunks::<2>().0;
            narrow.clear();
            narrow.extend(
                samples
                    .iter()
                    .map(|sample| narrowed(u16::from_be_bytes(*sample))),
            );
            reduction.push(&narrow);
        } else {
            reduction.push(row.data());
        }
    }
    Ok(Given::Rows(reduction))
}

pub(super) fn tiff(bytes: &[u8], factor: u32) -> Result<Given> {
    let mut limits = Limits::unlimited();
    limits.decoding_buffer_size = LARGEST_BAND;
    limits.intermediate_buffer_size = LARGEST_BAND;
    let mut decoder = Decoder::new(Cursor::new(bytes))?.with_limits(limits);
    let colour = decoder.colortype()?;
    let channels = match colour {
        ColorType::Gray(8 | 16) => Channels::Grey,
        ColorType::RGB(8 | 16) => Channels::Rgb,
        ColorType::RGBA(8 | 16) => Channels::Rgba,
        _ => return Ok(Given::Whole),
    };
    if decoder.find_tag_unsigned(Tag::PlanarConfiguration)? == Some(PLANES_APART) {
        return Ok(Given::Whole);
    }
    let (width, height) = decoder.dimensions()?;
    let row = width as usize * channels.count();
    let mut reduction = Reduction::new(width, channels, factor);
    if colour.bit_depth() == 8 && is_plain(&mut decoder)? {
        plain_strips(&mut decoder, bytes, row, height, &mut reduction)?;
        return Ok(Given::Rows(reduction));
    }
    // Strips are as wide as the picture, tiles are not.
    let (chunk_width, chunk_height) = decoder.chunk_dimensions();
    let band = row.checked_mul(chunk_height.min(height) as usize);
    let fits = |samples: &usize| *samples <= LARGEST_BAND / usize::from(colour.bit_depth() / 8);
    let Some(band) = band.filter(|samples| fits(samples) && chunk_width > 0 && chunk_height > 0)
    else {
        return Ok(Given::Whole);
    };
    let across = width.div_ceil(chunk_width);
    let mut band = vec![0; band];
    for down in 0..height.div_ceil(chunk_height) {
        let rows = chunk_height.min(height - down * chunk_height) as usize;
        for right in 0..across {
            let chunk = down * across + right;
            let chunk_row = decoder.chunk_data_dimensions(chunk).0 as usize * channels.count();
            let samples = match decoder.read_chunk(chunk)? {
                DecodingResult::U8(samples) => samples,
                DecodingResult::U16(samples) => samples.into_iter().map(narrowed).collect(),
                _ => return Ok(Given::Whole),
            };
            let first = (right * chunk_width) as usize * channels.count();
            let places = band.chunks_exact_mut(row).take(rows);
            for (place, samples) in places.zip(samples.chunks_exact(chunk_row.max(1))) {
                place[first..first + chunk_row].copy_from_slice(samples);
            }
        }
        let rows = band.chunks_exact(row).take(rows);
        rows.for_each(|row| reduction.push(row));
    }
    Ok(Given::Rows(reduction))
}

/// Whether a TIFF's bytes are its samples.
fn is_plain(decoder: &mut Decoder<Cursor<&[u8]>>) -> Result<bool> {
    let mut is =
        |tag, value: u16| Ok::<_, TiffError>(decoder.find_tag_unsigned(tag)? == Some(value));
    Ok(is(Tag::Compression, UNCOMPRESSED)?
        && !is(Tag::PhotometricInterpretation, WHITE_IS_ZERO)?
        && decoder.get_chunk_type() == ChunkType::Strip)
}

/// Strips without compression, which may be a single one as long as the file.
fn plain_strips(
    decoder: &mut Decoder<Cursor<&[u8]>>,
    bytes: &[u8],
    row: usize,
    height: u32,
    reduction: &mut Reduction,
) -> Result<()> {
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let offsets = decoder.get_tag_u64_vec(Tag::StripOffsets)?;
    let lengths = decoder.get_tag_u64_vec(Tag::StripByteCounts)?;
    let mut left = height as usize;
    for (offset, length) in offsets.into_iter().zip(lengths) {
        let start = usize::try_from(offset)?;
        let end = start
            .checked_add(usize::try_from(length)?)
            .ok_or_else(cut)?;
        let strip = bytes.get(start..end).ok_or_else(cut)?;
        for row in strip.chunks_exact(row).take(left) {
            reduction.push(row);
            left -= 1;
        }
    }
    if left > 0 { Err(cut().into()) } else { Ok(()) }
}
