use super::*;

/// Photos around two centres that the zero-shot score tells apart badly.
fn photos(n: usize, told: bool) -> Vec<Example> {
    let mut random = fastrand::Rng::with_seed(n as u64 + u64::from(told));
    (0..n)
        .map(|at| {
            let positive = at % 3 == 0;
            let mut vector: Vec<f32> = (0..32).map(|_| random.f32() - 0.5).collect();
            vector[0] += if positive { 1.0 } else { -1.0 };
            let length = crate::vectors::dot(&vector, &vector).sqrt();
            vector.iter_mut().for_each(|x| *x /= length);
            Example {
                scores: vec![0.2 + 0.02 * random.f32() + if positive { 0.004 } else { 0.0 }],
                truth: vec![told.then_some(positive)],
                is_sampled: told,
                vector,
            }
        })
        .collect()
}

fn ranked(photos: &[Example], score: impl Fn(&Example) -> f32) -> f64 {
    let answers: Vec<_> = photos
        .iter()
        .map(|p| (score(p), p.truth[0] == Some(true)))
        .collect();
    crate::statistics::average_precision(&answers).unwrap()
}

#[test]
fn a_head_ranks_new_photos_better_and_keeps_the_scale() {
    let outcomes = learn(&photos(60, true), &photos(200, false));
    let Outcome::Learned(head, evidence) = &outcomes[0] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(
        (evidence.positives, evidence.negatives, evidence.unlabelled),
        (20, 40, 200)
    );
    let estimate = evidence.estimate.unwrap();
    assert!(estimate.after > estimate.before + 0.2, "{evidence:?}");
    let unseen = photos(90, true);
    assert!(ranked(&unseen, |p| head.score(p.scores[0], &p.vector)) > 0.95);
    assert!(ranked(&unseen, |p| p.scores[0]) < 0.7);
    let before = Usual::of(unseen.iter().map(|p| p.scores[0]));
    let after = Usual::of(unseen.iter().map(|p| head.score(p.scores[0], &p.vector)));
    assert!(
        (before.mean - after.mean).abs() < before.spread,
        "{} {}",
        before.mean,
        after.mean
    );
    assert!(head.fits(32) && !head.fits(31));
}

#[test]
fn photos_without_labels_stand_in_for_negatives() {
    let only_positives: Vec<Example> = photos(30, true)
        .into_iter()
        .filter(|p| p.truth[0] == Some(true))
        .collect();
    let outcomes = learn(&only_positives, &photos(200, false));
    let Outcome::Learned(head, evidence) = &outcomes[0] else {
        panic!("{outcomes:?}")
    };
    assert_eq!((evidence.positives, evidence.negatives), (10, 0));
    assert_eq!(evidence.estimate, None, "positives alone are no estimate");
    assert!(ranked(&photos(90, true), |p| head.score(p.scores[0], &p.vector)) > 0.95);
}

#[test]
fn a_score_that_is_right_already_is_kept() {
    let mut labelled = photos(60, true);
    for photo in &mut labelled {
        photo.scores[0] = if photo.truth[0] == Some(true) {
            0.3
        } else {
            0.1
        };
    }
    let outcomes = learn(&labelled, &[]);
    assert!(matches!(outcomes[0], Outcome::Unchanged(_)), "{outcomes:?}");
}

#[test]
fn what_cannot_be_learned_from_is_survived() {
    assert!(learn(&[], &photos(5, false)).is_empty());
    let two = photos(4, true);
    assert!(matches!(learn(&two, &[])[0], Outcome::TooFew(2, 2)));
    let all_one: Vec<Example> = photos(30, true)
        .into_iter()
        .filter(|p| p.truth[0] == Some(true))
        .collect();
    assert!(matches!(learn(&all_one, &[])[0], Outcome::TooFew(10, 0)));
    let none: Vec<Example> = photos(30, true)
        .into_iter()
        .filter(|p| p.truth[0] == Some(false))
        .collect();
    assert!(matches!(learn(&none, &[])[0], Outcome::TooFew(0, 20)));
    let mut broken = photos(60, true);
    broken[0].scores[0] = f32::NAN;
    assert!(matches!(learn(&broken, &[])[0], Outcome::Learned(..)));
    let empty: Vec<Example> = photos(12, true)
        .into_iter()
        .map(|p| Example {
            vector: vec![],
            ..p
        })
        .collect();
    assert!(matches!(learn(&empty, &[])[0], Outcome::Unchanged(_)));
}

/// What a person does on a ranked page: adds the category to photos that were missed, and removes it from the
/// best-scoring wrong ones.
#[test]
fn the_best_scoring_wrong_photos_alone_do_not_turn_the_ranking() {
    let truth = |at: usize| at.is_multiple_of(3);
    let all: Vec<Example> = photos(300, false);
    let mut wrong: Vec<usize> = (0..all.len()).filter(|&at| !truth(at)).collect();
    wrong.sort_by(|&a, &b| all[b].scores[0].total_cmp(&all[a].scores[0]));
    let mut before = 0.0;
    for removed in [0, 1, 3, 7, 20] {
        let (mut labelled, mut others) = (Vec::new(), Vec::new());
        for (at, photo) in all.iter().enumerate() {
            let mut photo = photo.clone();
            if at < 18 && truth(at) {
                photo.truth[0] = Some(true);
            } else if wrong[..removed].contains(&at) {
                photo.truth[0] = Some(false);
            }
            if photo.truth[0].is_some() {
                labelled.push(photo);
            } else {
                others.push(photo);
            }
        }
        let outcomes = learn(&labelled, &others);
        let Outcome::Learned(head, _) = &outcomes[0] else {
            panic!("{removed}: {outcomes:?}")
        };
        let after = ranked(&photos(90, true), |p| head.score(p.scores[0], &p.vector));
        assert!(
            after > 0.9 && after > before - 0.03,
            "{removed}: {after} after {before}"
        );
        before = after;
    }
}
