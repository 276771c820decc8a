//! How well scores put the right answers first.

/// Precision and recall when everything from `score` on is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Everything from this score on is given.
    pub score: f32,
    /// The share of what is given that is right.
    pub precision: f64,
    /// The share of what is right that is given.
    pub recall: f64,
}

/// One point for each distinct score, from the highest down; empty without a right answer. Scores that
/// are not numbers stand last.
pub fn precision_recall_curve(answers: &[(f32, bool)]) -> Vec<CurvePoint> {
    let total = answers.iter().filter(|(_, right)| *right).count();
    if total == 0 {
        return Vec::new();
    }
    let mut sorted: Vec<(f32, bool)> = answers
        .iter()
        .map(|&(score, right)| {
            (
                if score.is_nan() {
                    f32::NEG_INFINITY
                } else {
                    score
                },
                right,
            )
        })
        .collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut found, mut given) = (0, 0);
    sorted
        .chunk_by(|a, b| a.0 == b.0)
        .map(|tied| {
            given += tied.len();
            found += tied.iter().filter(|(_, right)| *right).count();
            CurvePoint {
                score: tied[0].0,
                precision: f64::from(found as u32) / f64::from(given as u32),
                recall: f64::from(found as u32) / f64::from(total as u32),
            }
        })
        .collect()
}

/// The mean of precision over recall, summed at each distinct score as scikit-learn's
/// `average_precision_score` does, so that tied scores count as given at once. `None` without a right
/// answer.
pub fn average_precision(answers: &[(f32, bool)]) -> Option<f64> {
    let curve = precision_recall_curve(answers);
    let mut before = 0.0;
    let mut area = 0.0;
    for point in &curve {
        area += (point.recall - before) * point.precision;
        before = point.recall;
    }
    (!curve.is_empty()).then_some(area)
}
