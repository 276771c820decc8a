//! Convolutional image towers of inverted residuals (Sandler et al. 2018, "MobileNetV2"), such as EfficientNet-Lite.
//!
//! Maps are `[height][width][channels]`, so that a convolution of single pixels is a matrix product. They are computed a
//! band of rows at a time, so that wide intermediate rows stay in the cache. Where the layers come from is not known here.

use std::ops::Range;

use phototag_kernels::{Activation, Depthwise, Epilogue, Kernels, Operand};

use super::linear::Linear;

/// Bytes for the widest rows of a band: half of the cache that a core commonly has for itself.
const BAND_BYTES: usize = 512 << 10;

const RELU6: Epilogue = Epilogue::Activate(Activation::Relu6);

/// Values by position, `[height][width][channels]`.
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

    /// The mean of each channel over all positions.
    pub(crate) fn mean(&self) -> Vec<f32> {
        let mut sums = vec![0.0f64; self.channels()];
        for pixel in self.values.chunks_exact(sums.len()) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += f64::from(*value);
            }
        }
        let positions = (self.width * self.height) as f64;
        sums.into_iter()
            .map(|sum| (sum / positions) as f32)
            .collect()
    }
}

/// How a square window of `side` moves over a map by `stride`. The map is padded with zeros: `padding` rows and columns
/// before the first, and after the last as many as the output's `size` requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) side: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    /// Width and height of the output.
    pub(crate) size: [usize; 2],
}

/// One layer, from map to map.
pub(crate) enum Layer {
    /// A convolution across all channels, followed by ReLU6. Weights are `[outputs][side][side][channels]`.
    Full { window: Window, linear: Linear },
    /// An inverted residual: a product that widens, a depthwise convolution, each followed by ReLU6, and a product that
    /// narrows.
    Inverted(Box<Inverted>),
}

/// The parts of an inverted residual.
pub(crate) struct Inverted {
    /// `None` if the map is wide enough as it is. Must exist if there is a residual connection.
    pub(crate) expand: Option<Linear>,
    pub(crate) depthwise: Depthwise,
    /// Width and height of the output.
    pub(crate) size: [usize; 2],
    pub(crate) project: Linear,
    /// Whether the output is added to the map, which then has the same shape.
    pub(crate) residual: bool,
    pub(crate) kernels: &'static Kernels,
}

/// Memory for intermediate results, reused from layer to layer.
#[derive(Default)]
pub(crate) struct Scratch {
    operand: Operand,
    wide: Vec<f32>,
    filtered: Vec<f32>,
}

impl Layer {
    pub(crate) fn apply(&self, map: Map, scratch: &mut Scratch) -> Map {
        match self {
            Self::Full { window, linear } => full(*window, linear, &map, scratch),
            Self::Inverted(inverted) => inverted.apply(map, scratch),
        }
    }
}

