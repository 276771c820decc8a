//! Photos that fall between categories: what was tried to decide them better.

use crate::held_out::HeldOut;

pub fn ambiguity(h: &HeldOut) {
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
