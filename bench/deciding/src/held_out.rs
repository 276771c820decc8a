//! Held-out vectors and scores of labelled photos, and figures on them.

use phototag_core::catalog::Fallback;
use phototag_core::decide::{Calibration, Cut, Decider, Rules};
use phototag_core::learn::{self, Outcome};
use phototag_core::statistics::{Counts, average_precision};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct HeldOut {
    pub categories: Vec<String>,
    pub tags: Vec<Vec<bool>>,
    pub unsure: Vec<Vec<bool>>,
    pub monochrome: Vec<f32>,
    pub vectors: Vec<Vec<f32>>,
    pub background: Vec<Vec<f32>>,
    pub trained: Vec<Vec<f32>>,
    pub left_out: Vec<Vec<f32>>,
    pub templates: Vec<Vec<f32>>,
    pub flipped: Vec<Vec<f32>>,
    pub cropped: Vec<Vec<f32>>,
}

/// What a measured photo has to reach.
const MONOCHROME: f32 = 0.94;

impl HeldOut {
    pub fn open(path: &str) -> Self {
        let text = std::fs::read_to_string(path).expect("the file can be read");
        let mut held_out: Self = serde_json::from_str(&text).expect("held_out.py wrote it");
        let bw = held_out.bw();
        let monochrome = held_out.monochrome.clone();
        let HeldOut {
            trained,
            left_out,
            templates,
            flipped,
            cropped,
            ..
        } = &mut held_out;
        for column in [trained, left_out, templates, flipped, cropped] {
            column
                .iter_mut()
                .zip(&monochrome)
                .for_each(|(row, value)| row[bw] = *value);
        }
        held_out
    }

    pub fn bw(&self) -> usize {
        self.categories
            .iter()
            .position(|id| id == "bw")
            .expect("bw")
    }

    fn rules(&self) -> Rules {
        let mut cuts = vec![Cut::Level; self.categories.len()];
        cuts[self.bw()] = Cut::Measured(MONOCHROME);
        Rules {
            cuts,
            fallback: Fallback::Best,
        }
    }

    /// Decides at this many tags a photo, calibrated on all photos.
    pub fn decider(&self, scores: &[Vec<f32>], tags_per_photo: f64) -> Decider {
        let rules = self.rules();
        let rows: Vec<&[f32]> = scores.iter().map(Vec::as_slice).collect();
        let calibration = Calibration::of(&rows, &[], &rules, tags_per_photo);
        Decider::new(rules, calibration).expect("calibrated for these rules")
    }

    pub fn truth(&self, photo: usize) -> Vec<Option<bool>> {
        self.tags[photo]
            .iter()
            .zip(&self.unsure[photo])
            .map(|(tag, unsure)| (!unsure).then_some(*tag))
            .collect()
    }

    /// Average precision of one category on these photos.
    pub fn ap(&self, rows: &[usize], scores: &[Vec<f32>], at: usize) -> Option<f64> {
        let answers: Vec<_> = rows
            .iter()
            .filter(|&&p| !self.unsure[p][at])
            .map(|&p| (scores[p][at], self.tags[p][at]))
            .collect();
        average_precision(&answers)
    }

    pub fn map(&self, rows: &[usize], scores: &[Vec<f32>]) -> f64 {
        mean((0..self.categories.len()).filter_map(|at| self.ap(rows, scores, at)))
    }

    /// Micro-averaged counts on these photos, thresholds set on all photos.
    pub fn counts(&self, rows: &[usize], scores: &[Vec<f32>], tags_per_photo: f64) -> Counts {
        let decider = self.decider(scores, tags_per_photo);
        let mut counts = Counts::default();
        for &photo in rows {
            let chosen = decider.tags(&scores[photo]);
            let chosen: Vec<usize> = chosen.into_iter().map(|id| id.index()).collect();
            for at in (0..self.categories.len()).filter(|&at| !self.unsure[photo][at]) {
                counts.add(chosen.contains(&at), self.tags[photo][at], 1.0);
            }
        }
        counts
    }

    /// Scores after learning from these labels.
    pub fn learned(
        &self,
        scores: &[Vec<f32>],
        truth: &[Vec<Option<bool>>],
    ) -> (Vec<Vec<f32>>, usize) {
        let (mut labelled, mut others) = (Vec::new(), Vec::new());
        for (at, truth) in truth.iter().enumerate() {
            let photo = learn::Example {
                vector: self.vectors[at].clone(),
                scores: scores[at].clone(),
                truth: truth.clone(),
                is_sampled: true,
            };
            if truth.iter().any(Option::is_some) {
                &mut labelled
            } else {
                &mut others
            }
            .push(photo);
        }
        let mut new = scores.to_vec();
        let mut heads = 0;
        for (category, outcome) in learn::learn(&labelled, &others).into_iter().enumerate() {
            if let Outcome::Learned(head, _) = outcome {
                heads += 1;
                for (row, vector) in new.iter_mut().zip(&self.vectors) {
                    row[category] = head.score(row[category], vector);
                }
            }
        }
        (new, heads)
    }

    pub fn report(&self, name: &str, scores: &[Vec<f32>]) {
        let all: Vec<usize> = (0..scores.len()).collect();
        let (wide, narrow) = (
            self.counts(&all, scores, 1.3),
            self.counts(&all, scores, 1.0),
        );
        println!(
            "| {name} | {:.3} | {:.3} | {:.3} |",
            self.map(&all, scores),
            wide.f1().unwrap_or(0.0),
            narrow.precision().unwrap_or(0.0)
        );
    }
}

pub fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

pub fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    fastrand::Rng::with_seed(seed).shuffle(&mut order);
    order
}
