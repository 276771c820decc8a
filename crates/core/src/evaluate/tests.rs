use super::*;

fn photo(scores: [f32; 2], given: [bool; 2], truth: [Option<bool>; 2]) -> Judged {
    Judged {
        key: String::new(),
        scores: scores.to_vec(),
        given: given.to_vec(),
        truth: truth.to_vec(),
        stratum: 0,
        is_drawn: true,
    }
}

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

fn value(figure: Option<Figure>) -> f64 {
    figure.unwrap().value
}

#[test]
fn figures_and_confusions() {
    let photos = [
        photo([0.9, 0.1], [true, false], [YES, NO]),
        photo([0.2, 0.8], [false, true], [YES, NO]),
        photo([0.1, 0.7], [false, true], [NO, YES]),
    ];
    let report = judge(&photos, &Basis::Labels(3));
    assert_eq!(value(report.categories[0].precision), 1.0);
    assert_eq!(value(report.categories[0].recall), 0.5);
    assert_eq!(value(report.categories[1].average_precision), 0.5);
    assert!((value(report.micro.f1) - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!(
        report.confusions,
        [Confusion {
            wanted: 0,
            given: 1,
            photos: 1
        }]
    );
    assert_eq!(report.categories[0].best_threshold, Some(0.2));
    let interval = report.categories[0].precision.unwrap().interval.unwrap();
    assert!(interval.low < 0.5 && interval.high == 1.0, "{interval:?}");
}

#[test]
fn what_cannot_be_judged_is_left_open() {
    let photos = [photo([f32::NAN, 0.1], [false, false], [NO, YES])];
    let report = judge(&photos, &Basis::Labels(1));
    assert!(report.categories[0].average_precision.is_none() && report.categories[0].f1.is_none());
    assert_eq!(report.categories[1].recall.map(|f| f.value), Some(0.0));
    assert_eq!(judge(&[], &Basis::Corrections).photos, 0);
}

#[test]
fn a_figure_uses_only_what_was_said() {
    // Fifteen photos were given the second category, and nobody was asked about it.
    let mut photos = vec![photo([0.9, 0.9], [true, true], [NO, None]); 3];
    photos.extend(vec![photo([0.9, 0.9], [true, true], [None, None]); 12]);
    let report = judge(&photos, &Basis::Corrections);
    assert_eq!(
        (report.categories[0].asked, report.categories[1].asked),
        (3, 0)
    );
    assert_eq!(value(report.categories[0].precision), 0.0);
    let second = &report.categories[1];
    assert!(
        !second.is_measured && second.precision.is_none() && second.average_precision.is_none()
    );
    assert_eq!(value(report.micro.precision), 0.0);
}

#[test]
fn photos_that_were_chosen_for_their_tags_stand_for_themselves() {
    // Ten random photos of 100 are right; five wrong ones were picked by hand.
    let mut photos = vec![photo([0.9, 0.0], [true, false], [YES, NO]); 10];
    let mut wrong = photo([0.9, 0.0], [true, false], [NO, None]);
    wrong.is_drawn = false;
    photos.extend(vec![wrong; 5]);
    let report = judge(&photos, &Basis::Labels(100));
    assert!((value(report.categories[0].precision) - 0.95).abs() < 1e-12);
}

#[test]
fn a_category_is_not_measured_before_each_stratum_was_asked() {
    let of = |stratum, given, truth| Judged {
        stratum,
        ..photo([0.5, 0.5], [given, false], [truth, NO])
    };
    let basis = Basis::SpotCheck(vec![10, 0, 90]);
    let tagged_only = judge(
        &[of(0, true, YES), of(0, true, YES), of(2, false, None)],
        &basis,
    );
    assert!(!tagged_only.categories[0].is_measured);
    assert!(tagged_only.categories[0].recall.is_none());
    let both = judge(
        &[of(0, true, YES), of(2, false, YES), of(2, false, NO)],
        &basis,
    );
    assert!((value(both.categories[0].recall) - 10.0 / 55.0).abs() < 1e-12);
}

/// A collection whose tags and misses come about by noise: a category's score says more or less which photos have it.
struct Simulated {
    photos: Vec<Judged>,
    candidates: Vec<sample::Candidate>,
}

impl Simulated {
    fn new(n: usize, categories: usize, noise: f64, threshold: f64) -> Self {
        let mut random = fastrand::Rng::with_seed(n as u64);
        let mut normal = || (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        let (mut photos, mut candidates) = (Vec::new(), Vec::new());
        for at in 0..n {
            let scores: Vec<f64> = (0..categories).map(|_| normal()).collect();
            let truth: Vec<Option<bool>> = scores
                .iter()
                .map(|score| Some(score + noise * normal() > threshold))
                .collect();
            let distances: Vec<f64> = scores.iter().map(|s| (s - threshold).abs()).collect();
            let nearest = (0..categories).min_by(|&a, &b| distances[a].total_cmp(&distances[b]));
            let given: Vec<bool> = scores.iter().map(|score| *score > threshold).collect();
            candidates.push(sample::Candidate {
                key: at.to_string(),
                is_tagged: given.contains(&true),
                nearest: nearest.unwrap(),
                distance: distances[nearest.unwrap()],
            });
            photos.push(Judged {
                key: at.to_string(),
                scores: scores.iter().map(|score| *score as f32).collect(),
                given,
                truth,
                stratum: 0,
                is_drawn: true,
            });
        }
        Self { photos, candidates }
    }

    /// How many of `draws` spot checks have an interval that contains the truth: precision, recall.
    fn covered(&self, wanted: usize, draws: u64) -> [usize; 2] {
        let all: Vec<usize> = (0..self.photos[0].truth.len()).collect();
        let figures = |photos: &[Judged], basis: &Basis| {
            let figures = Jury::new(photos, basis, all.len()).figures(&all);
            [figures.precision.unwrap(), figures.recall.unwrap()]
        };
        let truth = figures(&self.photos, &Basis::Labels(self.photos.len())).map(|f| f.value);
        let strata = sample::strata(&self.candidates);
        let size = |stratum| strata.iter().filter(|s| **s == stratum).count();
        let basis = Basis::SpotCheck(sample::Stratum::ALL.map(size).to_vec());
        let mut covered = [0, 0];
        for seed in 0..draws {
            let drawn = sample::draw(&self.candidates, wanted, seed);
            let marked: Vec<Judged> = drawn
                .iter()
                .map(|drawn| Judged {
                    stratum: drawn.stratum as usize,
                    ..self.photos[drawn.key.parse::<usize>().unwrap()].clone()
                })
                .collect();
            for (at, figure) in figures(&marked, &basis).into_iter().enumerate() {
                let interval = figure.interval.unwrap();
                let contains = interval.low <= truth[at] && truth[at] <= interval.high;
                covered[at] += usize::from(contains);
            }
        }
        covered
    }
}

#[test]
fn ninety_five_of_a_hundred_intervals_contain_the_truth() {
    // Photos, categories, noise, threshold, photos to mark.
    let collections = [
        (283, 8, 0.3, 1.8, 60),
        (283, 8, 0.3, 1.8, 30),
        (283, 3, 0.5, 1.8, 60),
        (5000, 10, 0.3, 1.3, 100),
        (900, 8, 0.5, 1.5, 60),
        (3000, 20, 0.4, 2.0, 60),
        (900, 4, 0.8, 1.0, 120),
    ];
    let covered: Vec<[usize; 2]> = collections
        .iter()
        .map(|&(n, categories, noise, threshold, wanted)| {
            Simulated::new(n, categories, noise, threshold).covered(wanted, 1000)
        })
        .collect();
    println!("{covered:?}");
    let holds = |covered: &usize| (930..=970).contains(covered);
    assert!(
        covered.iter().flatten().all(holds),
        "precision and recall covered, of 1000: {covered:?}"
    );
}
