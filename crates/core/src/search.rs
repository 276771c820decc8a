//! Search by text and by example: a direction in the space of the embeddings, and the photos nearest to it.
//!
//! Reads the index alone: no folder is scanned and no photo is opened, except an example.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::collection::Collection;
use crate::vectors::{dot, mean_direction};

/// What to look for. At least one text that is wanted, or an example.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// Descriptions, averaged.
    pub wanted: Vec<&'a str>,
    /// Descriptions that are subtracted.
    pub unwanted: Vec<&'a str>,
    /// A photo to look like.
    pub like: Option<&'a Path>,
}

/// What is looked for, as one direction.
pub struct Query {
    /// Of unit length.
    direction: Vec<f32>,
    /// The direction of the wanted texts alone: that of a category with these prompts.
    category: Vec<f32>,
    /// Whether the query is more than a category could be.
    pub is_more_than_a_category: bool,
}

/// A photo that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// The photo.
    pub path: PathBuf,
    /// Its cosine similarity with the query.
    pub score: f32,
    /// Its score in a category with the wanted texts as prompts.
    pub as_category: f32,
}

impl Query {
    /// Embeds a request.
    ///
    /// # Errors
    /// An example that cannot be read; an error of the model or of the index.
    pub fn new(collection: &mut Collection, request: &Request) -> Result<Self> {
        let texts = [&request.wanted[..], &request.unwanted[..]].concat();
        let vectors = collection.text_vectors(&texts)?;
        let (wanted, unwanted) = vectors.split_at(request.wanted.len());
        let category = mean_direction(wanted);
        let mut parts = Vec::new();
        if !wanted.is_empty() {
            parts.push(category.clone());
        }
        if let Some(photo) = request.like {
            parts.push(collection.photo_vector(photo)?);
        }
        if !unwanted.is_empty() {
            parts.push(mean_direction(unwanted).iter().map(|x| -x).collect());
        }
        Ok(Self {
            direction: mean_direction(&parts),
            category,
            is_more_than_a_category: parts.len() > 1 || wanted.is_empty(),
        })
    }

    /// The best `top` matches that still exist and score at least `min`, the best first.
    ///
    /// # Errors
    /// A collection without an embedded photo; an error of the index.
    pub fn find(
        &self,
        collection: &Collection,
        top: usize,
        min: Option<f32>,
    ) -> Result<Vec<Match>> {
        let mut all = Vec::new();
        collection.each_vector(|path, vector| {
            let score = dot(vector, &self.direction);
            let as_category = dot(vector, &self.category);
            if score.is_finite() && !collection.excludes(&path) {
                all.push(Match {
                    path,
                    score,
                    as_category,
                });
            }
        })?;
        if all.is_empty() {
            bail!(
                "{0}: these photos have not been indexed with the model {1:?} yet\n\nRun: phototag tag {0}",
                collection.base.display(),
                collection.embedder.name
            );
        }
        all.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then_with(|| a.path.cmp(&b.path))
        });
        let enough = |m: &Match| min.is_none_or(|min| m.score >= min);
        Ok(all
            .into_iter()
            .take_while(enough)
            .filter(|m| m.path.exists())
            .take(top)
            .collect())
    }
}
