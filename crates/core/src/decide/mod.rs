//! From scores to tags: thresholds, and a best category for the photo that reaches none.
//!
//! A [`Decider`] holds everything that decides: the catalog's [`Rules`] and the collection's [`Calibration`]. It
//! knows scores, not photos or vectors. [`plan`] finds thresholds to write into a catalog, [`tune`] finds them
//! from labels.

mod calibration;
pub mod plan;
pub mod tune;

pub use calibration::{Calibration, ENOUGH_PHOTOS, Scale};

use crate::catalog::{Catalog, CategoryId, Definition, Fallback, Threshold};

/// How scores become tags.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// In catalog order.
    pub cuts: Vec<Cut>,
    /// What a photo gets that reaches no threshold.
    pub fallback: Fallback,
}

/// Where one category is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cut {
    /// At the calibration's level.
    Level,
    /// At this raw score, as the owner wants it; infinity: nowhere.
    At(f32),
    /// At this value of a measure, or nowhere. A measured category is never guessed as a photo's best.
    Measured(f32),
}

impl Rules {
    /// The rules that a catalog asks for. A measured category without a threshold of the owner's is
    /// cut at the measure's own.
    pub fn of(catalog: &Catalog) -> Self {
        let cuts = catalog
            .categories()
            .map(
                |(_, category)| match (&category.definition, category.threshold) {
                    (Definition::Prompts(_), Threshold::Auto) => Cut::Level,
                    (Definition::Prompts(_), Threshold::Fixed(threshold)) => Cut::At(threshold),
                    (Definition::Measure(measure), Threshold::Auto) => {
                        Cut::Measured(measure.threshold)
                    }
                    (Definition::Measure(_), Threshold::Fixed(threshold)) => {
                        Cut::Measured(threshold)
                    }
                    (Definition::Prompts(_), Threshold::Never) => Cut::At(f32::INFINITY),
                    (Definition::Measure(_), Threshold::Never) => Cut::Measured(f32::INFINITY),
                },
            )
            .collect();
        Self {
            cuts,
            fallback: catalog.tagging.fallback,
        }
    }

    /// The same with every prompted category cut at the level, whatever the owner set.
    pub fn levelled(&self) -> Self {
        let cuts = self.cuts.iter().map(|cut| match cut {
            Cut::Measured(_) => *cut,
            Cut::Level | Cut::At(_) => Cut::Level,
        });
        Self {
            cuts: cuts.collect(),
            fallback: self.fallback,
        }
    }

    /// The same with these thresholds, in catalog order; `None` changes nothing.
    pub fn with_thresholds(&self, thresholds: &[Option<f32>]) -> Self {
        let cuts = self.cuts.iter().zip(thresholds);
        let cuts = cuts.map(|(cut, threshold)| match (cut, *threshold) {
            (Cut::Measured(_), Some(threshold)) => Cut::Measured(threshold),
            (_, Some(threshold)) => Cut::At(threshold),
            (cut, None) => *cut,
        });
        Self {
            cuts: cuts.collect(),
            fallback: self.fallback,
        }
    }
}

/// Everything that turns a photo's scores into its tags.
#[derive(Clone, Debug)]
pub struct Decider {
    rules: Rules,
    calibration: Calibration,
}

impl Decider {
    /// A decider for one catalog; `None` if the calibration was made for another one.
    pub fn new(rules: Rules, calibration: Calibration) -> Option<Self> {
        calibration
            .fits(&rules)
            .then_some(Self { rules, calibration })
    }

    /// The same with other rules for the same catalog.
    pub fn with_rules(&self, rules: Rules) -> Self {
        Self {
            rules,
            calibration: self.calibration.clone(),
        }
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What the collection's scores mean.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// The categories that a photo with these scores gets, in catalog order.
    pub fn tags(&self, scores: &[f32]) -> Vec<CategoryId> {
        let reached: Vec<CategoryId> = self
            .categories()
            .filter(|category| self.reaches(scores, *category))
            .collect();
        if !reached.is_empty() || self.rules.fallback == Fallback::None {
            return reached;
        }
        self.best(scores).into_iter().collect()
    }

    /// The lowest raw score at which a photo has the category; infinity if none is enough.
    pub fn threshold(&self, category: CategoryId) -> f64 {
        match self.rules.cuts[category.index()] {
            Cut::Level => self.calibration.threshold(category.index()),
            Cut::At(threshold) | Cut::Measured(threshold) => f64::from(threshold),
        }
    }

    /// By how much a score exceeds its threshold, on the scale that makes categories comparable.
    pub fn margin(&self, scores: &[f32], category: CategoryId) -> f64 {
        let scale = self.calibration.categories[category.index()];
        let threshold = match self.rules.cuts[category.index()] {
            Cut::Level => self.calibration.level,
            Cut::At(threshold) | Cut::Measured(threshold) => scale.comparable(threshold),
        };
        scale.comparable(scores[category.index()]) - threshold
    }

    fn categories(&self) -> impl Iterator<Item = CategoryId> + use<> {
        (0..self.rules.cuts.len()).map(CategoryId::nth)
    }

    fn reaches(&self, scores: &[f32], category: CategoryId) -> bool {
        let at = category.index();
        match self.rules.cuts[at] {
            Cut::Level => {
                self.calibration.categories[at].comparable(scores[at]) >= self.calibration.level
            }
            Cut::At(threshold) | Cut::Measured(threshold) => scores[at] >= threshold,
        }
    }

    /// The category that comes nearest to its threshold; a measured one is never guessed.
    fn best(&self, scores: &[f32]) -> Option<CategoryId> {
        let guessed = |id: &CategoryId| !matches!(self.rules.cuts[id.index()], Cut::Measured(_));
        self.categories()
            .filter(guessed)
            .map(|category| (self.margin(scores, category), category))
            .filter(|(margin, _)| margin.is_finite())
            .max_by(|a, b| {
                let by_score = scores[a.1.index()].total_cmp(&scores[b.1.index()]);
                a.0.total_cmp(&b.0).then(by_score)
            })
            .map(|(_, category)| category)
    }
}

#[cfg(test)]
mod tests {
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

    fn tags(scores: &[f32], calibration: Calibration, rules: Rules) -> Vec<usize> {
        let decider = Decider::new(rules, calibration).unwrap();
        let tags = decider.tags(scores).into_iter();
        tags.map(CategoryId::index).collect()
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
                tags(&scores, calibration(), rules(Fallback::Best)),
                expected,
                "{scores:?}"
            );
        }
        assert_eq!(
            tags(&[0.25, 0.15, 0.0], calibration(), rules(Fallback::None)),
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
            tags(&[0.2, 0.0], calibration, rules.clone()),
            [0],
            "nearest to its own threshold"
        );
        assert!(matches!(rules.cuts[1], Cut::Measured(threshold) if threshold > 0.5));
    }

    #[test]
    fn a_category_that_is_never_given_is_not_guessed_either() {
        let text = "[[category]]\nid = \"a\"\nprompts = [\"x\"]\nthreshold = \"never\"\n\
            [[category]]\nid = \"b\"\nprompts = [\"y\"]\n\
            [[category]]\nid = \"c\"\nmeasure = \"monochrome\"\nthreshold = \"never\"\n";
        let rules = Rules::of(&Catalog::parse(text, "t").unwrap());
        assert_eq!(tags(&[1.0, -0.5, 1.0], calibration(), rules.clone()), [1]);
        let only = Rules {
            cuts: vec![rules.cuts[0]; 3],
            ..rules
        };
        assert_eq!(tags(&[1.0, 1.0, 1.0], calibration(), only), [0_usize; 0]);
    }
}
