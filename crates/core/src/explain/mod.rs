//! Why a photo has its tags, and not others: every number that decided, ready to be shown.
//!
//! Nothing is decided here, and nothing is printed.

mod heatmap;

use std::collections::BTreeSet;

use anyhow::Result;

pub use self::heatmap::Heatmap;
use crate::catalog::{CategoryId, Definition};
use crate::collection::{Collection, Scored};
use crate::embed::Embedded;
use crate::truth::{TagSets, Truth};
use crate::vectors::dot;

/// How many similar photos with a tag are named.
const NEAREST: usize = 3;

/// See the module.
pub struct Explanation {
    /// What tags.json calls the photo.
    pub key: String,
    /// The tags it ends up with.
    pub tags: BTreeSet<CategoryId>,
    /// One for each category, the nearest to its threshold first.
    pub reasons: Vec<Reason>,
    /// Photos in the collection.
    pub photos: usize,
}

/// All about one category.
pub struct Reason {
    /// The category.
    pub category: CategoryId,
    /// What scores alone decide.
    pub verdict: Verdict,
    /// The photo's score.
    pub score: f64,
    /// The lowest score at which a photo has the category.
    pub threshold: f64,
    /// The score's place among all photos', from 1.
    pub rank: usize,
    /// Where the score comes from.
    pub origin: Origin,
    /// What a learned head changed.
    pub learned: Option<LearnedScore>,
    /// The owner's answer or correction.
    pub correction: Option<bool>,
    /// The most similar photos with this tag, and their cosine similarity.
    pub nearest: Vec<(String, f32)>,
}

/// What scores alone decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The score reaches its threshold.
    Reached,
    /// No score of the photo reaches its threshold, and this one is nearest to its own.
    Fallback,
    /// The photo does not get the category.
    Missed,
}

/// Where a score comes from.
pub enum Origin {
    /// A measure, and what its values mean.
    Measure(&'static str),
    /// The best-matching prompt, and its cosine similarity.
    Prompt {
        /// The prompt.
        text: String,
        /// Its cosine similarity with the photo.
        similarity: f32,
    },
}

/// What a learned head changed.
pub struct LearnedScore {
    /// The score without the head.
    pub zero_shot: f32,
    /// Photos of the category that it was learned from.
    pub positives: usize,
}

impl Explanation {
    /// Explains the photo at place `at` of those embedded.
    ///
    /// # Errors
    /// An error of the model or of the index.
    pub fn of(
        collection: &mut Collection,
        embedded: &Embedded,
        at: usize,
        truth: &Truth,
    ) -> Result<Self> {
        let scored = collection.scores(embedded)?;
        let (decider, _) = collection.decider(&scored, false)?;
        let vector = collection.vector(&embedded.photos[at])?;
        let similarities = embedded
            .photos
            .iter()
            .map(|photo| Ok(dot(&vector, &collection.vector(photo)?)))
            .collect::<Result<Vec<f32>>>()?;
        let origins = origins(collection, &vector)?;
        let mut tags = scored.tags(&decider);
        truth.apply(&mut tags);

        let photo = &scored.photos[at];
        let chosen = decider.tags(&photo.scores);
        let mut reasons: Vec<Reason> = origins
            .into_iter()
            .map(|(category, origin)| {
                let score = photo.scores[category.index()];
                let threshold = decider.threshold(category);
                let verdict = match (chosen.contains(&category), f64::from(score) >= threshold) {
                    (true, true) => Verdict::Reached,
                    (true, false) => Verdict::Fallback,
                    (false, _) => Verdict::Missed,
                };
                let learned = collection.heads.get(category);
                Reason {
                    category,
                    verdict,
                    score: f64::from(score),
                    threshold,
                    rank: rank(&scored, category, score),
                    origin,
                    learned: learned.map(|stored| LearnedScore {
                        zero_shot: photo.zero_shot[category.index()],
                        positives: stored.evidence.positives,
                    }),
                    correction: truth.correction(&photo.key, category),
                    nearest: nearest(&similarities, &tags, at, category),
                }
            })
            .collect();
        let margin = |reason: &Reason| decider.margin(&photo.scores, reason.category);
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

/// Where a photo's scores come from, in catalog order.
fn origins(collection: &mut Collection, vector: &[f32]) -> Result<Vec<(CategoryId, Origin)>> {
    let definitions: Vec<_> = collection
        .catalog
        .categories()
        .map(|(id, category)| (id, category.definition.clone()))
        .collect();
    let mut origins = Vec::with_capacity(definitions.len());
    for (id, definition) in definitions {
        let origin = match definition {
            Definition::Measure(measure) => Origin::Measure(measure.meaning),
            Definition::Prompts(prompts) => {
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
                Origin::Prompt { text, similarity }
            }
        };
        origins.push((id, origin));
    }
    Ok(origins)
}

fn rank(scored: &Scored, category: CategoryId, score: f32) -> usize {
    let scores = scored.photos.iter().map(|p| p.scores[category.index()]);
    1 + scores.filter(|other| *other > score).count()
}

/// The photos most similar to the one at `at` among those with this category.
fn nearest(
    similarities: &[f32],
    tags: &TagSets,
    at: usize,
    category: CategoryId,
) -> Vec<(String, f32)> {
    let mut near: Vec<(String, f32)> = tags
        .iter()
        .enumerate()
        .filter(|(other, (_, tags))| *other != at && tags.contains(&category))
        .map(|(other, (key, _))| (key.clone(), similarities[other]))
        .collect();
    near.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    near.truncate(NEAREST);
    near
}
