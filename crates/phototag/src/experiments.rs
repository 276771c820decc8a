//! The figures of docs/decisions.md, from held-out vectors and scores that `bench/decide/held_out.py`
//! writes:
//!
//! ```text
//! PHOTOTAG_HELD_OUT=FILE.json cargo test --release -p phototag --bin phototag experiments -- --ignored --nocapture
//! ```

use serde::Deserialize;

use crate::catalog::Fallback;
use crate::decide::{self, Calibration, Cut, Rules};
use crate::evaluate::sample::{self, Candidate, Marked};
use crate::learn::{self, Outcome};
use crate::statistics::{Counts, average_precision};

#[derive(Deserialize)]
struct HeldOut {
    categories: Vec<String>,
    tags: Vec<Vec<bool>>,
    unsure: Vec<Vec<bool>>,
    monochrome: Vec<f32>,
    vectors: Vec<Vec<f32>>,
    background: Vec<Vec<f32>>,
    trained: Vec<Vec<f32>>,
    left_out: Vec<Vec<f32>>,
    templates: Vec<Vec<f32>>,
    flipped: Vec<Vec<f32>>,
    cropped: Vec<Vec<f32>>,
}

/// What a measured photo has to reach.
const MONOCHROME: f32 = 0.94;
const DRAWS: u64 = 20;

