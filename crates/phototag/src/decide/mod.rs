//! From scores to tags: thresholds, and a best category for the photo that reaches none.
//!
//! Knows scores and rules, not photos or vectors. How thresholds come about when the owner sets none
//! is [`calibration`]'s business.

pub mod calibration;
pub mod tune;

use crate::catalog::{Catalog, Evidence, Fallback, Threshold};
pub use calibration::Calibration;

/// How scores become tags, in catalog order.
#[derive(Clone, Debug)]
pub struct Rules {
    pub cuts: Vec<Cut>,
    pub fallback: Fallback,
}

/// Where one category is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cut {
    /// At the calibration's level.
    Level,
    /// At this raw score, as the owner says.
    At(f32),
    /// At this value of a measure. A measure tells what is so: it is never guessed as a photo's best.
    Measured(f32),
}

impl Rules {
    /// The rules that a catalog asks for. A measured category without a threshold of the owner's is
    /// cut where the measure says.
    pub fn of(catalog: &Catalog) -> Self {
        let cuts = catalog
            .categories
            .iter()
            .map(|category| match (&category.evidence, category.threshold) {
                (Evidence::Prompts(_), Threshold::Auto) => Cut::Level,
                (Evidence::Prompts(_), Threshold::Fixed(threshold)) => Cut::At(threshold),
                (Evidence::Measure(measure), Threshold::Auto) => Cut::Measured(measure.threshold),
                (Evidence::Measure(_), Threshold::Fixed(threshold)) => Cut::Measured(threshold),
            })
            .collect();
        Self {
            cuts,
            fallback: catalog.tagging.fallback,
        }
    }
}

/// The places, in catalog order, of the categories that a photo with these scores gets.
pub fn decide(scores: &[f32], calibration: &Calibration, rules: &Rules) -> Vec<usize> {
    let reached: Vec<usize> = (0..scores.len())
        .filter(|&at| match rules.cuts[at] {
            Cut::Level => calibration.categories[at].comparable(scores[at]) >= calibration.level,
            Cut::At(threshold) | Cut::Measured(threshold) => scores[at] >= threshold,
        })
        .collect();
    if !reached.is_empty() || rules.fallback == Fallback::None {
        return reached;
    }
    best(scores, calibration, rules).into_iter().collect()
}

/// From which raw score on a photo has the category at this place.
pub fn threshold(at: usize, calibration: &Calibration, rules: &Rules) -> f64 {
    match rules.cuts[at] {
        Cut::Level => calibration.threshold(at),
        Cut::At(threshold) | Cut::Measured(threshold) => f64::from(threshold),
    }
}

/// By how much a score reaches its threshold, on the scale that makes categories comparable.
pub fn margin(scores: &[f32], at: usize, calibration: &Calibration, rules: &Rules) -> f64 {
    let scale = calibration.categories[at];
    let threshold = match rules.cuts[at] {
        Cut::Level => calibration.level,
        Cut::At(threshold) | Cut::Measured(threshold) => scale.comparable(threshold),
    };
    scale.comparable(scores[at]) - threshold
}

/// The category that comes nearest to its threshold; a measured one is never guessed.
fn best(scores: &[f32], calibration: &Calibration, rules: &Rules) -> Option<usize> {
    (0..scores.len())
        .filter(|&at| !matches!(rules.cuts[at], Cut::Measured(_)))
        .map(|at| (margin(scores, at, calibration, rules), at))
        .filter(|(margin, _)| margin.is_finite())
        .max_by(|a, b| {
            a.0.total_cmp(&b.0)
                .then(scores[a.1].total_cmp(&scores[b.1]))
        })
        .map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::calibration::Scale;
    use super::*;

    fn calibration() -> Calibration {
        let scale = |mean, spread| Scale { mean, spread };
        Calibration {
            categories: vec![scale(0.2, 0.01), scale(0.0, 0.04), scale(0.5, 0.1)],
            level: 1.0,
            photos: 100,
            borrowed: 0,
            alone: false,
        }
    }

    fn rules(fallback: Fallback) -> Rules {
        Rules {
            cuts: vec![Cut::Level, Cut::Level, Cut::Measured(0.9)],
            fallback,
        }
    }

    #[test]
    fn thresholds_then_fallback() {
        // Thresholds: 0.2 + 0.1 = 0.3; 0.0 + 0.2 = 0.2; 0.9.
        let cases = [
            ([0.31, 0.21, 0.95], vec![0, 1, 2]),
            ([0.29, 0.0, 0.95], vec![2]),
            ([0.25, 0.15, 0.0], vec![1]),
            ([0.29, 0.15, 0.89], vec![0]),
            ([f32::NAN, -0.5, f32::NAN], vec![1]),
        ];
        for (scores, expected) in cases {
            assert_eq!(
                decide(&scores, &calibration(), &rules(Fallback::Best)),
                expected,
                "{scores:?}"
            );
        }
        assert_eq!(
            decide(&[0.25, 0.15, 0.0], &calibration(), &rules(Fallback::None)),
            Vec::<usize>::new()
        );
    }

    #[test]
    fn an_owners_threshold_is_kept_to() {
        let text = "[[category]]\nid = \"a\"\nprompts = [\"x\"]\nthreshold = 0.25\n[[category]]\nid = \"b\"\nmeasure = \"monochrome\"\n";
        let rules = Rules::of(&Catalog::parse(text, "t").unwrap());
        assert_eq!(rules.cuts[0], Cut::At(0.25));
        let calibration = Calibration {
            categories: calibration().categories[..2].to_vec(),
            ..calibration()
        };
        assert_eq!(
            decide(&[0.2, 0.0], &calibration, &rules),
            [0],
            "nearest to its own threshold"
        );
        assert!(matches!(rules.cuts[1], Cut::Measured(threshold) if threshold > 0.5));
    }
}
