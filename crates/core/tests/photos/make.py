"""Makes the files in this folder: small synthetic pictures, each with one peculiarity (see README.md).

Run by hand once, with Pillow 13.0.0 (pip install pillow==13.0.0); the results are committed. Nothing
here is a photograph. Every random number is seeded, so a second run gives the same files.
"""

import io
import math
import random
import struct
import zlib
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
RED, GREEN, BLUE, YELLOW = (200, 40, 40), (40, 160, 60), (40, 60, 200), (220, 200, 60)
ORIENTATION = 0x0112


# --- pictures -------------------------------------------------------------------------------------


def quadrants(width=96, height=64):
    """Red and green over blue and yellow: every turn and flip shows."""
    picture = Image.new("RGB", (width, height))
    for colour, x, y in [(RED, 0, 0), (GREEN, 1, 0), (BLUE, 0, 1), (YELLOW, 1, 1)]:
        picture.paste(colour, (x * width // 2, y * height // 2, (x + 1) * width // 2, (y + 1) * height // 2))
    return picture


def plain(colour, mode="RGB"):
    return Image.new(mode, (32, 32), colour)


def landscape(colour, width=192, height=128):
    """Sky, hills and grain: `colour(grey, part)` for a grey of 0 to 1 in sky, hill or field."""
    grain = random.Random(7)
    picture = Image.new("RGB", (width, height))
    for y in range(height):
        for x in range(width):
            hill = 50 + 14 * math.sin(x / 23) + 6 * math.sin(x / 7)
            if y < hill:
                part, grey = "sky", 0.97 - 0.25 * y / hill
            elif y < hill + 30:
                part, grey = "hill", 0.05 + 0.3 * (y - hill) / 30
            else:
                part, grey = "field", 0.35 + 0.2 * math.sin(x * y / 300)
            grey += grain.uniform(-0.03, 0.03)
            picture.putpixel((x, y), tuple(round(255 * min(max(c, 0), 1)) for c in colour(grey, part)))
    return picture


def natural(grey, part):
    tint = {"sky": (-0.15, 0.0, 0.2), "hill": (0.0, 0.06, -0.02), "field": (0.05, 0.15, -0.2)}[part]
    return [grey + t for t in tint]


def foggy(grey, part):
    """The same scene with a third of its colour and half of its contrast, before a light grey."""
    return [0.75 + 0.5 * (grey - 0.6) + t / 3 for t in (c - grey for c in natural(grey, part))]


def sepia(grey, _part):
    return [0.06 + grey * 0.94, 0.03 + grey * 0.92, grey * 0.84]


# --- writing --------------------------------------------------------------------------------------


def write(name, data):
    (HERE / name).write_bytes(data)


def encoded(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def jpeg(picture, **options):
    return encoded(picture, "JPEG", **{"quality": 90, "subsampling": 0, **options})


def exif(orientation):
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    return tags.tobytes()


def segment(marker, content):
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segment(data, added):
    """A JPEG with more right after its start mark."""
    return data[:2] + added + data[2:]


def png(width, height, depth, colour_type, rows):
    """A PNG from raw rows, for the kinds that Pillow does not write."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# --- colour profiles ------------------------------------------------------------------------------


def fixed(*values):
    return b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def xyz(*values):
    return b"XYZ \0\0\0\0" + fixed(*values)


def gamma(value):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256)) + b"\0\0"


SRGB_CURVE = b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def profile(space, connection, kind, tags):
    """An ICC profile, version 2, from its tags."""
    offset, table, body = 132 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        content += b"\0" * (-len(content) % 4)
        table += struct.pack(">4sII", name, offset + len(body), len(content))
        body += content
    header = struct.pack(">I4sI4s4s4s", offset + len(body), b"\0" * 4, 0x02400000, kind, space, connection)
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    header += fixed(0.9642, 1.0, 0.8249) + b"\0" * 48
    return header + struct.pack(">I", len(tags)) + table + body


def rgb_profile(red, green, blue, curve):
    return profile(b"RGB ", b"XYZ ", b"mntr", {
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(*red), b"gXYZ": xyz(*green), b"bXYZ": xyz(*blue),
        b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    })


# Primaries adapted to D50, as Apple's and Adobe's own profiles give them.
DISPLAY_P3 = rgb_profile((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407), SRGB_CURVE)
ADOBE_RGB = rgb_profile((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457), gamma(2.19921875))
LINEAR_GREY = profile(b"GRAY", b"XYZ ", b"mntr", {b"wtpt": xyz(0.9642, 1.0, 0.8249), b"kTRC": gamma(1.0)})


def ink_profile():
    """Four inks to Lab over a grid of two steps: pure cyan is a known dark blue, black is black."""
    ramp = bytes(range(256))
    grid = b""
    for cyan in (0, 1):
        for magenta in (0, 1):
            for yellow in (0, 1):
                for key in (0, 1):
                    light = 0 if key else 100 - 60 * cyan - 25 * magenta - 8 * yellow
                    a, b = (0, 0) if key else (60 * magenta - 10 * cyan, 70 * yellow - 50 * cyan)
                    grid += bytes([max(round(light * 2.55), 0), a + 128, b + 128])
    unity = fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + unity + ramp * 4 + grid + ramp * 3
    return profile(b"CMYK", b"Lab ", b"prtr", {b"wtpt": xyz(0.9642, 1.0, 0.8249), b"A2B0": table})


# --- one function a group of the table in README.md ---------------------------------------------------


def orientations():
    for value in range(1, 9):
        write(f"orientation-{value}.jpg", jpeg(quadrants(), exif=exif(value)))
    write("orientation-6.png", encoded(quadrants(), "PNG", exif=exif(6)))
    write("orientation-6.webp", encoded(quadrants(), "WEBP", lossless=True, exif=exif(6)))
    write("orientation-6.tif", encoded(quadrants(), "TIFF", tiffinfo={ORIENTATION: 6}, compression="tiff_lzw"))


def kinds_of_samples():
    inks = (25, 200, 100, 40)
    write("cmyk.jpg", jpeg(plain(inks, "CMYK")))
    # As Photoshop writes it: the three inks as luma and two chromas, the key upside down.
    ycc = Image.new("RGB", (1, 1), inks[:3]).convert("YCbCr").getpixel((0, 0))
    stored = Image.new("CMYK", (32, 32), tuple(255 - v for v in ycc) + (inks[3],))
    data = jpeg(stored)
    mark = data.index(b"Adobe") + 11
    write("ycck.jpg", data[:mark] + b"\x02" + data[mark + 1:])

    ramp = [struct.pack(">3H", 257 * x, 65535 - 257 * x, 30000) for x in range(0, 256, 8)]
    write("16-bit.png", png(32, 4, 16, 2, [b"".join(ramp)] * 4))
    write("16-bit-grey.png", png(32, 4, 16, 0, [b"".join(pixel[:2] for pixel in ramp)] * 4))
    write("grey.jpg", jpeg(Image.linear_gradient("L").resize((32, 32))))
    write("grey.png", encoded(Image.linear_gradient("L").resize((32, 32)), "PNG"))
    write("grey-alpha.png", encoded(Image.new("LA", (32, 32), (100, 51)), "PNG"))
    write("rgba.png", encoded(plain((*RED, 51), "RGBA"), "PNG"))
    write("rgba.webp", encoded(plain((*RED, 51), "RGBA"), "WEBP", lossless=True))
    palette = quadrants().quantize(4)
    write("palette.png", encoded(palette, "PNG"))
    clear = palette.getpixel((0, 0))
    write("palette-transparent.png", encoded(palette, "PNG", transparency=clear))
    checks = Image.new("1", (32, 32))
    for x in range(32):
        for y in range(32):
            checks.putpixel((x, y), (x // 16 + y // 16) % 2)
    write("1-bit.png", encoded(checks, "PNG"))
    write("1-bit.tif", encoded(checks, "TIFF"))


def profiles():
    colour = (90, 200, 120)
    write("display-p3.jpg", jpeg(plain(colour), icc_profile=DISPLAY_P3))
    write("display-p3.png", encoded(plain(colour), "PNG", icc_profile=DISPLAY_P3))
    write("display-p3.webp", encoded(plain(colour), "WEBP", lossless=True, icc_profile=DISPLAY_P3))
    write("display-p3.tif", encoded(plain(colour), "TIFF", icc_profile=DISPLAY_P3))
    write("display-p3-clear.png", encoded(plain((*colour, 0), "RGBA"), "PNG", icc_profile=DISPLAY_P3))
    write("adobe-rgb.jpg", jpeg(plain(colour), icc_profile=ADOBE_RGB))
    half = len(ADOBE_RGB) // 2
    parts = [(2, ADOBE_RGB[half:]), (1, ADOBE_RGB[:half])]
    joined = b"".join(segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 2]) + part) for n, part in parts)
    write("adobe-rgb-parts.jpg", with_segment(jpeg(plain(colour)), joined))
    tags = Image.Exif()
    tags.get_ifd(0x8769)[0xA001] = 0xFFFF
    tags.get_ifd(0x8769)[0xA005] = {1: "R03"}
    write("adobe-rgb-exif.jpg", jpeg(plain(colour), exif=tags.tobytes()))
    write("broken-profile.jpg", jpeg(plain(colour), icc_profile=ADOBE_RGB[:200]))
    write("linear-grey.jpg", jpeg(plain(100, "L"), icc_profile=LINEAR_GREY))
    write("grey-profile-on-rgb.jpg", jpeg(plain(colour), icc_profile=LINEAR_GREY))
    write("ink-profile.jpg", jpeg(plain((255, 0, 0, 0), "CMYK"), icc_profile=ink_profile()))


def containers():
    write("progressive.jpg", jpeg(quadrants(), progressive=True))
    write("photo.png", encoded(quadrants(), "PNG"))
    write("photo.webp", encoded(quadrants(), "WEBP", quality=90))
    write("photo.gif", encoded(quadrants(), "GIF"))
    write("photo.bmp", encoded(quadrants(24, 16), "BMP"))
    write("photo.tif", encoded(quadrants(), "TIFF", compression="tiff_adobe_deflate"))
    frames = [plain(RED), plain(BLUE)]
    write("two-frames.gif", encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100))
    write("animated.webp", encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100, lossless=True))
    write("png-named.jpg", encoded(quadrants(), "PNG"))


def broken():
    scene = landscape(natural, 96, 64)
    for name, data in [
        (".jpg", jpeg(scene)),
        ("-progressive.jpg", jpeg(scene, progressive=True)),
        (".png", encoded(scene, "PNG")),
        (".webp", encoded(scene, "WEBP", quality=90)),
        (".gif", encoded(scene, "GIF")),
        (".bmp", encoded(scene.resize((36, 24)), "BMP")),
        (".tif", encoded(scene.resize((36, 24)), "TIFF")),
    ]:
        write(f"truncated{name}", data[: len(data) * 6 // 10])
    whole = jpeg(scene)
    write("truncated-95.jpg", whole[: len(whole) * 95 // 100])
    end = whole.index(b"\xff\xda") + 200
    write("damaged.jpg", whole[:end] + bytes(range(1, 151)) + whole[end + 150:])
    write("no-end-mark.jpg", whole[:-2])
    write("bytes-after-end.jpg", whole + b"and a maker's note behind the picture" * 4)
    first = 4 + whole[5]
    write("stray-bytes.jpg", whole[:first] + b"\0" * 8 + whole[first:])
    write("empty.jpg", b"")
    write("text.jpg", b"Dear diary, today I renamed a text file.\n")
    write("start-only.jpg", b"\xff\xd8\xff")


def bombs():
    write("bomb.png", png(60000, 60000, 8, 2, [b"\0" * 300]))
    small = jpeg(plain(RED))
    size = small.index(b"\xff\xc0") + 5
    write("bomb.jpg", small[:size] + struct.pack(">HH", 65500, 65500) + small[size + 4:])


def not_yet():
    def box(brand, *others):
        names = b"".join((brand, b"\0\0\0\0", *others))
        return struct.pack(">I", 8 + len(names)) + b"ftyp" + names + b"\0" * 64

    write("stub.heic", box(b"heic", b"mif1", b"heic"))
    write("stub.avif", box(b"avif", b"mif1", b"avif", b"miaf"))
    write("stub.cr3", box(b"crx ", b"crx ", b"isom"))
    write("film.mp4", box(b"isom", b"isom", b"mp42"))
    # A first directory as in Nikon's files: a reduced picture, its maker, and where the real one is.
    make = b"NIKON CORPORATION\0"
    entries = [(0x00FE, 4, 1, 1), (0x010F, 2, len(make), 8 + 2 + 3 * 12 + 4), (0x014A, 4, 1, 200)]
    directory = struct.pack("<H", 3) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + b"\0" * 4
    write("stub.nef", b"II*\0\x08\0\0\0" + directory + make + b"\0" * 64)
    write("stub.cr2", b"II*\0\x10\0\0\0CR\x02\0" + b"\0" * 64)
    write("stub.raf", b"FUJIFILMCCD-RAW 0201FF393101" + b"\0" * 64)
    write("stub.jxl", b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0" * 64)
    write("stub.psd", b"8BPS\0\x01" + b"\0" * 64)


def measured():
    options = {"quality": 70, "subsampling": 2}
    write("colour.jpg", jpeg(landscape(natural), **options))
    write("black-and-white.jpg", jpeg(landscape(lambda grey, _: [grey] * 3), **options))
    write("sepia.jpg", jpeg(landscape(sepia), **options))
    write("foggy.jpg", jpeg(landscape(foggy), **options))
    framed = Image.new("RGB", (320, 256), (128, 128, 128))
    framed.paste(landscape(foggy), (64, 64))
    write("framed.jpg", jpeg(framed, **options))
    stamped = landscape(lambda grey, _: [grey] * 3)
    stamped.paste((255, 120, 20), (168, 118, 180, 121))
    write("date-stamp.jpg", jpeg(stamped, **options))


if __name__ == "__main__":
    for group in [orientations, kinds_of_samples, profiles, containers, broken, bombs, not_yet, measured]:
        group()
