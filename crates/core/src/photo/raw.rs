//! Telling a camera's raw file, which looks like a TIFF, from a TIFF with a picture in it.
//!
//! Most makers' raw files are TIFFs whose first directory describes a preview, or the sensor's own
//! mosaic. Seen from the header both look like any TIFF: the tags of the first directory tell. Only
//! those are read here; nothing is decoded.

use std::collections::BTreeMap;

const NEW_SUBFILE_TYPE: u16 = 0x00FE;
const COMPRESSION: u16 = 0x0103;
const PHOTOMETRIC: u16 = 0x0106;
const MAKE: u16 = 0x010F;
const SUB_DIRECTORIES: u16 = 0x014A;
const DNG_VERSION: u16 = 0xC612;

/// Compressions of sensor data: Sony, Samsung, Panasonic, Nikon, Pentax.
const SENSOR_COMPRESSIONS: [u32; 5] = [32767, 32770, 34316, 34713, 65535];
/// Colour filter array; linear raw.
const SENSOR_PHOTOMETRICS: [u32; 2] = [32803, 34892];

/// Makers by the start of their name in capitals, and what their raw files are called.
const MAKERS: &[(&[u8], &str)] = &[
    (b"NIKON", "Nikon NEF"),
    (b"SONY", "Sony ARW"),
    (b"PENTAX", "Pentax PEF"),
    (b"RICOH", "Pentax PEF"),
    (b"SAMSUNG", "Samsung SRW"),
    (b"CANON", "Canon RAW"),
    (b"OLYMPUS", "Olympus ORF"),
    (b"HASSELBLAD", "Hasselblad 3FR"),
    (b"PHASE ONE", "Phase One IIQ"),
    (b"KODAK", "Kodak RAW"),
    (b"EPSON", "Epson ERF"),
];

/// The name of the raw format, or none: a TIFF to be decoded, or too little of it to say.
pub(super) fn name(tiff: &[u8]) -> Option<&'static str> {
    // Canon's mark stands between header and first directory.
    if tiff.get(8..11) == Some(b"CR\x02") {
        return Some("Canon CR2");
    }
    let directory = Directory::first(tiff)?;
    if directory.entries.contains_key(&DNG_VERSION) {
        return Some("DNG");
    }
    let is = |tag, values: &[u32]| {
        directory
            .value(tag)
            .is_some_and(|value| values.contains(&value))
    };
    // A reduced picture first, and the real one below it: how raw files carry their preview.
    let preview_first = directory
        .value(NEW_SUBFILE_TYPE)
        .is_some_and(|bits| bits & 1 == 1)
        && directory.entries.contains_key(&SUB_DIRECTORIES);
    let raw = is(COMPRESSION, &SENSOR_COMPRESSIONS)
        || is(PHOTOMETRIC, &SENSOR_PHOTOMETRICS)
        || (preview_first && directory.entries.contains_key(&MAKE));
    raw.then(|| directory.maker())
}

/// The first directory of a TIFF: for each tag where its value lies, or the value.
struct Directory<'a> {
    tiff: &'a [u8],
    big_endian: bool,
    entries: BTreeMap<u16, [u8; 12]>,
}

impl<'a> Directory<'a> {
    fn first(tiff: &'a [u8]) -> Option<Self> {
        let mut directory = Self {
            tiff,
            big_endian: tiff.starts_with(b"MM"),
            entries: BTreeMap::new(),
        };
        let start = directory.u32(*tiff.get(4..)?.first_chunk()?) as usize;
        let table = tiff.get(start..)?;
        let count = usize::from(directory.u16(*table.first_chunk()?));
        for &entry in table.get(2..)?.as_chunks::<12>().0.iter().take(count) {
            directory
                .entries
                .insert(directory.u16([entry[0], entry[1]]), entry);
        }
        Some(directory)
    }

    fn u16(&self, bytes: [u8; 2]) -> u16 {
        if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }

    fn u32(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    /// A short or long number.
    fn value(&self, tag: u16) -> Option<u32> {
        const SHORT: u16 = 3;
        let [_, _, t0, t1, _, _, _, _, v0, v1, v2, v3] = *self.entries.get(&tag)?;
        if self.u16([t0, t1]) == SHORT {
            return Some(self.u16([v0, v1]).into());
        }
        Some(self.u32([v0, v1, v2, v3]))
    }

    /// What the maker calls its raw files.
    fn maker(&self) -> &'static str {
        let make = self.value(MAKE).and_then(|at| self.tiff.get(at as usize..));
        let is_by = |start: &[u8]| {
            make.and_then(|make| make.get(..start.len()))
                .is_some_and(|make| make.eq_ignore_ascii_case(start))
        };
        MAKERS
            .iter()
            .find(|(start, _)| is_by(start))
            .map_or("camera RAW", |(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A TIFF with one directory of these numbers (all as longs) and this maker.
    fn tiff(big_endian: bool, tags: &[(u16, u32)], make: &str) -> Vec<u8> {
        let u16 = |n: u16| {
            if big_endian {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let u32 = |n: u32| {
            if big_endian {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let mut bytes = if big_endian {
            b"MM\0*".to_vec()
        } else {
            b"II*\0".to_vec()
        };
        bytes.extend(u32(8));
        bytes.extend(u16(tags.len() as u16 + 1));
        let make_at = 8 + 2 + 12 * (tags.len() as u32 + 1);
        for &(tag, value) in tags.iter().chain([&(MAKE, make_at)]) {
            bytes.extend([u16(tag), u16(4)].concat());
            bytes.extend([u32(1), u32(value)].concat());
        }
        bytes.extend(make.as_bytes());
        bytes
    }

    #[test]
    fn raw_files_are_told_from_pictures() {
        type Case = (&'static [(u16, u32)], &'static str, Option<&'static str>);
        const PREVIEW: &[(u16, u32)] = &[(NEW_SUBFILE_TYPE, 1), (SUB_DIRECTORIES, 200)];
        let cases: [Case; 8] = [
            (PREVIEW, "NIKON CORPORATION", Some("Nikon NEF")),
            (PREVIEW, "Sony", Some("Sony ARW")),
            (PREVIEW, "Unheard of", Some("camera RAW")),
            (
                &[(COMPRESSION, 65535)],
                "PENTAX Corporation",
                Some("Pentax PEF"),
            ),
            (&[(PHOTOMETRIC, 32803)], "", Some("camera RAW")),
            (&[(DNG_VERSION, 1)], "LEICA", Some("DNG")),
            (
                &[(COMPRESSION, 5), (PHOTOMETRIC, 2)],
                "NIKON CORPORATION",
                None,
            ),
            (
                &[(NEW_SUBFILE_TYPE, 0), (SUB_DIRECTORIES, 200)],
                "Canon",
                None,
            ),
        ];
        for (tags, make, expected) in cases {
            for big_endian in [false, true] {
                assert_eq!(
                    name(&tiff(big_endian, tags, make)),
                    expected,
                    "{make} {tags:x?}"
                );
            }
        }
        assert_eq!(name(b"II*\0\x10\0\0\0CR\x02\0"), Some("Canon CR2"));
    }

    #[test]
    fn a_directory_that_is_not_there_yet_tells_nothing() {
        assert_eq!(name(b"II*\0\xFF\xFF\xFF\xFF"), None);
        let whole = tiff(false, &[(DNG_VERSION, 1)], "");
        for end in 0..20 {
            assert_eq!(name(&whole[..end]), None);
        }
    }
}
