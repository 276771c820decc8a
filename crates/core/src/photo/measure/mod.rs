//! What pixels tell better than a model: one function and one row in the table for each measure.
//!
//! A measure looks at a small averaged copy of the photo (`Thumbnail`), made once for all of
//! them, in which noise and compression have vanished. Higher always means that it holds more;
//! where to cut is the row's threshold, unless the owner sets another. Nothing here knows of tags.

mod monochrome;
mod thumbnail;

use phototag_clip::Pixels;

use thumbnail::Thumbnail;

/// A row of the table.
#[derive(Debug)]
pub struct Measure {
    /// What the catalog calls it: `measure = "..."`.
    pub name: &'static str,
    /// What a high value means, in one line for a photographer.
    pub meaning: &'static str,
    /// A photo whose value is at least this has the property.
    pub threshold: f32,
    of: fn(&Thumbnail) -> f32,
}

/// Every measure there is.
pub const MEASURES: &[Measure] = &[Measure {
    name: "monochrome",
    meaning: "black and white, or toned in one colour like sepia",
    threshold: 0.94,
    of: monochrome::value,
}];

/// A photo's value for each row of [`MEASURES`], in the table's order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measures([f32; MEASURES.len()]);

impl Measures {
    /// Measures a photo.
    pub fn of(photo: &Pixels) -> Self {
        let thumbnail = Thumbnail::of(photo);
        let mut values = [0.0; MEASURES.len()];
        for (value, measure) in values.iter_mut().zip(MEASURES) {
            *value = (measure.of)(&thumbnail);
        }
        Self(values)
    }

    /// The value of the measure with this name.
    pub fn get(&self, name: &str) -> Option<f32> {
        MEASURES
            .iter()
            .zip(self.0)
            .find(|(measure, _)| measure.name == name)
            .map(|(_, v)| v)
    }

    /// All values, in the table's order.
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// Values kept from an earlier run. None if the table had another length then.
    pub fn from_values(values: &[f32]) -> Option<Self> {
        values.try_into().ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_thresholds_can_be_reached() {
        for (at, measure) in MEASURES.iter().enumerate() {
            assert!(
                MEASURES[..at]
                    .iter()
                    .all(|other| other.name != measure.name)
            );
            assert!(
                measure.threshold > 0.0 && measure.threshold < 1.0,
                "{}",
                measure.name
            );
        }
    }

    #[test]
    fn values_are_found_by_name_and_survive_being_kept() {
        let grey = Pixels::new(2, 2, vec![128; 12]).unwrap();
        let measures = Measures::of(&grey);
        assert_eq!(measures.get("monochrome"), Some(measures.values()[0]));
        assert_eq!(measures.get("sharpness of wit"), None);
        assert_eq!(Measures::from_values(measures.values()), Some(measures));
        assert_eq!(Measures::from_values(&[]), None);
    }
}
