//! From pixels to the first block: patches, projected, with the class token and positions.

use super::{Pool, VisionConfig};
use crate::Error;
use crate::checkpoint::{Layers, Matrix, Scheme, VisionNames};
use crate::picture::{Prepared, Preprocess};
use crate::towers::arithmetic::Arithmetic;
use crate::towers::linear::Linear;

/// The projection of patches, and what is added to it.
pub(super) struct Patches {
    projection: Linear,
    /// Side of a patch, in pixels.
    side: usize,
    grid: [usize; 2],
    class_token: Option<Vec<f32>>,
    /// `[tokens][width]`.
    positions: Vec<f32>,
    width: usize,
    scaling: [(f32, f32); 3],
}

impl Patches {
    pub(super) fn read(
        layers: &mut impl Layers,
        config: &VisionConfig,
        preprocess: &Preprocess,
        arithmetic: Arithmetic,
    ) -> Result<Self, Error> {
        let names = VisionNames::new(config.scheme);
        let (width, side, tokens) = (config.shape.width, config.patch, config.tokens());
        let bias = config.pool == Pool::Attention;
        let shape = [width, 3 * side * side];
        let projection = Linear::read_one(layers, shape, arithmetic, |checkpoint| {
            Matrix::take(checkpoint, names.patches, &[width, 3, side, side], bias)
        })?;
        let checkpoint = layers.checkpoint();
        let class_token = match config.pool {
            Pool::ClassToken { .. } => Some(checkpoint.take(names.class_token, &[width])?),
            Pool::Attention => None,
        };
        let positions = match config.scheme {
            Scheme::Timm => checkpoint.take(names.positions, &[1, tokens, width])?,
            _ => checkpoint.take(names.positions, &[tokens, width])?,
        };
        Ok(Self {
            projection,
            side,
            grid: config.grid,
            class_token,
            positions,
            width,
            scaling: preprocess.scaling(),
        })
    }

    /// Tokens per image.
    pub(super) fn tokens(&self) -> usize {
        self.positions.len() / self.width
    }

    /// Patches across and down.
    pub(super) fn grid(&self) -> [usize; 2] {
        self.grid
    }

    /// The patches among the tokens of one image.
    pub(super) fn without_class<'a>(&self, tokens: &'a [f32]) -> &'a [f32] {
        &tokens[usize::from(self.class_token.is_some()) * self.width..]
    }

    /// `[images * tokens][width]`: for each image the class token, if there is one, and all projected patches, with
    /// positions added.
    pub(super) fn embed(&self, images: &[Prepared]) -> Vec<f32> {
        let [across, down] = self.grid;
        let mut values = Vec::with_capacity(images.len() * across * down * 3 * self.side.pow(2));
        for image in images {
            for y in 0..down {
                for x in 0..across {
                    self.push_patch(image, x * self.side, y * self.side, &mut values);
                }
            }
        }
        let projected = self.projection.apply(&values);
        let mut rows = Vec::with_capacity(images.len() * self.positions.len());
        for patches in projected.chunks_exact(across * down * self.width) {
            let start = rows.len();
            rows.extend(self.class_token.iter().flatten());
            rows.extend(patches);
            for (value, position) in rows[start..].iter_mut().zip(&self.positions) {
                *value += position;
            }
        }
        rows
    }

    /// Appends the patch at (left, top) as the convolution's weights expect it, `[3][side][side]`.
    fn push_patch(&self, image: &Prepared, left: usize, top: usize, values: &mut Vec<f32>) {
        let pixels = image.pixels();
        let row_bytes = pixels.width() as usize * 3;
        for (channel, (scale, shift)) in self.scaling.into_iter().enumerate() {
            let rows = pixels.rgb().chunks_exact(row_bytes);
            for row in rows.skip(top).take(self.side) {
                let row = &row[left * 3..][..self.side * 3];
                let samples = row.as_chunks::<3>().0.iter().map(|pixel| pixel[channel]);
                values.extend(samples.map(|sample| f32::from(sample) * scale + shift));
            }
        }
    }
}
