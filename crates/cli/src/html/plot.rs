//! Plots as inline SVG: precision over recall, and scores with the threshold drawn in.

use std::fmt::Write;

use phototag_core::statistics::CurvePoint;

const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 120.0;
const BINS: usize = 30;

/// Precision over recall, both from 0 to 1.
pub fn precision_recall(curve: &[CurvePoint]) -> String {
    let mut points = String::new();
    for point in curve {
        let (x, y) = (point.recall * WIDTH, (1.0 - point.precision) * HEIGHT);
        let _ = write!(points, "{x:.1},{y:.1} ");
    }
    framed(
        "precision over recall",
        &format!("<polyline class=\"line\" points=\"{points}\"/>"),
    )
}

/// How many photos have which score: those with the tag in truth, and those without. A threshold that is not
/// finite is left out.
pub fn scores(answers: &[(f32, bool)], threshold: f64) -> String {
    let finite = || answers.iter().filter(|(score, _)| score.is_finite());
    let cut = threshold.is_finite().then_some(threshold);
    let ends = || finite().map(|a| f64::from(a.0)).chain(cut);
    let low = ends().fold(f64::INFINITY, f64::min);
    let high = ends().fold(f64::NEG_INFINITY, f64::max);
    let range = (high - low).max(1e-9);
    let mut bins = [[0_usize; 2]; BINS];
    for &(score, right) in finite() {
        let bin = ((f64::from(score) - low) / range * BINS as f64) as usize;
        bins[bin.min(BINS - 1)][usize::from(right)] += 1;
    }
    let most = bins.iter().flatten().copied().max().unwrap_or(0).max(1) as f64;
    let width = WIDTH / BINS as f64;
    let mut inside = String::new();
    for (at, counts) in bins.iter().enumerate() {
        for (class, count) in ["without", "with"].iter().zip(counts) {
            let height = *count as f64 / most * HEIGHT;
            if height > 0.0 {
                let (x, y) = (at as f64 * width, HEIGHT - height);
                let _ = write!(
                    inside,
                    "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
                );
            }
        }
    }
    if let Some(cut) = cut {
        let x = (cut - low) / range * WIDTH;
        let _ = write!(
            inside,
            "<line class=\"cut\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{HEIGHT}\"/>"
        );
    }
    framed("scores", &inside)
}

fn framed(title: &str, inside: &str) -> String {
    format!(
        "<svg role=\"img\" viewBox=\"-2 -2 {} {}\"><title>{title}</title><rect class=\"frame\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>{inside}</svg>",
        WIDTH + 4.0,
        HEIGHT + 4.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use phototag_core::statistics::precision_recall_curve;

    #[test]
    fn plots_stay_in_their_frame_whatever_the_scores() {
        for answers in [
            &[][..],
            &[(f32::NAN, true)],
            &[(0.5, true)],
            &[(0.1, false), (0.9, true)],
        ] {
            let text = scores(answers, 0.3)
                + &scores(answers, f64::INFINITY)
                + &precision_recall(&precision_recall_curve(answers));
            assert!(
                !text.contains("NaN") && !text.contains("inf") && !text.contains(" x=\"-"),
                "{text}"
            );
        }
        assert_eq!(
            scores(&[(0.1, false), (0.9, true)], 0.5)
                .matches("<rect class=\"with")
                .count(),
            2
        );
        assert!(scores(&[(0.0, false), (1.0, true)], 0.5).contains("x1=\"120.0\""));
    }
}
