//! Precision, recall and F1 from counts.

/// What was given and what was wanted. Sums of weights where answers are weighted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Given and right.
    pub right: f64,
    /// Answers that were given.
    pub given: f64,
    /// Answers that were wanted.
    pub wanted: f64,
}

impl Counts {
    /// Counts one answer.
    pub fn add(&mut self, given: bool, wanted: bool, weight: f64) {
        let count = |holds: bool| if holds { weight } else { 0.0 };
        self.right += count(given && wanted);
        self.given += count(given);
        self.wanted += count(wanted);
    }

    /// `None` if nothing was given.
    pub fn precision(&self) -> Option<f64> {
        (self.given > 0.0).then(|| self.right / self.given)
    }

    /// `None` if nothing was wanted.
    pub fn recall(&self) -> Option<f64> {
        (self.wanted > 0.0).then(|| self.right / self.wanted)
    }

    /// `None` if nothing was given and nothing was wanted.
    pub fn f1(&self) -> Option<f64> {
        let both = self.given + self.wanted;
        (both > 0.0).then(|| 2.0 * self.right / both)
    }
}
