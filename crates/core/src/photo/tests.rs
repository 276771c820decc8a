//! Decoding as a whole, on the small pictures of `tests/photos` (one peculiarity each; made by its
//! `make.py`). The expected colours come from Pillow and LittleCMS.

use std::fs;
use std::path::Path;

use super::*;

fn bytes(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photos");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Decoded whole.
fn decoded(name: &str) -> Result<Photo, Unreadable> {
    decode(&bytes(name), |width, height| (width, height))
}

fn photo(name: &str) -> Photo {
    decoded(name).unwrap_or_else(|reason| panic!("{name}: {reason}"))
}

/// The colour at a place given in shares of width and height.
fn colour(photo: &Photo, x: f32, y: f32) -> [u8; 3] {
    let (width, height) = (photo.pixels.width(), photo.pixels.height());
    let (x, y) = ((x * width as f32) as usize, (y * height as f32) as usize);
    photo.pixels.rgb().as_chunks::<3>().0[y * width as usize + x]
}

fn assert_near(name: &str, actual: [u8; 3], expected: [u8; 3], tolerance: u8) {
    let near = actual
        .iter()
        .zip(expected)
        .all(|(a, b)| a.abs_diff(b) <= tolerance);
    assert!(near, "{name}: {actual:?}, expected {expected:?}");
}

const RED: [u8; 3] = [200, 40, 40];
const GREEN: [u8; 3] = [40, 160, 60];
const BLUE: [u8; 3] = [40, 60, 200];
const YELLOW: [u8; 3] = [220, 200, 60];

/// Colours of the upper left, upper right, lower left and lower right.
fn assert_quadrants(name: &str, photo: &Photo, expected: [[u8; 3]; 4]) {
    for ((x, y), expected) in [(0.2, 0.2), (0.8, 0.2), (0.2, 0.8), (0.8, 0.8)]
        .iter()
        .zip(expected)
    {
        assert_near(name, colour(photo, *x, *y), expected, 3);
    }
}

#[test]
fn every_orientation_comes_out_upright() {
    let turned_right = [BLUE, RED, YELLOW, GREEN];
    let cases = [
        ("orientation-1.jpg", [RED, GREEN, BLUE, YELLOW]),
        ("orientation-2.jpg", [GREEN, RED, YELLOW, BLUE]),
        ("orientation-3.jpg", [YELLOW, BLUE, GREEN, RED]),
        ("orientation-4.jpg", [BLUE, YELLOW, RED, GREEN]),
        ("orientation-5.jpg", [RED, BLUE, GREEN, YELLOW]),
        ("orientation-6.jpg", turned_right),
        ("orientation-7.jpg", [YELLOW, GREEN, BLUE, RED]),
        ("orientation-8.jpg", [GREEN, YELLOW, RED, BLUE]),
        ("orientation-6.png", turned_right),
        ("orientation-6.webp", turned_right),
        ("orientation-6.tif", turned_right),
    ];
    for (name, expected) in cases {
        let photo = photo(name);
        assert_quadrants(name, &photo, expected);
        let lying = name["orientation-".len()..].starts_with(['1', '2', '3', '4']);
        let size = if lying { (96, 64) } else { (64, 96) };
        assert_eq!((photo.width, photo.height), size, "{name}");
    }
}

#[test]
fn every_container_shows_the_same_picture() {
    for name in [
        "progressive.jpg",
        "png-named.jpg",
        "photo.png",
        "photo.webp",
        "photo.gif",
        "photo.bmp",
        "photo.tif",
        "palette.png",
    ] {
        assert_quadrants(name, &photo(name), [RED, GREEN, BLUE, YELLOW]);
    }
}

#[test]
fn every_kind_of_sample_becomes_what_a_viewer_shows() {
    let cases = [
        ("cmyk.jpg", 0.5, [194, 46, 131]),
        ("ycck.jpg", 0.5, [194, 46, 131]),
        ("16-bit.png", 0.0, [0, 255, 117]),
        ("16-bit.png", 0.99, [248, 7, 117]),
        ("16-bit-grey.png", 0.99, [248; 3]),
        ("grey.jpg", 0.99, [251; 3]),
        ("grey.png", 0.99, [251; 3]),
        // Two tenths of a grey, eight tenths of the white behind it.
        ("grey-alpha.png", 0.5, [224; 3]),
        ("rgba.png", 0.5, [244, 212, 212]),
        ("rgba.webp", 0.5, [244, 212, 212]),
        ("1-bit.png", 0.99, [0; 3]),
        ("1-bit.tif", 0.99, [0; 3]),
        // The first frame is red, the second blue.
        ("two-frames.gif", 0.5, RED),
        ("animated.webp", 0.5, RED),
    ];
    for (name, place, expected) in cases {
        assert_near(name, colour(&photo(name), place, place), expected, 1);
    }
    let transparent = photo("palette-transparent.png");
    assert_quadrants("transparent", &transparent, [[255; 3], GREEN, BLUE, YELLOW]);
}

#[test]
fn colour_profiles_are_converted() {
    let (from_p3, from_adobe, as_it_is) = ([0, 203, 112], [0, 201, 117], [90, 200, 120]);
    let cases = [
        ("display-p3.jpg", from_p3),
        ("display-p3.png", from_p3),
        ("display-p3.webp", from_p3),
        ("display-p3.tif", from_p3),
        ("display-p3-clear.png", [255; 3]),
        ("adobe-rgb.jpg", from_adobe),
        ("adobe-rgb-parts.jpg", from_adobe),
        ("adobe-rgb-exif.jpg", from_adobe),
        ("linear-grey.jpg", [168; 3]),
        ("ink-profile.jpg", [0, 102, 177]),
        ("broken-profile.jpg", as_it_is),
        ("grey-profile-on-rgb.jpg", as_it_is),
    ];
    for (name, expected) in cases {
        assert_near(name, colour(&photo(name), 0.5, 0.5), expected, 2);
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    use Unreadable::*;
    let cases = [
        ("empty.jpg", Empty),
        ("text.jpg", NotAPhoto),
        ("film.mp4", NotAPhoto),
        ("start-only.jpg", Truncated),
        ("truncated.jpg", Truncated),
        ("truncated-95.jpg", Truncated),
        ("truncated-progressive.jpg", Truncated),
        ("truncated.png", Truncated),
        ("truncated.webp", Truncated),
        ("truncated.gif", Truncated),
        ("truncated.bmp", Truncated),
        ("truncated.tif", Truncated),
        (
            "bomb.png",
            TooLarge {
                width: 60_000,
                height: 60_000,
            },
        ),
        (
            "bomb.jpg",
            TooLarge {
                width: 65_500,
                height: 65_500,
            },
        ),
        ("stub.heic", NotYet("HEIC")),
        ("stub.avif", NotYet("AVIF")),
        ("stub.cr2", NotYet("Canon CR2")),
        ("stub.cr3", NotYet("Canon CR3")),
        ("stub.nef", NotYet("Nikon NEF")),
        ("stub.raf", NotYet("Fujifilm RAF")),
        ("stub.jxl", NotYet("JPEG XL")),
        ("stub.psd", NotYet("Photoshop PSD")),
    ];
    for (name, expected) in cases {
        assert_eq!(decoded(name).err(), Some(expected), "{name}");
    }
    assert!(matches!(decoded("damaged.jpg"), Err(Damaged(_))));
}

#[test]
fn harmless_oddities_do_not_refuse_a_photo() {
    let whole = photo("bytes-after-end.jpg");
    for name in ["no-end-mark.jpg", "stray-bytes.jpg"] {
        assert_eq!(photo(name).pixels, whole.pixels, "{name}");
    }
}

#[test]
fn wherever_a_file_is_cut_no_half_photo_comes_out() {
    for name in [
        "no-end-mark.jpg",
        "progressive.jpg",
        "photo.png",
        "photo.webp",
        "photo.gif",
    ] {
        let (whole, picture) = (bytes(name), photo(name).pixels);
        for end in (0..whole.len()).step_by(5) {
            if let Ok(cut) = decode(&whole[..end], |width, height| (width, height)) {
                assert_eq!(
                    cut.pixels,
                    picture,
                    "{name} cut at {end} of {}",
                    whole.len()
                );
            }
        }
    }
}

#[test]
fn decoding_reduces_to_no_less_than_twice_what_is_wanted() {
    for name in ["colour.jpg", "photo.png", "cmyk.jpg"] {
        let bytes = bytes(name);
        let whole = photo(name);
        for side in [1, 5, 12, 24, 48, 1000] {
            let photo = decode(&bytes, |_, _| (side, side)).unwrap();
            assert_eq!((photo.width, photo.height), (whole.width, whole.height));
            let (width, height) = (photo.pixels.width(), photo.pixels.height());
            assert!(width >= photo.width.min(2 * side), "{name} {side}: {width}");
            assert!(
                height >= photo.height.min(2 * side),
                "{name} {side}: {height}"
            );
        }
    }
    let reduced = decode(&bytes("colour.jpg"), |_, _| (12, 8)).unwrap();
    assert_eq!((reduced.pixels.width(), reduced.pixels.height()), (24, 16));
}

#[test]
fn a_reduced_photo_says_how_much_of_its_last_row_and_column_it_fills() {
    let mut odd = Vec::new();
    image::codecs::jpeg::JpegEncoder::new(&mut odd)
        .encode(&[90; 97 * 65 * 3], 97, 65, image::ExtendedColorType::Rgb8)
        .unwrap();
    let photo = decode(&odd, |_, _| (12, 8)).unwrap();
    assert_eq!((photo.pixels.width(), photo.pixels.height()), (25, 17));
    assert_eq!(photo.area, [0.0, 0.0, 24.25, 16.25]);
    let whole = decode(&odd, |_, _| (97, 65)).unwrap();
    assert_eq!(whole.area, [0.0, 0.0, 97.0, 65.0]);
}

#[test]
fn the_wanted_size_is_asked_for_the_upright_photo() {
    let asked = std::cell::Cell::new((0, 0));
    let photo = decode(&bytes("orientation-6.jpg"), |width, height| {
        asked.set((width, height));
        (8, 24)
    });
    assert_eq!(asked.get(), (64, 96));
    // Half of 96 is twice 24; had it been taken for the stored 64, nothing could be reduced.
    assert_eq!(photo.unwrap().pixels.height(), 48);
}

#[test]
fn black_and_white_is_told_from_colour() {
    for (name, expected) in [
        ("black-and-white.jpg", true),
        ("sepia.jpg", true),
        ("date-stamp.jpg", true),
        ("grey.png", true),
        ("colour.jpg", false),
        ("foggy.jpg", false),
        ("framed.jpg", false),
    ] {
        let row = measure::MEASURES
            .iter()
            .find(|row| row.name == "monochrome")
            .unwrap();
        let value = photo(name).measures.get("monochrome").unwrap();
        assert_eq!(value >= row.threshold, expected, "{name}: {value}");
    }
}

/// A sweep of colours large enough to be reduced while it is decoded.
const SWEEP: (u32, u32) = (4800, 2403);

fn sweep<T>(sample: impl Fn(u32) -> T) -> Vec<T> {
    let places = (0..SWEEP.1).flat_map(|y| (0..SWEEP.0).map(move |x| (x, y)));
    let colours = places.flat_map(|(x, y)| [x * 255 / SWEEP.0, y * 255 / SWEEP.1, 77]);
    colours.map(sample).collect()
}

fn png_sweep() -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SWEEP.0, SWEEP.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fastest);
    let mut writer = encoder.write_header().unwrap();
    writer
        .write_image_data(&sweep(|sample| sample as u8))
        .unwrap();
    writer.finish().unwrap();
    file
}

