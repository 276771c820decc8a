//! A small averaged copy of a photo, without its frame, for measuring.
//!
//! Plain box averages, each pixel of the photo in exactly one box: unlike a sharpening resize
//! filter they never overshoot into colours that are not in the photo.

use std::ops::Range;

use phototag_clip::Pixels;

/// The longest side. Small enough to be measured in a few milliseconds, large enough that a box
/// seldom mixes a black and a white thing: such a mix is a grey that lies off a toned print's
/// curve.
const LONGEST: usize = 288;

/// A colour, or a difference of two: red, green, blue, where 1 is full.
pub(super) type Colour = [f32; 3];

/// Average colours, row by row.
pub(super) struct Thumbnail {
    width: usize,
    colours: Vec<Colour>,
}

impl Thumbnail {
    /// The photo's thumbnail, cut down to what is inside a plain frame.
    pub(super) fn of(photo: &Pixels) -> Self {
        Self::whole(photo).without_frame()
    }

    /// All colours, row by row.
    pub(super) fn colours(&self) -> &[Colour] {
        &self.colours
    }

    /// Averages of `values`, one for each colour, over blocks of 3 by 3: what is left is large
    /// enough to be seen, and no grain or compression.
    pub(super) fn blocks(&self, values: &[Colour]) -> Vec<Colour> {
        const SIDE: usize = 3;
        let mut blocks = Vec::with_capacity(values.len() / (SIDE * SIDE) + 1);
        for band in values.chunks(self.width * SIDE) {
            for left in (0..self.width).step_by(SIDE) {
                let columns = left..(left + SIDE).min(self.width);
                let rows = band.chunks(self.width);
                let (sum, count) = rows
                    .flat_map(|row| &row[columns.clone()])
                    .fold(([0.0; 3], 0.0), |(sum, count), value| {
                        (add(sum, *value), count + 1.0)
                    });
                blocks.push(sum.map(|sum: f32| sum / count));
            }
        }
        blocks
    }

    fn whole(photo: &Pixels) -> Self {
        let (from_width, from_height) = (photo.width() as usize, photo.height() as usize);
        let longest = from_width.max(from_height);
        let reduced = |side: usize| (side * LONGEST.min(longest) / longest).max(1);
        let (width, height) = (reduced(from_width), reduced(from_height));
        let share = |at: usize, of: usize, side: usize| at * side / of..(at + 1) * side / of;
        let columns: Vec<Range<usize>> = (0..width).map(|x| share(x, width, from_width)).collect();
        let rows: Vec<&[u8]> = photo.rgb().chunks_exact(from_width * 3).collect();
        let mut colours = Vec::with_capacity(width * height);
        for y in 0..height {
            let rows = &rows[share(y, height, from_height)];
            colours.extend(columns.iter().map(|columns| {
                let mut sums = [0_u32; 3];
                for row in rows {
                    for pixel in row[columns.start * 3..columns.end * 3].as_chunks::<3>().0 {
                        sums = [0, 1, 2].map(|part| sums[part] + u32::from(pixel[part]));
                    }
                }
                let count = (rows.len() * columns.len()) as f32;
                sums.map(|sum| sum as f32 / (255.0 * count))
            }));
        }
        Self { width, colours }
    }

    /// Without uniform rows and columns at the edges, one frame after the other: a passe-partout in
    /// a frame are two. A photo with a plain backdrop loses some of that, which is no harm.
    fn without_frame(self) -> Self {
        let mut inner = Window {
            columns: 0..self.width,
            rows: 0..self.colours.len() / self.width,
        };
        loop {
            let next = self.inside(&inner);
            if next == inner {
                break;
            }
            inner = next;
        }
        let rows = self.colours.chunks_exact(self.width).skip(inner.rows.start);
        let colours = rows
            .take(inner.rows.len())
            .flat_map(|row| &row[inner.columns.clone()])
            .copied()
            .collect();
        Self {
            width: inner.columns.len(),
            colours,
        }
    }

