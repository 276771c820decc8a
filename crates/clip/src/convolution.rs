//! Convolutional image towers of inverted residuals (Sandler et al. 2018, "MobileNetV2"), as EfficientNet-Lite
//! is one: maps of pixels with their channels side by side, so that a convolution of single pixels is a
//! product, computed a band of rows at a time, so that what is wide stays in the cache.
//!
//! Where the layers come from is not known here.

use crate::transformer::Linear;
use phototag_kernels::{Activation, Depthwise, Epilogue, Kernels, Operand};

/// What a band's widest rows may take: half of what a core commonly has for itself.
const BAND_BYTES: usize = 512 << 10;

/// Values of a picture by place, `[height][width][channels]`.
#[derive(Clone)]
pub(crate) struct Map {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) values: Vec<f32>,
}

impl Map {
    fn channels(&self) -> usize {
        self.values.len() / (self.width * self.height)
    }

    /// By channel, the mean over the places.
    pub(crate) fn mean(&self) -> Vec<f32> {
        let mut sums = vec![0.0f64; self.channels()];
        for pixel in self.values.chunks_exact(sums.len()) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += f64::from(*value);
            }
        }
        let places = (self.width * self.height) as f64;
        sums.into_iter().map(|sum| (sum / places) as f32).collect()
    }
}

/// How a window moves over a map: a square of `side`, by `stride`, over a picture extended by zeros, so many
/// before its first row and column as stated, and behind its last as make the result `size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) side: usize,
    pub(crate) stride: usize,
    pub(crate) before: usize,
    /// Width and height of the result.
    pub(crate) size: [usize; 2],
}

/// One step from map to map.
pub(crate) enum Layer {
    /// A convolution across all channels, and ReLU6. Weights are `[outputs][side][side][channels]`.
    Full { window: Window, linear: Linear },
    /// Wider by a product, each channel by itself, narrower by a product; ReLU6 after the first two.
    Inverted(Box<Inverted>),
}

/// An inverted residual.
pub(crate) struct Inverted {
    /// Missing where the map is wide enough as it is; there has to be one where there is a residual.
    pub(crate) expand: Option<Linear>,
    pub(crate) depthwise: Depthwise,
    /// Width and height of the result.
    pub(crate) size: [usize; 2],
    pub(crate) project: Linear,
    /// Whether the result is added to the map, which then has the same shape.
    pub(crate) residual: bool,
    pub(crate) kernels: &'static Kernels,
}

/// What layers write to, one after another.
#[derive(Default)]
pub(crate) struct Memory {
    operand: Operand,
    wide: Vec<f32>,
    filtered: Vec<f32>,
}

const RELU6: Epilogue = Epilogue::Activate(Activation::Relu6);

impl Layer {
    pub(crate) fn apply(&self, map: Map, memory: &mut Memory) -> Map {
        match self {
            Self::Full { window, linear } => full(*window, linear, &map, memory),
            Self::Inverted(inverted) => inverted.apply(map, memory),
        }
    }
}

fn full(window: Window, linear: &Linear, map: &Map, memory: &mut Memory) -> Map {
    let [width, height] = window.size;
    let mut out = vec![0.0; width * height * linear.outputs()];
    let Memory { operand, wide, .. } = memory;
    let band = band_of(width * linear.inputs());
    for (i, out) in out.chunks_mut(band * width * linear.outputs()).enumerate() {
        let rows = i * band..i * band + out.len() / (width * linear.outputs());
        let input = if window.side == 1 && window.stride == 1 {
            &map.values[rows.start * width * linear.inputs()..rows.end * width * linear.inputs()]
        } else {
            wide.clear();
            for row in rows {
                for column in 0..width {
                    push_patch(window, map, row, column, wide);
                }
            }
            &*wide
        };
        linear.encode(input, None, operand);
        linear.multiply(operand, RELU6, out);
    }
    Map {
        width,
        height,
        values: out,
    }
}

/// What the window sees there, `[side][side][channels]`.
fn push_patch(window: Window, map: &Map, row: usize, column: usize, values: &mut Vec<f32>) {
    let channels = map.channels();
    let (top, left) = (row * window.stride, column * window.stride);
    for y in top..top + window.side {
        let y = y.checked_sub(window.before).filter(|y| *y < map.height);
        for x in left..left + window.side {
            let x = x.checked_sub(window.before).filter(|x| *x < map.width);
            match (x, y) {
                (Some(x), Some(y)) => {
                    let first = (y * map.width + x) * channels;
                    values.extend_from_slice(&map.values[first..first + channels]);
                }
                _ => values.resize(values.len() + channels, 0.0),
            }
        }
    }
}

/// Rows of so many values that a band has.
fn band_of(row: usize) -> usize {
    (BAND_BYTES / (row * size_of::<f32>())).max(1)
}

