//! A spot check: which photos to look at, so that they say something about the whole collection.
//!
//! Photos are drawn from all of a collection in three strata: those near a threshold, where decisions are least certain;
//! the other photos with tags; and those without. A stratum gets photos in proportion to the square root of its size
//! (Bankier, "Power allocations", 1988), so that none is left out. Within a stratum they are drawn at even steps from a
//! random start, ordered by category, so that each category gets its part. What a drawn photo stands for is
//! [`crate::evaluate`]'s business.

use serde::{Deserialize, Serialize};

/// The part of all photos that counts as near a threshold.
const NEAR: f64 = 0.2;

/// The fewest photos of a stratum, if it has as many.
const LEAST: usize = 4;

/// A photo that may be drawn.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name in tags.json.
    pub key: String,
    /// Whether it has a tag.
    pub is_tagged: bool,
    /// The category whose threshold is nearest.
    pub nearest: usize,
    /// How far that threshold is, on a scale on which categories can be compared.
    pub distance: f64,
}

/// Photos that are drawn from together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stratum {
    /// With a tag, and no threshold near.
    Tagged,
    /// Near a threshold.
    Near,
    /// Without a tag, and no threshold near.
    Untagged,
}

impl Stratum {
    /// All strata, in their order.
    pub const ALL: [Self; 3] = [Self::Tagged, Self::Near, Self::Untagged];
}

/// A drawn photo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawn {
    /// Its name in tags.json.
    pub key: String,
    /// Which stratum it was drawn from.
    pub stratum: Stratum,
    /// How many photos its stratum has.
    pub of: usize,
}

/// Each photo's stratum.
pub fn strata(photos: &[Candidate]) -> Vec<Stratum> {
    let mut distances: Vec<f64> = photos.iter().map(|photo| photo.distance).collect();
    distances.sort_by(f64::total_cmp);
    let near = distances.get((photos.len() as f64 * NEAR) as usize);
    let near = near.copied().unwrap_or(0.0);
    let of = |photo: &Candidate| match (photo.distance < near, photo.is_tagged) {
        (true, _) => Stratum::Near,
        (false, true) => Stratum::Tagged,
        (false, false) => Stratum::Untagged,
    };
    photos.iter().map(of).collect()
}

/// Draws about `wanted` photos, in mixed order. The same collection gives the same sample for the same `seed`.
pub fn draw(photos: &[Candidate], wanted: usize, seed: u64) -> Vec<Drawn> {
    let strata = strata(photos);
    let mut random = fastrand::Rng::with_seed(seed);
    let roots: f64 = Stratum::ALL
        .iter()
        .map(|stratum| (strata.iter().filter(|s| *s == stratum).count() as f64).sqrt())
        .sum();
    let mut drawn = Vec::new();
    for stratum in Stratum::ALL {
        let mut members: Vec<usize> = (0..photos.len())
            .filter(|&at| strata[at] == stratum)
            .collect();
        random.shuffle(&mut members);
        members.sort_by_key(|&at| photos[at].nearest);
        let size = members.len();
        let share = wanted as f64 * (size as f64).sqrt() / roots.max(1.0);
        let count = (share.round() as usize).max(LEAST).min(size);
        let start = random.f64();
        for step in 0..count {
            let place = ((step as f64 + start) * size as f64 / count as f64) as usize;
            drawn.push(Drawn {
                key: photos[members[place.min(size - 1)]].key.clone(),
                stratum,
                of: size,
            });
        }
    }
    random.shuffle(&mut drawn);
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photos(n: usize) -> Vec<Candidate> {
        (0..n)
            .map(|at| Candidate {
                key: at.to_string(),
                is_tagged: at % 4 == 0,
                nearest: at % 3,
                distance: (at * 37 % n) as f64,
            })
            .collect()
    }

    #[test]
    fn every_stratum_and_every_category_is_drawn_from_in_mixed_order() {
        let photos = photos(900);
        let drawn = draw(&photos, 60, 1);
        assert!((58..=62).contains(&drawn.len()), "{}", drawn.len());
        for stratum in Stratum::ALL {
            let members: Vec<&Drawn> = drawn.iter().filter(|d| d.stratum == stratum).collect();
            assert!(members.len() >= 12, "{stratum:?}: {}", members.len());
            for category in 0..3 {
                assert!(
                    members
                        .iter()
                        .any(|d| d.key.parse::<usize>().unwrap() % 3 == category)
                );
            }
        }
        let strata: Vec<Stratum> = drawn.iter().map(|d| d.stratum).collect();
        assert!(!strata.is_sorted());
        let keys: std::collections::BTreeSet<&str> = drawn.iter().map(|d| d.key.as_str()).collect();
        assert_eq!(keys.len(), drawn.len());
        assert_eq!(drawn, draw(&photos, 60, 1));
        assert_ne!(drawn, draw(&photos, 60, 2));
        assert_eq!(draw(&photos[..1], 60, 1).len(), 1);
        assert!(draw(&[], 60, 1).is_empty());
    }

    #[test]
    fn the_sample_of_an_older_version_is_not_read_as_one() {
        let old = r#"[{"key": "1", "stratum": 3, "of": 12, "tags": ["bw"]}]"#;
        assert!(serde_json::from_str::<Vec<Drawn>>(old).is_err());
    }
}
