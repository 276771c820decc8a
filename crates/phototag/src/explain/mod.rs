//! Why a photo has its tags, and not others: every number that decided, ready to be shown.
//!
//! Nothing is decided here; how it is told is `cmd::explain`'s business.

mod heatmap;

use std::collections::BTreeSet;

use anyhow::Result;

pub use self::heatmap::Heatmap;
use crate::catalog::Evidence;
use crate::collection::{Collection, Scored};
use crate::decide::{self, Rules};
use crate::overrides::Overrides;
use crate::pipeline::Embedded;
use crate::score::dot;
use crate::tags::Tags;

/// So many photos are named that look alike and carry the tag.
const NEAREST: usize = 3;

/// See the module.
pub struct Explanation {
    /// What tags.json calls the photo.
    pub key: String,
    /// The tags it ends up with.
    pub tags: BTreeSet<String>,
    /// One for each category, the nearest to its threshold first.
    pub reasons: Vec<Reason>,
    /// Photos in the collection.
    pub photos: usize,
}

/// All about one category.
pub struct Reason {
    /// Its place in the catalog.
    pub category: usize,
    pub label: String,
    pub verdict: Verdict,
    pub score: f64,
    pub threshold: f64,
    /// The score's place among all photos', from 1.
    pub rank: usize,
    pub source: Source,
    pub learned: Option<Learned>,
    /// What the owner said by hand.
    pub said: Option<bool>,
    /// The photos with this tag that look most alike, and how much (cosine).
    pub nearest: Vec<(String, f32)>,
}

/// What scores alone decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Reached,
    /// No category's threshold was reached, and this one was nearest to its own.
    Fallback,
    Missed,
}

/// Where a score comes from.
pub enum Source {
    /// A measure, and what its values mean.
    Measure(&'static str),
    /// Of the prompts, the one that fits best, and its cosine.
    Prompt { text: String, similarity: f32 },
}

/// What a learned head changed.
pub struct Learned {
    pub score_before: f32,
    /// Photos of the category that it learned from.
    pub examples: usize,
}

impl Explanation {
    /// The photo at place `at` of those embedded.
    pub fn of(
        collection: &mut Collection,
        embedded: &Embedded,
        at: usize,
        overrides: &Overrides,
    ) -> Result<Self> {
        let scored = collection.scores(embedded)?;
        let rules = Rules::of(&collection.catalog);
        let (calibration, _) = collection.calibration(&scored, &rules, false)?;
        let vector = collection.vector(&embedded.photos[at])?;
        let likeness = embedded
            .photos
            .iter()
            .map(|photo| Ok(dot(&vector, &collection.vector(photo)?)))
            .collect::<Result<Vec<f32>>>()?;
        let sources = sources(collection, &vector)?;

        let categories = &collection.catalog.categories;
        let mut tags = collection.tags(&scored, &calibration, &rules);
        overrides.apply(&mut tags);

        let (key, scores) = &scored.photos[at];
        let chosen = decide::decide(scores, &calibration, &rules);
        let mut reasons: Vec<Reason> = sources
            .into_iter()
            .enumerate()
            .map(|(category, source)| {
                let about = &categories[category];
                let (score, threshold) = (
                    f64::from(scores[category]),
                    decide::threshold(category, &calibration, &rules),
                );
                Reason {
                    category,
                    label: about.label.clone(),
                    verdict: match (chosen.contains(&category), score >= threshold) {
                        (true, true) => Verdict::Reached,
                        (true, false) => Verdict::Fallback,
                        (false, _) => Verdict::Missed,
                    },
                    score,
                    threshold,
                    rank: rank(&scored, category, scores[category]),
                    source,
                    learned: collection.heads.get(category).map(|kept| Learned {
                        score_before: kept.head.before(scores[category], &vector),
                        examples: kept.evidence.positives,
                    }),
                    said: overrides
                        .get(key)
                        .and_then(|correction| correction.says(&about.id)),
                    nearest: nearest(&likeness, &tags, at, &about.id),
                }
            })
            .collect();
        let margin =
            |reason: &Reason| decide::margin(scores, reason.category, &calibration, &rules);
        reasons.sort_by(|a, b| margin(b).total_cmp(&margin(a)));
        let photos = scored.photos.len();
        let (key, tags) = tags.swap_remove(at);
        Ok(Self {
            key,
            tags,
            reasons,
            photos,
        })
    }
}

/// Where this vector's scores come from, in catalog order.
fn sources(collection: &mut Collection, vector: &[f32]) -> Result<Vec<Source>> {
    let asked: Vec<_> = collection
        .catalog
        .categories
        .iter()
        .map(|category| category.evidence.clone())
        .collect();
    let mut sources = Vec::with_capacity(asked.len());
    for evidence in asked {
        sources.push(match evidence {
            Evidence::Measure(measure) => Source::Measure(measure.meaning),
            Evidence::Prompts(prompts) => {
                let words: Vec<&str> = prompts.iter().map(String::as_str).collect();
                let vectors = collection.text_vectors(&words)?;
                let mut best = (f32::NEG_INFINITY, "");
                for (prompt, direction) in words.iter().zip(&vectors) {
                    let similarity = dot(vector, direction);
                    if similarity > best.0 {
                        best = (similarity, prompt);
                    }
                }
                let (similarity, text) = (best.0, best.1.to_owned());
                Source::Prompt { text, similarity }
            }
        });
    }
    Ok(sources)
}

fn rank(scored: &Scored, category: usize, score: f32) -> usize {
    let above = |(_, scores): &&(String, Vec<f32>)| scores[category] > score;
    1 + scored.photos.iter().filter(above).count()
}

fn nearest(likeness: &[f32], tags: &Tags, at: usize, id: &str) -> Vec<(String, f32)> {
    let mut near: Vec<(String, f32)> = tags
        .iter()
        .enumerate()
        .filter(|(other, (_, tags))| *other != at && tags.contains(id))
        .map(|(other, (key, _))| (key.clone(), likeness[other]))
        .collect();
    near.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    near.truncate(NEAREST);
    near
}