    /// The window without a border in the colour of its corner.
    fn inside(&self, window: &Window) -> Window {
        /// Two colours are the same frame if no part differs by more: compression leaves traces.
        const SAME: f32 = 0.03;
        /// What is left of a side, however uniform.
        const LEAST: usize = 8;
        let at = |x: usize, y: usize| self.colours[y * self.width + x];
        let corner = at(window.columns.start, window.rows.start);
        let same = |x, y| {
            at(x, y)
                .iter()
                .zip(corner)
                .all(|(a, b)| (a - b).abs() < SAME)
        };
        let plain_row = |y, columns: &Range<usize>| columns.clone().all(|x| same(x, y));
        let plain_column = |x, rows: &Range<usize>| rows.clone().all(|y| same(x, y));

        let Window {
            mut columns,
            mut rows,
        } = window.clone();
        while rows.len() > LEAST && plain_row(rows.start, &columns) {
            rows.start += 1;
        }
        while rows.len() > LEAST && plain_row(rows.end - 1, &columns) {
            rows.end -= 1;
        }
        while columns.len() > LEAST && plain_column(columns.start, &rows) {
            columns.start += 1;
        }
        while columns.len() > LEAST && plain_column(columns.end - 1, &rows) {
            columns.end -= 1;
        }
        Window {
            columns: without_mixed_edge(&window.columns, columns),
            rows: without_mixed_edge(&window.rows, rows),
        }
    }
}

#[derive(Clone, PartialEq)]
struct Window {
    columns: Range<usize>,
    rows: Range<usize>,
}

/// Where a frame was cut off, the next box is half frame and half photo: it goes too.
fn without_mixed_edge(before: &Range<usize>, after: Range<usize>) -> Range<usize> {
    let start = after.start + usize::from(after.start > before.start);
    let end = after.end - usize::from(after.end < before.end);
    if start < end { start..end } else { after }
}

pub(super) fn add(a: Colour, b: Colour) -> Colour {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: usize, height: usize, colour: impl Fn(usize, usize) -> [u8; 3]) -> Pixels {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let rgb = pixels.flat_map(|(x, y)| colour(x, y)).collect();
        Pixels::new(width as u32, height as u32, rgb).unwrap()
    }

    #[test]
    fn boxes_average_every_pixel_once() {
        let stripes = picture(1000, 577, |x, _| if x % 2 == 0 { [0; 3] } else { [200; 3] });
        let thumbnail = Thumbnail::whole(&stripes);
        assert_eq!((thumbnail.width, thumbnail.colours.len()), (288, 288 * 166));
        let mean =
            thumbnail.colours.iter().map(|c| c[0]).sum::<f32>() / thumbnail.colours.len() as f32;
        assert!((mean - 100.0 / 255.0).abs() < 0.01, "{mean}");
    }

    #[test]
    fn a_picture_smaller_than_the_thumbnail_stays_as_it_is() {
        let small = picture(5, 3, |x, y| [x as u8, y as u8, 7]);
        let thumbnail = Thumbnail::of(&small);
        assert_eq!((thumbnail.width, thumbnail.colours.len()), (5, 15));
        assert_eq!(
            thumbnail.colours[7],
            [2.0 / 255.0, 1.0 / 255.0, 7.0 / 255.0]
        );
    }

    #[test]
    fn frames_in_frames_are_cut_off() {
        let framed = picture(400, 400, |x, y| match x.min(y).min(399 - x).min(399 - y) {
            0..40 => [250; 3],
            40..50 => [0; 3],
            _ => [x as u8, y as u8, 99],
        });
        let inside = Thumbnail::of(&framed);
        assert!(
            inside
                .colours
                .iter()
                .all(|c| (c[2] - 99.0 / 255.0).abs() < 1e-6)
        );
        assert!(inside.width > 200, "{}", inside.width);
    }

    #[test]
    fn a_plain_picture_is_not_cut_to_nothing() {
        for side in [1, 2, 8, 9, 300] {
            assert!(
                !Thumbnail::of(&picture(side, side, |_, _| [50; 3]))
                    .colours
                    .is_empty()
            );
        }
    }

    #[test]
    fn blocks_cover_ragged_edges() {
        let thumbnail = Thumbnail::whole(&picture(7, 4, |x, _| [x as u8; 3]));
        let blocks = thumbnail.blocks(thumbnail.colours());
        let columns: Vec<f32> = blocks.iter().map(|b| (b[0] * 255.0).round()).collect();
        assert_eq!(columns, [1.0, 4.0, 6.0, 1.0, 4.0, 6.0]);
    }
}