fn tiff_sweep<C: tiff::encoder::colortype::ColorType>(
    compression: tiff::encoder::Compression,
    samples: &[C::Inner],
) -> Vec<u8>
where
    [C::Inner]: tiff::encoder::TiffValue,
{
    let mut file = std::io::Cursor::new(Vec::new());
    let encoder = tiff::encoder::TiffEncoder::new(&mut file).unwrap();
    let mut encoder = encoder.with_compression(compression);
    encoder.write_image::<C>(SWEEP.0, SWEEP.1, samples).unwrap();
    file.into_inner()
}

#[test]
fn large_pictures_come_reduced_from_every_way_that_gives_rows() {
    use tiff::encoder::Compression;
    use tiff::encoder::colortype::{RGB8, RGB16};

    let eight = sweep(|sample| sample as u8);
    let sixteen = sweep(|sample| sample as u16 * 257);
    let plain = tiff_sweep::<RGB8>(Compression::Uncompressed, &eight);
    let files = [
        ("PNG", png_sweep()),
        (
            "TIFF, packed",
            tiff_sweep::<RGB8>(Compression::Packbits, &eight),
        ),
        (
            "TIFF, 16 bits",
            tiff_sweep::<RGB16>(Compression::Uncompressed, &sixteen),
        ),
        ("TIFF", plain.clone()),
    ];
    for (name, file) in &files {
        let photo =
            decode(file, |_, _| (300, 150)).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        assert_eq!((photo.width, photo.height), SWEEP, "{name}");
        assert_eq!(
            (photo.pixels.width(), photo.pixels.height()),
            (600, 301),
            "{name}"
        );
        assert_eq!(photo.area, [0.0, 0.0, 600.0, 2403.0 / 8.0], "{name}");
        for (x, y) in [(0.1, 0.1), (0.9, 0.3), (0.5, 0.99)] {
            let expected = [(255.0 * x) as u8, (255.0 * y) as u8, 77];
            assert_near(name, colour(&photo, x, y), expected, 1);
        }
        let cut = decode(&file[..file.len() / 2], |_, _| (300, 150)).map(|_| ());
        assert!(cut.is_err(), "{name}: half of it was taken for all");
    }
    // Never below twice the wanted size.
    let photo = decode(&plain, |_, _| (1200, 600)).unwrap();
    assert_eq!(photo.pixels.width(), 2400);
    assert_eq!(
        decode(&plain, |_, _| (4000, 2000)).unwrap().pixels.width(),
        4800
    );
}
