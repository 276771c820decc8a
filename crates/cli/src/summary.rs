//! What a run did, as text for a person or as JSON for a program.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use phototag_core::Collection;
use phototag_core::decide::{Decider, ENOUGH_PHOTOS};
use phototag_core::embed::{Embedded, STARTER};
use phototag_core::models::known;
use phototag_core::tags::Tags;

use crate::unreadable;
use crate::wording::photos;

/// See the module. Field names are what `--json` prints.
#[derive(Serialize)]
pub struct Summary {
    photos: usize,
    /// Photos with a line in tags.json after this run.
    tagged: usize,
    /// Embedded in this run.
    new: usize,
    /// Known from an earlier run.
    kept: usize,
    corrected: usize,
    /// Photos without a tag.
    untagged: usize,
    unreadable: Vec<Unreadable>,
    categories: Vec<Count>,
    tags_per_photo: f64,
    seconds: f64,
    photos_per_second: Option<f64>,
    model: String,
    calibration: CalibrationSummary,
    /// Where tags.json is; nothing was written if there are no photos.
    tags: String,
    #[serde(skip)]
    unreadable_lines: Vec<String>,
    #[serde(skip)]
    folder: String,
    #[serde(skip)]
    has_catalog: bool,
}

#[derive(Serialize)]
struct Unreadable {
    file: String,
    reason: String,
}

#[derive(Serialize)]
struct Count {
    id: String,
    label: String,
    emoji: String,
    photos: usize,
    /// From which score on, for a category without a threshold of the owner's.
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
}

#[derive(Serialize)]
struct CalibrationSummary {
    photos: usize,
    borrowed: usize,
    /// Whether the model brought no reference images to steady it.
    alone: bool,
    renewed: bool,
}

/// A run of `phototag tag`.
pub struct Run<'a> {
    pub collection: &'a Collection,
    pub embedded: &'a Embedded,
    pub tags: &'a Tags,
    pub decider: &'a Decider,
    /// Whether thresholds were computed in this run.
    pub renewed: bool,
    /// Photos with a correction.
    pub corrected: usize,
    /// Where tags.json is.
    pub path: &'a Path,
}

impl Summary {
    pub fn of(run: &Run) -> Self {
        let Run {
            collection,
            embedded,
            tags,
            decider,
            ..
        } = run;
        let count = |id: &str| tags.iter().filter(|(_, tags)| tags.contains(id)).count();
        let categories = collection.catalog.categories().map(|(at, category)| Count {
            id: category.id.clone(),
            label: category.label.clone(),
            emoji: category.emoji.clone(),
            photos: count(&category.id),
            threshold: category
                .is_automatic()
                .then(|| rounded(decider.threshold(at))),
        });
        let given: usize = tags.iter().map(|(_, tags)| tags.len()).sum();
        let seconds = embedded.took.as_secs_f64();
        let unreadable = embedded.refused.iter().map(|refused| Unreadable {
            file: refused.path.display().to_string(),
            reason: refused.reason.to_string(),
        });
        let calibration = decider.calibration();
        Self {
            photos: embedded.photos.len() + embedded.refused.len(),
            tagged: tags.len(),
            new: embedded.new,
            kept: embedded.photos.len() - embedded.new,
            corrected: run.corrected,
            untagged: tags.iter().filter(|(_, tags)| tags.is_empty()).count(),
            unreadable: unreadable.collect(),
            categories: categories.collect(),
            tags_per_photo: rounded(given as f64 / tags.len().max(1) as f64),
            seconds: rounded(seconds),
            photos_per_second: (embedded.new > 0).then(|| rounded(embedded.new as f64 / seconds)),
            model: collection.embedder.name.clone(),
            calibration: CalibrationSummary {
                photos: calibration.photos,
                borrowed: calibration.borrowed,
                alone: calibration.alone,
                renewed: run.renewed,
            },
            tags: run.path.display().to_string(),
            unreadable_lines: unreadable::lines(
                &embedded.refused,
                embedded
                    .photos
                    .iter()
                    .map(|(photo, _)| photo.path.as_path()),
                "; --json lists them all",
            ),
            folder: collection.base.display().to_string(),
            has_catalog: collection.catalog_file.exists,
        }
    }

    pub fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.describe(&mut text);
        text
    }

    fn describe(&self, out: &mut String) -> std::fmt::Result {
        if self.photos == 0 {
            return writeln!(
                out,
                "No photos found in {}. Nothing was written.",
                self.folder
            );
        }
        write!(
            out,
            "Tagged {}: {} new, {} already indexed",
            photos(self.tagged),
            self.new,
            self.kept
        )?;
        if self.corrected > 0 {
            write!(out, ", {} corrected by you", self.corrected)?;
        }
        writeln!(out, ".\n")?;
        if !self.unreadable.is_empty() {
            writeln!(out, "Unreadable: {}", photos(self.unreadable.len()))?;
            for line in &self.unreadable_lines {
                writeln!(out, "  {line}")?;
            }
            writeln!(out)?;
        }
        let width = self
            .categories
            .iter()
            .map(|count| count.label.chars().count())
            .max()
            .unwrap_or(0);
        for count in &self.categories {
            writeln!(
                out,
                "  {}\t{:width$}  {:>6}",
                count.emoji, count.label, count.photos
            )?;
        }
        write!(out, "\n{:.2} tags per photo", self.tags_per_photo)?;
        if self.untagged > 0 {
            write!(out, ", {} without a tag", photos(self.untagged))?;
        }
        if let Some(speed) = self.photos_per_second {
            write!(out, ", {speed:.1} photos per second")?;
        }
        writeln!(out, ". Model: {}.", self.model)?;
        if self.calibration.renewed && self.calibration.borrowed > 0 {
            writeln!(
                out,
                "Too few photos to set thresholds ({} of {ENOUGH_PHOTOS}): filled up with the model's {} reference images.",
                self.calibration.photos, self.calibration.borrowed
            )?;
        }
        if self.calibration.alone && self.categories.iter().any(|c| c.threshold.is_some()) {
            let few = if self.calibration.photos < ENOUGH_PHOTOS {
                "; expect them to change as you add photos"
            } else {
                ""
            };
            writeln!(
                out,
                "Thresholds are based on {} only, because this model has no reference images{few}.",
                photos(self.calibration.photos)
            )?;
        }
        if self.calibration.renewed && self.model == STARTER {
            let better = known::all()
                .unwrap_or_default()
                .into_iter()
                .find(|k| k.recommended);
            if let Some(better) = better {
                let how = better.how_to_get();
                writeln!(
                    out,
                    "This is the small built-in model. A CLIP model is more accurate: {how}"
                )?;
            }
        }
        writeln!(out, "\nWrote {}", self.tags)?;
        let next = if self.has_catalog {
            format!(
                "phototag scores {0}    see each photo's scores, then edit {0}/phototag.toml and tag again",
                self.folder
            )
        } else {
            format!(
                "phototag init {}    write the categories to a file you can edit",
                self.folder
            )
        };
        writeln!(out, "Next: {next}")
    }
}

/// Four decimals: more would pretend.
fn rounded(x: f64) -> f64 {
    (x * 1e4).round() / 1e4
}
