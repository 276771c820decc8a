//! The eight ways a camera can be held, undone.
//!
//! An orientation is a start and two steps: where in the stored picture the upright one begins, and
//! how far the stored picture moves for one pixel to the right and one down. All eight are the same
//! loop.

use phototag_clip::Pixels;

/// How the stored picture has to be turned: EXIF's tag 0x0112.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orientation(u8);

impl Orientation {
    pub(super) const UPRIGHT: Self = Self(1);

    /// EXIF's number. What is not 1 to 8 means nothing, and is taken as upright, as viewers do.
    pub(super) fn from_exif(value: u32) -> Self {
        match value {
            1..=8 => Self(value as u8),
            _ => Self::UPRIGHT,
        }
    }

    /// Whether width and height change places.
    fn swaps_sides(self) -> bool {
        self.0 >= 5
    }

    /// A stored size as it is upright (and, the swap being its own inverse, the other way round).
    pub(super) fn upright_size(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.swaps_sides() {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// The size that is wanted of a picture of `stored` size, as it is stored; `wanted` goes by upright sizes.
    pub(super) fn wanted_as_stored(
        self,
        stored: (u32, u32),
        wanted: &dyn Fn(u32, u32) -> (u32, u32),
    ) -> (u32, u32) {
        let (width, height) = self.upright_size(stored);
        self.upright_size(wanted(width, height))
    }

    /// Where a picture lies (left, top, width, height) once it is upright, if it was stored at the top left
    /// of `size` and fills that much of it.
    pub(super) fn upright_area(self, size: (u32, u32), filled: (f64, f64)) -> [f64; 4] {
        let (width, height) = self.upright_size(size);
        let (across, down) = if self.swaps_sides() {
            (filled.1, filled.0)
        } else {
            filled
        };
        let (from_right, from_below) = (
            matches!(self.0, 2 | 3 | 6 | 7),
            matches!(self.0, 3 | 4 | 7 | 8),
        );
        let start = |turned: bool, whole: u32, filled: f64| match turned {
            true => f64::from(whole) - filled,
            false => 0.0,
        };
        [
            start(from_right, width, across),
            start(from_below, height, down),
            across,
            down,
        ]
    }

    /// The picture turned upright.
    pub(super) fn upright(self, stored: Pixels) -> Pixels {
        if self == Self::UPRIGHT {
            return stored;
        }
        let (width, height) = (stored.width() as usize, stored.height() as usize);
        let (row, right_edge, last_row) = (width as isize, width - 1, (height - 1) * width);
        let (start, right, down) = match self.0 {
            2 => (right_edge, -1, row),
            3 => (last_row + right_edge, -1, -row),
            4 => (last_row, 1, -row),
            5 => (0, row, 1),
            6 => (last_row, -row, 1),
            7 => (last_row + right_edge, -row, -1),
            _ => (right_edge, row, -1),
        };
        let (new_width, new_height) = self.upright_size((stored.width(), stored.height()));
        let source = stored.rgb();
        let mut rgb = Vec::with_capacity(source.len());
        for y in 0..new_height as usize {
            let first = start.wrapping_add_signed(down * y as isize);
            for x in 0..new_width as usize {
                let at = 3 * first.wrapping_add_signed(right * x as isize);
                rgb.extend_from_slice(&source[at..at + 3]);
            }
        }
        Pixels::new(new_width, new_height, rgb).unwrap_or(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 3 x 2 picture whose pixels are its letters.
    fn picture(rows: [&str; 2]) -> Pixels {
        let rgb = rows
            .concat()
            .bytes()
            .flat_map(|letter| [letter; 3])
            .collect();
        Pixels::new(3, 2, rgb).unwrap()
    }

    fn letters(pixels: &Pixels) -> Vec<String> {
        let row = pixels.width() as usize * 3;
        let text = |row: &[u8]| {
            row.iter()
                .step_by(3)
                .map(|&letter| letter as char)
                .collect()
        };
        pixels.rgb().chunks(row).map(text).collect()
    }

    #[test]
    fn each_orientation_is_undone_as_the_exif_standard_draws_it() {
        let cases = [
            (1, vec!["abc", "def"]),
            (2, vec!["cba", "fed"]),
            (3, vec!["fed", "cba"]),
            (4, vec!["def", "abc"]),
            (5, vec!["ad", "be", "cf"]),
            (6, vec!["da", "eb", "fc"]),
            (7, vec!["fc", "eb", "da"]),
            (8, vec!["cf", "be", "ad"]),
        ];
        for (value, expected) in cases {
            let upright = Orientation::from_exif(value).upright(picture(["abc", "def"]));
            assert_eq!(letters(&upright), expected, "orientation {value}");
            // "a" alone: the picture fills one column of three, and one row of two.
            let [left, top, across, down] =
                Orientation::from_exif(value).upright_area((3, 2), (1.0, 1.0));
            assert_eq!((across, down), (1.0, 1.0));
            let found = &expected[top as usize][left as usize..=left as usize];
            assert_eq!(found, "a", "orientation {value}");
        }
    }

    #[test]
    fn a_meaningless_number_is_upright() {
        for value in [0, 9, 255, 65_536 + 6] {
            assert_eq!(
                Orientation::from_exif(value),
                Orientation::UPRIGHT,
                "{value}"
            );
        }
    }
}
