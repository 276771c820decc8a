//! Which photo format a file is, by its first bytes.
//!
//! Names of files are never asked: a PNG called .jpg is a PNG. Formats that cannot be decoded are
//! recognised too, so that the error names them instead of "not a photo".

use super::raw;

/// A photo format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
    /// GIF, of which the first frame counts.
    Gif,
    /// Windows bitmap.
    Bmp,
    /// TIFF with a picture in it, not a camera's raw data.
    Tiff,
    /// A photo format that is not decoded yet, by the name its owner knows.
    NotYet(&'static str),
}

impl Format {
    /// The name that its owner knows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::NotYet(name) => name,
        }
    }
}

/// Formats that are known by fixed bytes at a fixed place: offset, bytes, format.
const SIGNATURES: &[(usize, &[u8], Format)] = &[
    (0, b"\xFF\xD8\xFF", Format::Jpeg),
    (0, b"\x89PNG\r\n\x1A\n", Format::Png),
    (8, b"WEBP", Format::WebP),
    (0, b"GIF87a", Format::Gif),
    (0, b"GIF89a", Format::Gif),
    (0, b"FUJIFILMCCD-RAW", Format::NotYet("Fujifilm RAF")),
    (0, b"II\x1A\0\0\0HEAPCCDR", Format::NotYet("Canon CRW")),
    (0, b"\0MRM", Format::NotYet("Minolta MRW")),
    (0, b"FOVb", Format::NotYet("Sigma X3F")),
    (0, b"IIU\0", Format::NotYet("Panasonic RW2")),
    (0, b"IIRO", Format::NotYet("Olympus ORF")),
    (0, b"IIRS", Format::NotYet("Olympus ORF")),
    (0, b"MMOR", Format::NotYet("Olympus ORF")),
    (0, b"8BPS", Format::NotYet("Photoshop PSD")),
    (0, b"\xFF\x0A", Format::NotYet("JPEG XL")),
    (0, b"\0\0\0\x0CJXL \r\n\x87\n", Format::NotYet("JPEG XL")),
    (0, b"\0\0\0\x0CjP  \r\n\x87\n", Format::NotYet("JPEG 2000")),
];

/// Brands of an ISO media file (`ftyp` box), the telling ones first: an AVIF also carries the
/// general `mif1`. A film is none of these.
const BRANDS: &[(&[u8; 4], &str)] = &[
    (b"avif", "AVIF"),
    (b"avis", "AVIF"),
    (b"crx ", "Canon CR3"),
    (b"heic", "HEIC"),
    (b"heix", "HEIC"),
    (b"heim", "HEIC"),
    (b"heis", "HEIC"),
    (b"hevc", "HEIC"),
    (b"hevx", "HEIC"),
    (b"mif1", "HEIF"),
    (b"msf1", "HEIF"),
];

/// The format of the file that starts with `head`: none if it is no photo.
///
/// Some kilobytes are enough. Only a camera's raw file inside a TIFF may need more to be told from
/// a plain TIFF, which is what it is called until then.
pub fn sniff(head: &[u8]) -> Option<Format> {
    let starts =
        |at: usize, bytes: &[u8]| head.get(at..).is_some_and(|tail| tail.starts_with(bytes));
    let signed = SIGNATURES.iter().find(|(at, bytes, _)| starts(*at, bytes));
    match signed {
        Some((_, _, Format::WebP)) if !head.starts_with(b"RIFF") => None,
        Some((_, _, format)) => Some(*format),
        None if head.starts_with(b"II*\0") || head.starts_with(b"MM\0*") => {
            Some(raw::name(head).map_or(Format::Tiff, Format::NotYet))
        }
        None if starts(4, b"ftyp") => brand(head).map(Format::NotYet),
        None => is_bmp(head).then_some(Format::Bmp),
    }
}

/// The brand of an ISO media file: a box of its length, `ftyp`, the brand, a version, more brands.
fn brand(head: &[u8]) -> Option<&'static str> {
    let length = u32::from_be_bytes(*head.first_chunk()?) as usize;
    let brands = head.get(8..length.min(head.len()))?.as_chunks::<4>().0;
    let carried = |wanted: &[u8; 4]| brands.contains(wanted);
    BRANDS
        .iter()
        .find(|(brand, _)| carried(brand))
        .map(|(_, name)| *name)
}

/// Two letters are too little to tell a bitmap from a text that starts with "BM": the length of the
/// header behind them has few values.
fn is_bmp(head: &[u8]) -> bool {
    head.starts_with(b"BM")
        && matches!(
            head.get(14..18),
            Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_content() {
        let cases: &[(&[u8], Option<Format>)] = &[
            (b"\xFF\xD8\xFF\xE0..", Some(Format::Jpeg)),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some(Format::WebP)),
            (b"RIFF\0\0\0\0WAVEfmt ", None),
            (b"....\0\0\0\0WEBP", None),
            (b"BMW drivers wrote this text", None),
            (b"BM....\0\0\0\0....\x28\0\0\0", Some(Format::Bmp)),
            (
                b"\0\0\0\x1Cftypmif1\0\0\0\0mif1avifmiaf",
                Some(Format::NotYet("AVIF")),
            ),
            (
                b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
                Some(Format::NotYet("HEIC")),
            ),
            (
                b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom",
                Some(Format::NotYet("Canon CR3")),
            ),
            (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", None),
            (b"\0\0\0\x10ftypisom\0\0\0\0heicheic", None),
            (b"II*\0\0\0\0\0", Some(Format::Tiff)),
            (b"8BPS\0\x01", Some(Format::NotYet("Photoshop PSD"))),
            (b"<html>", None),
            (b"", None),
        ];
        for (head, expected) in cases {
            assert_eq!(sniff(head), *expected, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn any_short_head_is_survived() {
        for (_, bytes, _) in SIGNATURES {
            for end in 0..bytes.len() {
                sniff(&bytes[..end]);
            }
        }
        for end in 0..22 {
            sniff(&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..end]);
            sniff(&b"II*\0\x08\0\0\0\xFF\xFF............"[..end]);
        }
    }
}
