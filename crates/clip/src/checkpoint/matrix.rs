//! The matrix of a linear layer, as a checkpoint stores it.

use super::Checkpoint;
use crate::Error;

/// The values of one linear layer, or of several that are stored as one.
pub(crate) struct Matrix {
    /// `[outputs][inputs]`.
    pub(crate) weights: Vec<f32>,
    /// `[outputs]`.
    pub(crate) bias: Option<Vec<f32>>,
}

impl Matrix {
    /// Takes `{name}.weight` and, if `bias`, `{name}.bias`.
    pub(crate) fn take(
        checkpoint: &mut Checkpoint,
        name: &str,
        shape: &[usize],
        bias: bool,
    ) -> Result<Self, Error> {
        let weights = checkpoint.take(&format!("{name}.weight"), shape)?;
        let mut take_bias = || checkpoint.take(&format!("{name}.bias"), &shape[..1]);
        Ok(Self {
            weights,
            bias: if bias { Some(take_bias()?) } else { None },
        })
    }

    /// Takes `name`, a matrix without bias that is stored as `[inputs][outputs]`.
    pub(crate) fn take_transposed(
        checkpoint: &mut Checkpoint,
        name: &str,
        [outputs, inputs]: [usize; 2],
    ) -> Result<Self, Error> {
        let stored = checkpoint.take(name, &[inputs, outputs])?;
        let weights = (0..outputs)
            .flat_map(|o| stored[o..].iter().step_by(outputs))
            .copied()
            .collect();
        Ok(Self {
            weights,
            bias: None,
        })
    }

    /// Divides columns that are far larger or smaller than the others by a factor, so that the matrix loses less when
    /// rounded to 8 bits. Returns the factors: the product stays the same if the activations are multiplied by them. This
    /// is "SmoothQuant" (Xiao et al. 2023), from the weights alone.
    pub(super) fn balance(&mut self, inputs: usize) -> Vec<f32> {
        let mut sizes = vec![0.0f64; inputs];
        for row in self.weights.chunks_exact(inputs) {
            for (size, weight) in sizes.iter_mut().zip(row) {
                *size += f64::from(weight * weight);
            }
        }
        let mut sorted = sizes.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[inputs / 2];
        let mut factors = vec![1.0; inputs];
        for (column, size) in sizes.into_iter().enumerate() {
            // Within a factor of two up or down nothing is gained. Columns of zeros stay as they are.
            let factor = (size / median).sqrt() as f32;
            if !factor.is_normal() || (0.5..=2.0).contains(&factor) {
                continue;
            }
            factors[column] = factor;
            let cells = self.weights.iter_mut().skip(column).step_by(inputs);
            cells.for_each(|weight| *weight /= factor);
        }
        factors
    }
}
