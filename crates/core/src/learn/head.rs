//! A learned head: what turns a category's zero-shot score into the learned one.

use serde::{Deserialize, Serialize};

use super::{Example, Usual};
use crate::vectors::dot;

/// `zero_shot_weight * score + direction . vector + shift`, on the scale of the zero-shot score: over the photos it
/// was learned on it has that score's mean and spread, so that thresholds keep their meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    #[serde(rename = "keep")]
    zero_shot_weight: f32,
    direction: Vec<f32>,
    shift: f32,
}

impl Head {
    /// The learned score of a photo.
    pub fn score(&self, zero_shot: f32, vector: &[f32]) -> f32 {
        self.zero_shot_weight * zero_shot + dot(vector, &self.direction) + self.shift
    }

    /// Whether it can be one for vectors of this length: what is read from an index is checked first.
    pub fn fits(&self, dimensions: usize) -> bool {
        self.direction.len() == dimensions
            && self.zero_shot_weight.is_finite()
            && self.shift.is_finite()
            && self.direction.iter().all(|x| x.is_finite())
    }

    /// The standardised zero-shot score plus a correction by the vector, on the zero-shot score's own scale. `None`
    /// if the result is not finite.
    pub(super) fn on_the_scale_of<'a>(
        usual: Usual,
        direction: &[f64],
        category: usize,
        photos: impl Iterator<Item = &'a Example>,
    ) -> Option<Self> {
        let mut head = Self {
            zero_shot_weight: (1.0 / usual.spread) as f32,
            direction: direction.iter().map(|x| *x as f32).collect(),
            shift: 0.0,
        };
        let fitted =
            Usual::of(photos.map(|photo| head.score(photo.scores[category], &photo.vector)));
        let scale = (usual.spread / fitted.spread) as f32;
        head.zero_shot_weight *= scale;
        head.direction.iter_mut().for_each(|x| *x *= scale);
        head.shift = (usual.mean - fitted.mean * f64::from(scale)) as f32;
        head.fits(direction.len()).then_some(head)
    }
}
