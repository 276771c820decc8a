//! Is the photo black and white, or toned in one colour?
//!
//! A toned print is a black-and-white photo behind a curve: every lightness has one colour,
//! whatever was photographed. So the mean colour of each lightness is taken away, and what remains
//! in the parts of the photo is colour that no toning made. That alone would also call a golden
//! sunset a print: it counts only where the picture has a print's other marks ([`Look::is_print`]).
//! Everywhere else, any colour is colour.

use super::thumbnail::{Colour, Thumbnail, add};

/// Steps of the curve from black to white. More follow the kink where software clips its sepia to
/// white, fewer are filled better by few pixels.
const STEPS: usize = 32;

/// One minus the colour in the photo: 1 for pure greys, 0 for a pure red. The colour is that of the
/// most colourful hundredth that is not an outlier, on the scale of the difference between a
/// pixel's largest and smallest part. 0.94 is 0.06 of colour: a date stamp or a grey that is not
/// quite neutral passes, the palest winter photo does not.
pub(super) fn value(thumbnail: &Thumbnail) -> f32 {
    let look = Look::of(thumbnail);
    1.0 - if look.is_print() {
        look.unexplained
    } else {
        look.colour
    }
}

/// How colourful a photo is, and how much of that a tone explains.
struct Look {
    /// Colour in the photo's parts: 99th percentile.
    colour: f32,
    /// The same after the curve is taken away.
    unexplained: f32,
    /// The curve's strongest colour.
    tint: f32,
    /// The curve's mean colour over the lightest parts, where a print shows its paper.
    paper: f32,
    /// Lightness from the darkest to the lightest parts.
    range: f32,
}

impl Look {
    fn of(thumbnail: &Thumbnail) -> Self {
        let colours = thumbnail.colours();
        let curve = Curve::of(colours);
        let tints: Vec<Colour> = colours
            .iter()
            .map(|&colour| curve.at(lightness(colour)))
            .collect();
        let rest: Vec<Colour> = colours
            .iter()
            .zip(&tints)
            .map(|(&colour, &tint)| subtract(tinge(colour), tint))
            .collect();

        let lights: Vec<f32> = colours.iter().copied().map(lightness).collect();
        let lightest = percentile(lights.clone(), 0.97);
        let (mut paper, mut papers) = (0.0, 0.0);
        for (_, &tint) in lights
            .iter()
            .zip(&tints)
            .filter(|(light, _)| **light >= lightest)
        {
            paper += chroma(tint);
            papers += 1.0;
        }
        let most_colourful = |colours: &[Colour]| {
            percentile(
                thumbnail.blocks(colours).into_iter().map(chroma).collect(),
                0.99,
            )
        };
        Self {
            colour: most_colourful(colours),
            unexplained: most_colourful(&rest),
            tint: tints.iter().copied().map(chroma).fold(0.0, f32::max),
            paper: paper / papers,
            range: percentile(lights.clone(), 0.99) - percentile(lights, 0.01),
        }
    }

    /// A tone explains nearly all colour, and is one that prints have: not as strong as a sunset or
    /// a leaf, with lights that are nearly paper white, and from dark to light (a close-up of one
    /// pale thing has one colour too).
    fn is_print(&self) -> bool {
        self.unexplained <= self.colour / 3.0
            && self.tint <= 0.5
            && self.paper <= 0.25
            && self.range >= 0.4
    }
}

/// The mean tinge of each lightness, linear between steps.
struct Curve([Colour; STEPS + 1]);

impl Curve {
    fn of(colours: &[Colour]) -> Self {
        let mut sums = [[0.0; 3]; STEPS + 1];
        let mut weights = [0.0; STEPS + 1];
        for &colour in colours {
            let (step, share) = Self::step(lightness(colour));
            for (step, weight) in [(step, 1.0 - share), (step + 1, share)] {
                sums[step] = add(sums[step], tinge(colour).map(|part| part * weight));
                weights[step] += weight;
            }
        }
        for (sum, weight) in sums.iter_mut().zip(weights) {
            *sum = sum.map(|part| part / f32::max(weight, f32::MIN_POSITIVE));
        }
        Self(sums)
    }

    fn at(&self, lightness: f32) -> Colour {
        let (step, share) = Self::step(lightness);
        add(
            self.0[step].map(|part| part * (1.0 - share)),
            self.0[step + 1].map(|part| part * share),
        )
    }

