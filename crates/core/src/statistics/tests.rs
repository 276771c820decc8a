use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Fixtures {
    average_precision: Vec<Ranking>,
    f1: Vec<Given>,
}

#[derive(Deserialize)]
struct Ranking {
    scores: Vec<f32>,
    right: Vec<bool>,
    expected: f64,
}

#[derive(Deserialize)]
struct Given {
    given: Vec<bool>,
    wanted: Vec<bool>,
    precision: f64,
    recall: f64,
    f1: f64,
}

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("../../tests/statistics/scikit-learn.json")).unwrap()
}

#[test]
fn average_precision_is_scikit_learns_also_with_ties() {
    let cases = fixtures().average_precision;
    assert!(cases.len() >= 5);
    for case in cases {
        let answers: Vec<_> = case
            .scores
            .iter()
            .copied()
            .zip(case.right.iter().copied())
            .collect();
        let found = average_precision(&answers).unwrap();
        assert!(
            (found - case.expected).abs() < 1e-9,
            "{answers:?}: {found} {}",
            case.expected
        );
    }
}

#[test]
fn precision_recall_and_f1_are_scikit_learns() {
    for case in fixtures().f1 {
        let mut counts = Counts::default();
        for (given, wanted) in case.given.iter().zip(&case.wanted) {
            counts.add(*given, *wanted, 1.0);
        }
        assert!((counts.precision().unwrap() - case.precision).abs() < 1e-12);
        assert!((counts.recall().unwrap() - case.recall).abs() < 1e-12);
        assert!((counts.f1().unwrap() - case.f1).abs() < 1e-12);
    }
}

#[test]
fn what_cannot_be_said_is_not_said() {
    assert_eq!(average_precision(&[]), None);
    assert_eq!(average_precision(&[(0.5, false)]), None);
    assert_eq!(
        average_precision(&[(f32::NAN, true), (0.5, false)]),
        Some(0.5)
    );
    assert_eq!(Counts::default().precision(), None);
    assert_eq!(Counts::default().f1(), None);
    assert_eq!(bootstrap(&[], &[], |_| Some(1.0)), None);
    assert_eq!(bootstrap(&[(0..5).collect()], &[], |_| None), None);
}

#[test]
fn an_interval_has_the_width_that_theory_says() {
    // The mean of 400 zeros and ones, half each: a deviation of 0.025.
    let mean =
        |drawn: &[usize]| Some(drawn.iter().filter(|&&at| at % 2 == 0).count() as f64 / 400.0);
    let interval = bootstrap(&[(0..400).collect()], &[], mean).unwrap();
    assert!(
        (interval.low - 0.451).abs() < 0.008 && (interval.high - 0.549).abs() < 0.008,
        "{interval:?}"
    );
}

#[test]
fn an_answer_of_weight_two_counts_as_two() {
    let ranked = |score, is_right, weight| Ranked {
        score,
        is_right,
        weight,
    };
    let weighted = [
        ranked(0.9, true, 1.0),
        ranked(0.8, false, 2.0),
        ranked(0.7, true, 3.0),
    ];
    let repeated = [
        (0.9, true),
        (0.8, false),
        (0.8, false),
        (0.7, true),
        (0.7, true),
        (0.7, true),
    ];
    assert_eq!(
        weighted_average_precision(&weighted),
        average_precision(&repeated)
    );
}
