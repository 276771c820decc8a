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

/// A scored answer, and how many photos it stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// The score.
    pub score: f32,
    /// Whether the answer is right.
    pub is_right: bool,
    /// How many photos it stands for.
    pub weight: f64,
}

/// One point for each distinct score, from the highest down; empty without a right answer. Scores that
/// are not numbers stand last.
pub fn precision_recall_curve(answers: &[(f32, bool)]) -> Vec<CurvePoint> {
    weighted_curve(&unweighted(answers))
}

/// The same for answers that stand for more or fewer photos.
pub fn weighted_curve(answers: &[Ranked]) -> Vec<CurvePoint> {
    let right = |tied: &[Ranked]| -> f64 {
        let right = tied.iter().filter(|answer| answer.is_right);
        right.map(|answer| answer.weight).sum()
    };
    let total = right(answers);
    if total <= 0.0 {
        return Vec::new();
    }
    let mut sorted = answers.to_vec();
    for answer in &mut sorted {
        if answer.score.is_nan() {
            answer.score = f32::NEG_INFINITY;
        }
    }
    sorted.sort_by(|a, b| b.score.total_cmp(&a.score));
    let (mut found, mut given) = (0.0, 0.0);
    sorted
        .chunk_by(|a, b| a.score == b.score)
        .map(|tied| {
            given += tied.iter().map(|answer| answer.weight).sum::<f64>();
            found += right(tied);
            CurvePoint {
                score: tied[0].score,
                precision: found / given,
                recall: found / total,
            }
        })
        .collect()
}

/// The mean of precision over recall, summed at each distinct score as scikit-learn's
/// `average_precision_score` does, so that tied scores count as given at once. `None` without a right
/// answer.
pub fn average_precision(answers: &[(f32, bool)]) -> Option<f64> {
    weighted_average_precision(&unweighted(answers))
}

/// The same for answers that stand for more or fewer photos.
pub fn weighted_average_precision(answers: &[Ranked]) -> Option<f64> {
    let curve = weighted_curve(answers);
    let mut before = 0.0;
    let mut area = 0.0;
    for point in &curve {
        area += (point.recall - before) * point.precision;
        before = point.recall;
    }
    (!curve.is_empty()).then_some(area)
}

fn unweighted(answers: &[(f32, bool)]) -> Vec<Ranked> {
    let answers = answers.iter();
    answers
        .map(|&(score, is_right)| Ranked {
            score,
            is_right,
            weight: 1.0,
        })
        .collect()
}
