//! What a page shows of a photo's EXIF (the caption, the camera and its settings, the date), and the EXIF that rendered
//! photos keep.
//!
//! Broken EXIF is never a reason to refuse a photo: what cannot be read is ignored.

use std::io::Cursor;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};

use exif::experimental::Writer;
use exif::{Context, Exif, Field, In, Reader, Tag, Value};
use serde::{Deserialize, Serialize};

/// The text below a photo. Fields that EXIF lacks are empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Caption {
    pub text: String,
    /// "Canon EOS R5 · RF50mm F1.8 STM · 1/250 s · f/1.8 · ISO 100"
    pub camera: String,
    /// "2019-05-01 12:30:00", in the camera's time zone.
    pub date: String,
}

/// EXIF as read from a photo.
pub struct Metadata(Option<Exif>);

/// What cameras write into the caption field themselves.
const NO_CAPTIONS: &[&str] = &[
    "OLYMPUS DIGITAL CAMERA",
    "SONY DSC",
    "DIGITAL CAMERA",
    "KONICA MINOLTA DIGITAL CAMERA",
    "MINOLTA DIGITAL CAMERA",
    "SAMSUNG",
    "DCIM",
    "default",
];

/// The fields that a rendered photo keeps: author, copyright, and how it was taken.
const KEPT: &[Tag] = &[
    Tag::ImageDescription,
    Tag::Artist,
    Tag::Copyright,
    Tag::Make,
    Tag::Model,
    Tag::LensModel,
    Tag::ExposureTime,
    Tag::FNumber,
    Tag::PhotographicSensitivity,
    Tag::FocalLength,
    Tag::DateTimeOriginal,
];

/// The numbers of the GPS fields (EXIF 2.3, table 15).
const GPS_FIELDS: RangeInclusive<u16> = 0..=0x1F;

impl Metadata {
    /// Reads the EXIF of a JPEG, PNG, WebP or TIFF.
    pub fn read(bytes: &[u8]) -> Self {
        let read = || {
            Reader::new()
                .continue_on_error(true)
                .read_from_container(&mut Cursor::new(bytes))
                .or_else(|error| error.distill_partial_result(|_| ()))
                .ok()
        };
        Self(catch_unwind(AssertUnwindSafe(read)).ok().flatten())
    }

    pub fn caption(&self) -> Caption {
        let Some(exif) = &self.0 else {
            return Caption::default();
        };
        let field = |tag| exif.get_field(tag, In::PRIMARY);
        let text = |tag| field(tag).and_then(text).unwrap_or_default();
        let number = |tag| field(tag).and_then(number);
        let make = text(Tag::Make);
        let model = text(Tag::Model);
        let starts_with_make = make
            .split_whitespace()
            .next()
            .is_some_and(|first| model.to_lowercase().starts_with(&first.to_lowercase()));
        let body = if model.is_empty() || starts_with_make {
            model
        } else {
            format!("{make} {model}").trim().to_owned()
        };
        let settings = [
            body,
            text(Tag::LensModel),
            number(Tag::ExposureTime).map(exposure).unwrap_or_default(),
            number(Tag::FNumber)
                .map(|stop| format!("f/{}", short(stop)))
                .unwrap_or_default(),
            number(Tag::PhotographicSensitivity)
                .map(|iso| format!("ISO {}", short(iso)))
                .unwrap_or_default(),
        ];
        let described = text(Tag::ImageDescription);
        let is_caption = !NO_CAPTIONS
            .iter()
            .any(|no| no.eq_ignore_ascii_case(&described));
        Caption {
            text: if is_caption { described } else { String::new() },
            camera: settings
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(" · "),
            date: field(Tag::DateTimeOriginal)
                .or_else(|| field(Tag::DateTimeDigitized))
                .and_then(date)
                .unwrap_or_default(),
        }
    }

    /// The EXIF block of a rendered photo. GPS fields only with `keep_gps`.
    pub fn exported(&self, keep_gps: bool) -> Option<Vec<u8>> {
        let exif = self.0.as_ref()?;
        // Field by field, not all of `fields()`: thousands can share the same bytes, and each is copied.
        let gps = GPS_FIELDS.filter(|_| keep_gps);
        let wanted = KEPT.iter().copied();
        let wanted = wanted.chain(gps.map(|number| Tag(Context::Gps, number)));
        let kept: Vec<&Field> = wanted
            .filter_map(|tag| exif.get_field(tag, In::PRIMARY))
            .collect();
        if kept.is_empty() {
            return None;
        }
        let mut writer = Writer::new();
        kept.into_iter().for_each(|field| writer.push_field(field));
        let mut block = Cursor::new(Vec::new());
        let written = catch_unwind(AssertUnwindSafe(|| writer.write(&mut block, false).is_ok()));
        written.unwrap_or(false).then(|| block.into_inner())
    }
}

