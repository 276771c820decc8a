//! A JPEG's header: the segments before the first scan, read in safe Rust.
//!
//! Not a validator: libjpeg sees the same bytes afterwards and has the last word. This reads what
//! has to be known before: the size, whether the picture comes in one scan, EXIF, the colour
//! profile.

use super::super::Unreadable;
use super::super::raster::check_size;

/// What the header contains.
pub(super) struct Header<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Progressive, or a scan for each component: a file cut between scans looks complete to a
    /// decoder.
    pub(super) several_scans: bool,
    /// The EXIF segment, `Exif\0\0` and a TIFF structure.
    pub(super) exif: Option<&'a [u8]>,
    /// The ICC profile, put together from its parts.
    pub(super) profile: Option<Vec<u8>>,
    /// Whether one of Adobe's programs wrote it.
    pub(super) adobe: bool,
}

const EXIF: &[u8] = b"Exif\0\0";
const PROFILE: &[u8] = b"ICC_PROFILE\0";

impl<'a> Header<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let mut segments = Segments {
            rest: bytes.get(2..).unwrap_or_default(),
        };
        let mut frame = None;
        let (mut exif, mut adobe, mut profile_parts) = (None, false, Vec::new());
        while let Some(Segment { marker, content }) = segments.next()? {
            match marker {
                0xC0..=0xCF if ![0xC4, 0xC8, 0xCC].contains(&marker) => {
                    frame = Some(Frame::read(marker, content)?);
                }
                0xE1 if exif.is_none() && content.starts_with(EXIF) => exif = Some(content),
                0xE2 => profile_parts.extend(ProfilePart::read(content)),
                0xEE if content.starts_with(b"Adobe") => adobe = true,
                START_OF_SCAN => {
                    let frame = frame
                        .ok_or_else(|| Unreadable::Damaged("no size in its header".to_owned()))?;
                    let in_scan = content.first().copied().unwrap_or_default();
                    return Ok(Self {
                        width: frame.width,
                        height: frame.height,
                        several_scans: frame.progressive || in_scan < frame.components,
                        exif,
                        profile: ProfilePart::join(profile_parts),
                        adobe,
                    });
                }
                END_OF_IMAGE => break,
                _ => {}
            }
        }
        // A size without a scan is refused for the size first: that is what a bomb looks like.
        if let Some(frame) = frame {
            check_size(frame.width, frame.height)?;
        }
        Err(Unreadable::Damaged("it contains no picture".to_owned()))
    }
}

const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: u8 = 0xD9;

struct Segment<'a> {
    marker: u8,
    content: &'a [u8],
}

/// The segments of a header, one after the other.
struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Segments<'a> {
    /// The next segment; none after the end mark. Stray bytes between segments are passed over.
    fn next(&mut self) -> Result<Option<Segment<'a>>, Unreadable> {
        loop {
            let pair: &[u8; 2] = self.rest.first_chunk().ok_or(Unreadable::Truncated)?;
            match *pair {
                [0xFF, END_OF_IMAGE] => return Ok(None),
                // Markers that stand alone: TEM, RST0 to RST7, start of image.
                [0xFF, 0x01 | 0xD0..=0xD8] => self.rest = &self.rest[2..],
                [0xFF, marker] if marker != 0x00 && marker != 0xFF => {
                    let length: &[u8; 2] =
                        self.rest[2..].first_chunk().ok_or(Unreadable::Truncated)?;
                    let end = 2 + usize::from(u16::from_be_bytes(*length)).max(2);
                    let content = self.rest.get(4..end).ok_or(Unreadable::Truncated)?;
                    self.rest = &self.rest[end..];
                    return Ok(Some(Segment { marker, content }));
                }
                _ => self.rest = &self.rest[1..],
            }
        }
    }
}

struct Frame {
    width: u32,
    height: u32,
    components: u8,
    progressive: bool,
}

