//! What learning gains: from labels drawn at random, and from positive corrections of a category of one's own.

use crate::held_out::{HeldOut, mean, shuffled};

const DRAWS: u64 = 20;

pub fn learning_curve(h: &HeldOut) {
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

pub fn own_category(h: &HeldOut) {
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
            let corrected = &positives[..10.min(positives.len().saturating_sub(3))];
            let mut truth = vec![vec![None; h.categories.len()]; n];
            corrected.iter().for_each(|&p| truth[p][at] = Some(true));
            let rows: Vec<usize> = (0..n).filter(|p| !corrected.contains(p)).collect();
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