/// One line of text without control characters, at most 1000 characters.
fn text(field: &Field) -> Option<String> {
    let Value::Ascii(parts) = &field.value else {
        return None;
    };
    let bytes = parts.first()?;
    let text = String::from_utf8_lossy(bytes);
    let words: Vec<&str> = text
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    Some(words.join(" ").chars().take(1000).collect())
}

fn number(field: &Field) -> Option<f64> {
    let number = match &field.value {
        Value::Rational(values) => values.first()?.to_f64(),
        value => f64::from(value.get_uint(0)?),
    };
    (number.is_finite() && number > 0.0).then_some(number)
}

/// "1/250 s", "2.5 s"
fn exposure(seconds: f64) -> String {
    if seconds < 0.4 {
        format!("1/{} s", (1.0 / seconds).round())
    } else {
        format!("{} s", short(seconds))
    }
}

fn short(number: f64) -> String {
    format!("{}", (number * 10.0).round() / 10.0)
}

fn date(field: &Field) -> Option<String> {
    let Value::Ascii(parts) = &field.value else {
        return None;
    };
    let date = exif::DateTime::from_ascii(parts.first()?).ok()?;
    let exif::DateTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
        ..
    } = date;
    let is_a_date = year > 0 && (1..=12).contains(&month) && (1..=31).contains(&day);
    is_a_date.then(|| format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_photographers_write_them() {
        assert_eq!(
            [
                exposure(0.004),
                exposure(0.5),
                exposure(30.0),
                short(1.8),
                short(8.0)
            ],
            ["1/250 s", "0.5 s", "30 s", "1.8", "8"]
        );
    }

    #[test]
    fn the_place_is_left_out_unless_it_is_asked_for() {
        let field = |tag, value| Field {
            tag,
            ifd_num: In::PRIMARY,
            value,
        };
        let text = |text: &str| Value::Ascii(vec![text.as_bytes().to_vec()]);
        let degrees = Value::Rational(vec![(59, 1).into(), (20, 1).into(), (0, 1).into()]);
        let fields = [
            field(Tag::ImageDescription, text("A lighthouse")),
            field(Tag::Artist, text("Ada")),
            field(Tag::Make, text("NIKON CORPORATION")),
            field(Tag::Model, text("NIKON Z 6")),
            field(Tag::ExposureTime, Value::Rational(vec![(10, 2500).into()])),
            field(Tag::DateTimeOriginal, text("2019:05:01 12:30:00")),
            field(Tag::GPSLatitudeRef, text("N")),
            field(Tag::GPSLatitude, degrees),
        ];
        let mut writer = Writer::new();
        fields.iter().for_each(|field| writer.push_field(field));
        let mut block = Cursor::new(Vec::new());
        writer.write(&mut block, true).unwrap();
        let read = |block| Metadata(Reader::new().read_raw(block).ok());
        let metadata = read(block.into_inner());
        let caption = metadata.caption();
        assert_eq!(caption.text, "A lighthouse");
        assert_eq!(caption.camera, "NIKON Z 6 · 1/250 s");
        assert_eq!(caption.date, "2019-05-01 12:30:00");
        for keep_gps in [false, true] {
            let Metadata(Some(exif)) = read(metadata.exported(keep_gps).unwrap()) else {
                panic!("it is no EXIF");
            };
            let has = |tag| exif.get_field(tag, In::PRIMARY).is_some();
            assert!(has(Tag::Artist));
            assert_eq!(has(Tag::GPSLatitude), keep_gps);
            assert_eq!(has(Tag::GPSLatitudeRef), keep_gps);
        }
    }

    #[test]
    fn no_photo_has_no_caption() {
        for bytes in [
            &b""[..],
            b"\xFF\xD8\xFF",
            b"RIFF0000WEBP",
            b"II*\0\xFF\xFF\xFF\xFF",
        ] {
            let metadata = Metadata::read(bytes);
            assert_eq!(metadata.caption(), Caption::default());
            assert_eq!(metadata.exported(true), None);
        }
    }

    /// Issue 19: an EXIF block of 124 KB, whose thousands of fields share their bytes, took 7.4 GB.
    #[cfg(target_os = "linux")]
    #[test]
    fn fields_that_are_not_kept_take_no_memory() {
        let (fields, length) = (2000, 60_000);
        let mut block = b"MM\0*\0\0\0\x08".to_vec();
        block.extend(u16::to_be_bytes(fields));
        let end = 8 + 2 + 12 * u32::from(fields) + 4;
        for number in 0..fields {
            block.extend(u16::to_be_bytes(0xC000 + number));
            block.extend([0, 2]);
            block.extend(u32::to_be_bytes(length));
            block.extend(u32::to_be_bytes(end));
        }
        block.resize((end + length) as usize, 0);
        let metadata = Metadata(Reader::new().read_raw(block).ok());
        assert!(metadata.0.is_some());
        assert_eq!(metadata.exported(true), None);
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.split("VmHWM:").nth(1).unwrap();
        let kilobytes: u64 = peak.split_whitespace().next().unwrap().parse().unwrap();
        assert!(kilobytes < 500_000, "{kilobytes} KB");
    }
}