impl Inverted {
    fn apply(&self, mut map: Map, memory: &mut Memory) -> Map {
        let [width, height] = self.size;
        let channels = self.depthwise.channels();
        let Memory {
            operand,
            wide,
            filtered,
        } = memory;
        let outputs = self.project.outputs();
        let mut narrow = vec![
            0.0;
            if self.residual {
                0
            } else {
                width * height * outputs
            }
        ];
        let band = band_of(map.width * channels * self.depthwise.stride());
        // The rows of the map that are in `wide`.
        let mut there = 0..0usize;
        for first in (0..height).step_by(band) {
            let rows = first..height.min(first + band);
            let seen = self.depthwise.input_rows(rows.start, map.height).start
                ..self.depthwise.input_rows(rows.end - 1, map.height).end;
            let wide = match &self.expand {
                None => &map.values[seen.start * map.width * channels..],
                Some(expand) => {
                    // Rows that the band before needed too are not computed twice.
                    let row = map.width * channels;
                    let kept = there.end.saturating_sub(seen.start);
                    if wide.len() < seen.len() * row {
                        wide.resize(seen.len() * row, 0.0);
                    }
                    if kept > 0 {
                        let from = (seen.start - there.start) * row;
                        wide.copy_within(from..from + kept * row, 0);
                    }
                    let inputs = map.width * expand.inputs();
                    let new = &map.values[(seen.start + kept) * inputs..seen.end * inputs];
                    expand.encode(new, None, operand);
                    expand.multiply(operand, RELU6, &mut wide[kept * row..seen.len() * row]);
                    there = seen.clone();
                    &*wide
                }
            };
            filtered.resize(rows.len() * width * channels, 0.0);
            let outs = filtered.chunks_exact_mut(width * channels);
            for (row, out) in rows.clone().zip(outs) {
                let sees = self.depthwise.input_rows(row, map.height);
                let part = (sees.start - seen.start)..(sees.end - seen.start);
                let part = part.start * map.width * channels..part.end * map.width * channels;
                self.depthwise
                    .row(self.kernels, row, &wide[part], map.width, out);
            }
            self.project.encode(filtered, None, operand);
            let out = rows.start * width * outputs..rows.end * width * outputs;
            if self.residual {
                // A row is read, as wide as it gets, before the row at its place is written.
                self.project
                    .multiply(operand, Epilogue::Add, &mut map.values[out]);
            } else {
                self.project
                    .multiply(operand, Epilogue::Store, &mut narrow[out]);
            }
        }
        if self.residual {
            return map;
        }
        Map {
            width,
            height,
            values: narrow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::exact;

    fn values(count: usize, seed: usize) -> Vec<f32> {
        let at = |i: usize| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0;
        (0..count).map(at).collect()
    }

    #[test]
    fn bands_give_what_the_whole_gives() {
        let (width, height, inputs, channels) = (61, 53, 7, 272);
        let arithmetic = exact();
        let linear = |outputs, inputs, seed| {
            let bias = values(outputs, seed + 1);
            Linear::new(
                &values(outputs * inputs, seed),
                Some(&bias),
                inputs,
                arithmetic,
            )
        };
        let limited = |values: &mut [f32]| values.iter_mut().for_each(|v| *v = v.clamp(0.0, 6.0));
        for (side, stride, before) in [(5, 1, 2), (3, 2, 1), (3, 2, 0), (1, 1, 0)] {
            let residual = stride == 1;
            let outputs = if residual { inputs } else { 11 };
            let moved = |length: usize| (length + 2 * before - side) / stride + 1;
            let weights = values(channels * side * side, 1);
            let filters = || {
                let bias = values(channels, 2);
                Depthwise::new(&weights, &bias, side, stride, before)
            };
            let size = [moved(width), moved(height)];
            let layer = Layer::Inverted(Box::new(Inverted {
                expand: Some(linear(channels, inputs, 3)),
                depthwise: filters(),
                size,
                project: linear(outputs, channels, 5),
                residual,
                kernels: arithmetic.kernels,
            }));
            assert!(band_of(width * channels) < height / 2, "several bands");
            let map = Map {
                width,
                height,
                values: values(width * height * inputs, 7),
            };

            let mut wide = linear(channels, inputs, 3).apply(&map.values);
            limited(&mut wide);
            let mut filtered = vec![0.0; size[0] * size[1] * channels];
            for (row, out) in filtered.chunks_exact_mut(size[0] * channels).enumerate() {
                let seen = filters().input_rows(row, height);
                let seen = &wide[seen.start * width * channels..seen.end * width * channels];
                filters().row(arithmetic.kernels, row, seen, width, out);
            }
            let mut expected = linear(outputs, channels, 5).apply(&filtered);
            if residual {
                let pairs = expected.iter_mut().zip(&map.values);
                pairs.for_each(|(sum, value)| *sum += value);
            }

            // The memory of one layer is the next one's.
            let mut memory = Memory::default();
            for _ in 0..2 {
                let out = layer.apply(map.clone(), &mut memory);
                assert_eq!([out.width, out.height], size);
                assert_eq!(out.values.len(), expected.len());
                let off = out.values.iter().zip(&expected).map(|(a, b)| (a - b).abs());
                let off = off.fold(0.0, f32::max);
                assert!(off < 1e-4, "{side} {stride} {before}: off by {off}");
            }
        }
    }
}