    /// The step below, and how far above it.
    fn step(lightness: f32) -> (usize, f32) {
        let position = lightness.clamp(0.0, 1.0) * STEPS as f32;
        let step = (position as usize).min(STEPS - 1);
        (step, position - step as f32)
    }
}

/// The plain mean. Not luma: where a sepia filter has clipped red and green, only blue still tells
/// one light from another, and luma hardly sees it.
fn lightness([red, green, blue]: Colour) -> f32 {
    (red + green + blue) / 3.0
}

/// What a colour has beyond grey.
fn tinge(colour: Colour) -> Colour {
    let grey = lightness(colour);
    colour.map(|part| part - grey)
}

fn chroma([red, green, blue]: Colour) -> f32 {
    red.max(green).max(blue) - red.min(green).min(blue)
}

fn subtract(a: Colour, b: Colour) -> Colour {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// The value below which the given share of all values lies.
fn percentile(mut values: Vec<f32>, share: f32) -> f32 {
    let Some(last) = values.len().checked_sub(1) else {
        return 0.0;
    };
    let at = (last as f32 * share).round() as usize;
    *values.select_nth_unstable_by(at, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use phototag_clip::Pixels;

    use super::super::MEASURES;
    use super::*;

    /// The value of a 150 x 200 scene of many lightnesses, coloured by lightness (0 to 1) and by
    /// place (the share of the scene's pixels that lie before it).
    fn scene(colour: impl Fn(f32, f32) -> Colour) -> f32 {
        let mut rgb = Vec::new();
        for y in 0..200 {
            for x in 0..150 {
                let waves = (x as f32 / 9.0).sin() * (y as f32 / 7.0).cos();
                let parts = colour(waves / 2.0 + 0.5, y as f32 / 200.0);
                rgb.extend(parts.map(|part| (part.clamp(0.0, 1.0) * 255.0).round() as u8));
            }
        }
        value(&Thumbnail::of(&Pixels::new(150, 200, rgb).unwrap()))
    }

    fn threshold() -> f32 {
        MEASURES
            .iter()
            .find(|measure| measure.name == "monochrome")
            .unwrap()
            .threshold
    }

    #[test]
    fn greys_are_one() {
        assert_eq!(scene(|grey, _| [grey; 3]), 1.0);
    }

    #[test]
    fn toned_prints_pass() {
        let sepia = |grey: f32, _| [grey * 1.351, grey * 1.203, grey * 0.937];
        let split = |grey: f32, _| [grey * 0.96 + 0.02, grey * 0.95, 0.07 + grey * 0.82];
        let cyanotype = |grey: f32, _| [0.1 + grey * 0.85, 0.2 + grey * 0.77, 0.35 + grey * 0.65];
        for (name, value) in [
            ("sepia", scene(sepia)),
            ("split", scene(split)),
            ("cyanotype", scene(cyanotype)),
        ] {
            assert!(value >= threshold(), "{name}: {value}");
        }
    }

    #[test]
    fn colour_photos_do_not_pass() {
        let two_pale_hues = |grey: f32, place| match place {
            0.0..0.5 => [grey * 0.9 + 0.08, grey * 0.9, grey * 0.9],
            _ => [grey * 0.9, grey * 0.9, grey * 0.9 + 0.08],
        };
        let sunset = |grey: f32, _| [grey, grey * 0.6, grey * 0.2];
        let golden_haze = |grey: f32, _| [grey, grey * 0.9, grey * 0.65];
        let leaf = |grey: f32, _| [grey * 0.5, grey, grey * 0.1];
        let pale_paint = |grey: f32, _| {
            let light = 0.7 + 0.15 * grey;
            [light, light, light - 0.12]
        };
        for (name, value) in [
            ("two pale hues", scene(two_pale_hues)),
            ("sunset", scene(sunset)),
            ("golden haze", scene(golden_haze)),
            ("leaf", scene(leaf)),
            ("pale paint", scene(pale_paint)),
        ] {
            assert!(value < threshold(), "{name}: {value}");
        }
    }

    #[test]
    fn a_coloured_thing_in_a_grey_photo_is_colour_and_a_coloured_frame_is_not() {
        const ORANGE: Colour = [1.0, 0.5, 0.1];
        let thing = |grey, place| {
            if (0.48..0.52).contains(&place) {
                ORANGE
            } else {
                [grey; 3]
            }
        };
        let frame = |grey, place| if place < 0.04 { ORANGE } else { [grey; 3] };
        assert!(scene(thing) < threshold());
        assert!(scene(frame) >= threshold());
    }
}