fn full(window: Window, linear: &Linear, map: &Map, scratch: &mut Scratch) -> Map {
    let [width, height] = window.size;
    let mut out = vec![0.0; width * height * linear.outputs()];
    let Scratch { operand, wide, .. } = scratch;
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

/// Appends what the window covers for one pixel of the output, `[side][side][channels]`.
fn push_patch(window: Window, map: &Map, row: usize, column: usize, values: &mut Vec<f32>) {
    let channels = map.channels();
    let (top, left) = (row * window.stride, column * window.stride);
    for y in top..top + window.side {
        let y = y.checked_sub(window.padding).filter(|y| *y < map.height);
        for x in left..left + window.side {
            let x = x.checked_sub(window.padding).filter(|x| *x < map.width);
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

/// Rows per band, for rows of `row` values.
fn band_of(row: usize) -> usize {
    (BAND_BYTES / (row * size_of::<f32>())).max(1)
}

impl Inverted {
    fn apply(&self, mut map: Map, scratch: &mut Scratch) -> Map {
        let [width, height] = self.size;
        let channels = self.depthwise.channels();
        let outputs = self.project.outputs();
        let mut narrow = match self.residual {
            true => Vec::new(),
            false => vec![0.0; width * height * outputs],
        };
        let band = band_of(map.width * channels * self.depthwise.stride());
        // The rows of the map that `scratch.wide` holds.
        let mut held = 0..0usize;
        for first in (0..height).step_by(band) {
            let rows = first..height.min(first + band);
            let inputs = self.depthwise.input_rows(rows.start, map.height).start
                ..self.depthwise.input_rows(rows.end - 1, map.height).end;
            let out = rows.start * width * outputs..rows.end * width * outputs;
            self.widen(&map, held, inputs.clone(), scratch);
            self.filter(&map, rows, inputs.clone(), scratch);
            held = inputs;
            let Scratch {
                operand, filtered, ..
            } = scratch;
            self.project.encode(filtered, None, operand);
            if self.residual {
                // Every row has been widened before the row in its place is written.
                let out = &mut map.values[out];
                self.project.multiply(operand, Epilogue::Add, out);
            } else {
                let out = &mut narrow[out];
                self.project.multiply(operand, Epilogue::Store, out);
            }
        }
        match self.residual {
            true => map,
            false => Map {
                width,
                height,
                values: narrow,
            },
        }
    }

    /// Widens the rows `inputs` of the map into `scratch.wide`, which holds the rows `held`. Rows in both are moved, not
    /// computed again.
    fn widen(&self, map: &Map, held: Range<usize>, inputs: Range<usize>, scratch: &mut Scratch) {
        let Some(expand) = &self.expand else {
            return;
        };
        let Scratch { operand, wide, .. } = scratch;
        let row = map.width * self.depthwise.channels();
        let reused = held.end.saturating_sub(inputs.start);
        if wide.len() < inputs.len() * row {
            wide.resize(inputs.len() * row, 0.0);
        }
        if reused > 0 {
            let from = (inputs.start - held.start) * row;
            wide.copy_within(from..from + reused * row, 0);
        }
        let values = map.width * expand.inputs();
        let new = &map.values[(inputs.start + reused) * values..inputs.end * values];
        expand.encode(new, None, operand);
        expand.multiply(operand, RELU6, &mut wide[reused * row..inputs.len() * row]);
    }

    /// Filters the wide rows `inputs` into the rows `rows` of the output, in `scratch.filtered`.
    fn filter(&self, map: &Map, rows: Range<usize>, inputs: Range<usize>, scratch: &mut Scratch) {
        let channels = self.depthwise.channels();
        let row_values = map.width * channels;
        let Scratch { wide, filtered, .. } = scratch;
        let wide = match &self.expand {
            None => &map.values[inputs.start * row_values..],
            Some(_) => &wide[..],
        };
        let out_values = self.size[0] * channels;
        filtered.resize(rows.len() * out_values, 0.0);
        for (row, out) in rows.zip(filtered.chunks_exact_mut(out_values)) {
            let needed = self.depthwise.input_rows(row, map.height);
            let part = (needed.start - inputs.start) * row_values
                ..(needed.end - inputs.start) * row_values;
            self.depthwise
                .row(self.kernels, row, &wide[part], map.width, out);
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
        for (side, stride, padding) in [(5, 1, 2), (3, 2, 1), (3, 2, 0), (1, 1, 0)] {
            let residual = stride == 1;
            let outputs = if residual { inputs } else { 11 };
            let moved = |length: usize| (length + 2 * padding - side) / stride + 1;
            let weights = values(channels * side * side, 1);
            let filters = || {
                let bias = values(channels, 2);
                Depthwise::new(&weights, &bias, side, stride, padding)
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
                let input = filters().input_rows(row, height);
                let input = &wide[input.start * width * channels..input.end * width * channels];
                filters().row(arithmetic.kernels, row, input, width, out);
            }
            let mut expected = linear(outputs, channels, 5).apply(&filtered);
            if residual {
                let pairs = expected.iter_mut().zip(&map.values);
                pairs.for_each(|(sum, value)| *sum += value);
            }

            // Layers share their memory.
            let mut scratch = Scratch::default();
            for _ in 0..2 {
                let out = layer.apply(map.clone(), &mut scratch);
                assert_eq!([out.width, out.height], size);
                assert_eq!(out.values.len(), expected.len());
                let off = out.values.iter().zip(&expected).map(|(a, b)| (a - b).abs());
                let off = off.fold(0.0, f32::max);
                assert!(off < 1e-4, "{side} {stride} {padding}: off by {off}");
            }
        }
    }
}