impl Frame {
    fn read(marker: u8, content: &[u8]) -> Result<Self, Unreadable> {
        let &[_precision, h1, h0, w1, w0, components] = content
            .first_chunk()
            .ok_or_else(|| Unreadable::Damaged("its frame header is too short".to_owned()))?;
        Ok(Self {
            width: u16::from_be_bytes([w1, w0]).into(),
            height: u16::from_be_bytes([h1, h0]).into(),
            components,
            progressive: matches!(marker, 0xC2 | 0xC6 | 0xCA | 0xCE),
        })
    }
}

/// A piece of an ICC profile: a segment holds 64 KB, and a printer's profile is larger.
struct ProfilePart<'a> {
    number: u8,
    of: u8,
    bytes: &'a [u8],
}

impl<'a> ProfilePart<'a> {
    fn read(content: &'a [u8]) -> Option<Self> {
        match content.strip_prefix(PROFILE)? {
            [number, of, bytes @ ..] => Some(Self {
                number: *number,
                of: *of,
                bytes,
            }),
            _ => None,
        }
    }

    /// The whole profile, if no part is missing; they may come in any order.
    fn join(mut parts: Vec<Self>) -> Option<Vec<u8>> {
        parts.sort_by_key(|part| part.number);
        let complete = !parts.is_empty()
            && parts
                .iter()
                .zip(1..)
                .all(|(part, number)| part.number == number && usize::from(part.of) == parts.len());
        complete.then(|| parts.iter().flat_map(|part| part.bytes).copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u16 + 2).to_be_bytes();
        [&[0xFF, marker], &length[..], content].concat()
    }

    fn frame(marker: u8, components: u8) -> Vec<u8> {
        segment(marker, &[8, 0, 20, 0, 30, components])
    }

    fn jpeg(segments: &[Vec<u8>]) -> Vec<u8> {
        [vec![0xFF, 0xD8], segments.concat()].concat()
    }

    #[test]
    fn the_header_is_read_past_stray_and_filling_bytes() {
        let scan = segment(START_OF_SCAN, &[3]);
        let bytes = jpeg(&[
            vec![0x12, 0xFF, 0xFF],
            frame(0xC0, 3),
            vec![0, 0xFF, 0],
            scan,
        ]);
        let header = Header::read(&bytes).unwrap();
        assert_eq!((header.width, header.height), (30, 20));
        assert!(!header.several_scans);
    }

    #[test]
    fn several_scans_are_told_from_one() {
        for (marker, components, in_scan, several) in [
            (0xC0, 3, 3, false),
            (0xC0, 3, 1, true),
            (0xC2, 3, 3, true),
            (0xC0, 1, 1, false),
        ] {
            let scan = segment(START_OF_SCAN, &[in_scan]);
            let bytes = jpeg(&[frame(marker, components), scan]);
            assert_eq!(
                Header::read(&bytes).unwrap().several_scans,
                several,
                "{marker:x}"
            );
        }
    }

    #[test]
    fn a_profile_in_parts_is_joined_in_order_or_not_at_all() {
        let part = |number, of, text: &str| {
            segment(0xE2, &[PROFILE, &[number, of], text.as_bytes()].concat())
        };
        let profile = |parts: &[Vec<u8>]| {
            let end = [frame(0xC0, 1), segment(START_OF_SCAN, &[1])].concat();
            Header::read(&jpeg(&[parts.concat(), end])).unwrap().profile
        };
        let whole = profile(&[part(2, 2, "cd"), part(1, 2, "ab")]);
        assert_eq!(whole.as_deref(), Some(&b"abcd"[..]));
        assert_eq!(profile(&[part(1, 2, "ab")]), None);
        assert_eq!(profile(&[part(1, 2, "ab"), part(1, 2, "ab")]), None);
        assert_eq!(profile(&[]), None);
    }

    #[test]
    fn a_header_that_ends_early_is_truncated() {
        let whole = jpeg(&[frame(0xC0, 3), segment(START_OF_SCAN, &[3])]);
        for end in 0..whole.len() {
            assert_eq!(
                Header::read(&whole[..end]).err(),
                Some(Unreadable::Truncated),
                "{end}"
            );
        }
    }
}