impl HeldOut {
    fn open() -> Self {
        let path = std::env::var("PHOTOTAG_HELD_OUT").expect("PHOTOTAG_HELD_OUT names the file");
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

    fn bw(&self) -> usize {
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

    fn truth(&self, photo: usize) -> Vec<Option<bool>> {
        self.tags[photo]
            .iter()
            .zip(&self.unsure[photo])
            .map(|(tag, unsure)| (!unsure).then_some(*tag))
            .collect()
    }

    /// Average precision of one category on these photos.
    fn ap(&self, rows: &[usize], scores: &[Vec<f32>], at: usize) -> Option<f64> {
        let answers: Vec<_> = rows
            .iter()
            .filter(|&&p| !self.unsure[p][at])
            .map(|&p| (scores[p][at], self.tags[p][at]))
            .collect();
        average_precision(&answers)
    }

    fn map(&self, rows: &[usize], scores: &[Vec<f32>]) -> f64 {
        mean((0..self.categories.len()).filter_map(|at| self.ap(rows, scores, at)))
    }

    /// Micro-averaged counts on these photos, thresholds set on all photos.
    fn counts(&self, rows: &[usize], scores: &[Vec<f32>], tags_per_photo: f64) -> Counts {
        let rules = self.rules();
        let calibration = Calibration::of(scores, &[], &rules, tags_per_photo);
        let mut counts = Counts::default();
        for &photo in rows {
            let chosen = decide::decide(&scores[photo], &calibration, &rules);
            for at in (0..self.categories.len()).filter(|&at| !self.unsure[photo][at]) {
                counts.add(chosen.contains(&at), self.tags[photo][at], 1.0);
            }
        }
        counts
    }

    /// Scores after learning from these labels.
    fn learned(&self, scores: &[Vec<f32>], truth: &[Vec<Option<bool>>]) -> (Vec<Vec<f32>>, usize) {
        let (mut labelled, mut others) = (Vec::new(), Vec::new());
        for (at, truth) in truth.iter().enumerate() {
            let photo = learn::Photo {
                vector: self.vectors[at].clone(),
                scores: scores[at].clone(),
                truth: truth.clone(),
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

    fn report(&self, name: &str, scores: &[Vec<f32>]) {
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

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    fastrand::Rng::with_seed(seed).shuffle(&mut order);
    order
}

#[test]
#[ignore = "needs held-out vectors of labelled photos"]
fn ambiguity_table() {
    let h = HeldOut::open();
    println!("| tried | mAP | F1 at 1.3 | precision at 1.0 |");
    h.report("as it is", &h.trained);
    h.report("templates", &h.templates);
    h.report("left-right flip", &h.flipped);
    h.report("five crops", &h.cropped);
    let map = |of: &dyn Fn(usize, usize, f32) -> f32| -> Vec<Vec<f32>> {
        let bw = h.bw();
        let row = |(p, row): (usize, &Vec<f32>)| {
            row.iter()
                .enumerate()
                .map(|(at, s)| if at == bw { *s } else { of(p, at, *s) })
                .collect()
        };
        h.trained.iter().enumerate().map(row).collect()
    };
    let nothing: Vec<f32> = h
        .background
        .iter()
        .map(|row| row.iter().sum::<f32>() / row.len() as f32)
        .collect();
    h.report(
        "minus the mean of background prompts",
        &map(&|p, _, s| s - nothing[p]),
    );
    h.report("minus half of it", &map(&|p, _, s| s - nothing[p] / 2.0));
    let own: Vec<f32> = h
        .trained
        .iter()
        .map(|row| row.iter().sum::<f32>() / row.len() as f32)
        .collect();
    h.report(
        "minus the photo's mean over categories",
        &map(&|p, _, s| s - own[p]),
    );
    h.report("minus half of it", &map(&|p, _, s| s - own[p] / 2.0));
    // Removing the collection's mean vector: each photo's score becomes (x - m).w / |x - m|.
    let n = h.vectors.len() as f32;
    let dims = h.vectors[0].len();
    let centre: Vec<f32> = (0..dims)
        .map(|d| h.vectors.iter().map(|v| v[d]).sum::<f32>() / n)
        .collect();
    let means: Vec<f32> = (0..h.categories.len())
        .map(|at| h.trained.iter().map(|r| r[at]).sum::<f32>() / n)
        .collect();
    let lengths: Vec<f32> = h
        .vectors
        .iter()
        .map(|v| {
            v.iter()
                .zip(&centre)
                .map(|(x, c)| (x - c).powi(2))
                .sum::<f32>()
                .sqrt()
        })
        .collect();
    h.report(
        "the mean vector removed",
        &map(&|p, at, s| (s - means[at]) / lengths[p]),
    );
}

#[test]
#[ignore = "needs held-out vectors of labelled photos"]
fn learning_curve() {
    let h = HeldOut::open();
    let n = h.tags.len();
    for (name, scores) in [("trained", &h.trained), ("left out", &h.left_out)] {
        println!(
            "{name}: | labels | mAP before | after | F1 before | after | heads | draws below |"
        );
        for labels in [0, 10, 25, 50, 100, 150] {
            let mut sums = [0.0; 5];
            let mut below = 0;
            for seed in 0..DRAWS {
                let order = shuffled(n, seed);
                let mut truth = vec![vec![None; h.categories.len()]; n];
                order[..labels]
                    .iter()
                    .for_each(|&at| truth[at] = h.truth(at));
                let rows = &order[labels..];
                let (new, heads) = h.learned(scores, &truth);
                let f1 = |scores: &[Vec<f32>]| h.counts(rows, scores, 1.3).f1().unwrap_or(0.0);
                let found = [
                    h.map(rows, scores),
                    h.map(rows, &new),
                    f1(scores),
                    f1(&new),
                    heads as f64,
                ];
                below += usize::from(found[1] < found[0]);
                sums.iter_mut()
                    .zip(found)
                    .for_each(|(sum, x)| *sum += x / DRAWS as f64);
            }
            println!(
                "| {labels} | {:.3} | {:.3} | {:.3} | {:.3} | {:.1} | {below} |",
                sums[0], sums[1], sums[2], sums[3], sums[4]
            );
        }
    }
}

#[test]
#[ignore = "needs held-out vectors of labelled photos"]
fn a_category_of_ones_own() {
    let h = HeldOut::open();
    let n = h.tags.len();
    let mut gains = Vec::new();
    println!("| category | AP before | after 10 positive corrections |");
    for at in (0..h.categories.len()).filter(|&at| at != h.bw()) {
        let mut sums = [0.0; 2];
        let mut draws = 0.0;
        for seed in 0..DRAWS {
            let positives: Vec<usize> = shuffled(n, seed)
                .into_iter()
                .filter(|&p| h.tags[p][at] && !h.unsure[p][at])
                .collect();
            // At least three are left to judge on.
            let told = &positives[..10.min(positives.len().saturating_sub(3))];
            let mut truth = vec![vec![None; h.categories.len()]; n];
            told.iter().for_each(|&p| truth[p][at] = Some(true));
            let rows: Vec<usize> = (0..n).filter(|p| !told.contains(p)).collect();
            let (new, _) = h.learned(&h.left_out, &truth);
            let (Some(before), Some(after)) = (h.ap(&rows, &h.left_out, at), h.ap(&rows, &new, at))
            else {
                continue;
            };
            sums[0] += before;
            sums[1] += after;
            draws += 1.0;
        }
        println!(
            "| {} | {:.2} | {:.2} |",
            h.categories[at],
            sums[0] / draws,
            sums[1] / draws
        );
        gains.push((sums[1] - sums[0]) / draws);
    }
    println!("mean gain {:.3}", mean(gains.into_iter()));
}

#[test]
#[ignore = "needs held-out vectors of labelled photos"]
fn spot_check_coverage() {
    let h = HeldOut::open();
    let rules = h.rules();
    let calibration = Calibration::of(&h.trained, &[], &rules, 1.3);
    let chosen: Vec<Vec<usize>> = h
        .trained
        .iter()
        .map(|s| decide::decide(s, &calibration, &rules))
        .collect();
    let right = |p: usize| chosen[p].iter().filter(|&&at| h.tags[p][at]).count();
    let truth = (0..chosen.len()).map(right).sum::<usize>() as f64
        / chosen.iter().map(Vec::len).sum::<usize>() as f64;
    let candidates: Vec<Candidate> = chosen
        .iter()
        .enumerate()
        .map(|(p, tags)| {
            let margin = |at: usize| decide::margin(&h.trained[p], at, &calibration, &rules);
            let weakest = tags
                .iter()
                .copied()
                .min_by(|&a, &b| margin(a).total_cmp(&margin(b)));
            Candidate {
                key: p.to_string(),
                weakest,
                margin: weakest.map_or(0.0, margin),
            }
        })
        .collect();
    let (mut covered, mut width, mut middle, mut drawn) = (0, 0.0, 0.0, 0);
    for seed in 0..200 {
        let marked: Vec<Marked> = sample::draw(&candidates, 60, seed)
            .into_iter()
            .map(|(p, stratum, of)| Marked {
                stratum,
                of,
                given: chosen[p].len(),
                right: right(p),
            })
            .collect();
        drawn = marked.len();
        let estimate = sample::estimate(&marked).expect("tags were drawn");
        covered += usize::from(estimate.interval.low <= truth && truth <= estimate.interval.high);
        width += (estimate.interval.high - estimate.interval.low) / 200.0;
        middle += estimate.precision / 200.0;
    }
    println!(
        "true precision {truth:.3}; mean estimate {middle:.3}; {drawn} photos; covered {covered} of 200; mean width {width:.3}"
    );
}

/// A unit vector at random.
fn direction(random: &mut fastrand::Rng, dimensions: usize) -> Vec<f32> {
    let mut vector: Vec<f32> = (0..dimensions).map(|_| random.f32() - 0.5).collect();
    let length = crate::score::dot(&vector, &vector).sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

#[test]
#[ignore = "prints times"]
fn time_of_learning_from_500_corrections() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut photos = |n: usize, told: bool| -> Vec<learn::Photo> {
        (0..n)
            .map(|_| {
                let vector = direction(&mut random, 1024);
                let truth: Vec<bool> = vector[..11].iter().map(|x| *x > 0.035).collect();
                let scores = truth
                    .iter()
                    .map(|t| 0.01 * random.f32() + if *t { 0.005 } else { 0.0 })
                    .collect();
                learn::Photo {
                    vector,
                    scores,
                    truth: truth.into_iter().map(|t| told.then_some(t)).collect(),
                }
            })
            .collect()
    };
    let (labelled, others) = (photos(500, true), photos(2000, false));
    let started = std::time::Instant::now();
    let outcomes = learn::learn(&labelled, &others);
    println!("{} categories in {:?}", outcomes.len(), started.elapsed());
}

#[test]
#[ignore = "prints times"]
fn time_of_searching_10000_photos() {
    use crate::index::{ContentHash, Index, News, Vector};
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("index.sqlite");
    let (mut index, _) = Index::open(&path, folder.path()).expect("a new index");
    let mut random = fastrand::Rng::with_seed(1);
    for at in 0..10_000_u32 {
        let hash = ContentHash::of(&at.to_le_bytes());
        let stamp = crate::scan::Stamp {
            size: 1,
            modified: 1,
        };
        let vector = Vector(direction(&mut random, 1024));
        index
            .keep(&[
                News::File {
                    path: folder.path().join(format!("{at}.jpg")),
                    stamp,
                    content: Some(hash),
                },
                News::Vector {
                    model: "m".into(),
                    hash,
                    vector,
                },
            ])
            .expect("kept");
    }
    let query = direction(&mut random, 1024);
    let started = std::time::Instant::now();
    let (index, _) = Index::open(&path, folder.path()).expect("the index");
    let mut scores = Vec::new();
    index
        .each_vector("m", |path, vector| {
            scores.push((crate::score::dot(vector, &query), path))
        })
        .expect("read");
    scores.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!("{} photos in {:?}", scores.len(), started.elapsed());
}
