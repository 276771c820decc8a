//! The report as one page: figures, plots, and the worst mistakes.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use askama::Template;

use super::{described, shown};
use crate::collection::Collection;
use crate::decide::{self, Calibration, Rules};
use crate::evaluate::sample::Estimate;
use crate::evaluate::{Judged, Report};
use crate::page::{plot, thumbnail};
use crate::statistics::precision_recall_curve;

/// So many mistakes are shown.
const MISTAKES: usize = 24;

#[derive(Template)]
#[template(path = "eval.html")]
struct Page {
    photos: usize,
    estimate: Option<String>,
    all: [String; 3],
    rows: Vec<Row>,
    confusions: Vec<String>,
    mistakes: Vec<Mistake>,
}

struct Row {
    label: String,
    figures: [String; 4],
    threshold: String,
    best: String,
    curve: String,
    scores: String,
}

struct Mistake {
    name: String,
    what: String,
    thumbnail: String,
}

pub fn page(
    collection: &Collection,
    report: &Report,
    estimate: Option<Estimate>,
    judged: &[Judged],
    calibration: &Calibration,
    rules: &Rules,
    paths: &HashMap<&str, &Path>,
) -> Result<String> {
    let categories = &collection.catalog.categories;
    let rows =
        categories
            .iter()
            .zip(&report.categories)
            .enumerate()
            .map(|(at, (category, figures))| {
                let answers: Vec<(f32, bool)> = judged
                    .iter()
                    .map(|photo| (photo.scores[at], photo.truth[at]))
                    .collect();
                let threshold = decide::threshold(at, calibration, rules);
                Row {
                    label: category.label.clone(),
                    figures: [
                        figures.precision,
                        figures.recall,
                        figures.f1,
                        figures.average_precision,
                    ]
                    .map(shown),
                    threshold: format!("{threshold:.3}"),
                    best: figures
                        .best_threshold
                        .map_or_else(String::new, |best| format!("{best:.3}")),
                    curve: plot::precision_recall(&precision_recall_curve(&answers)),
                    scores: plot::scores(&answers, threshold),
                }
            });
    let mut wrong: Vec<(f64, &Judged, usize)> = Vec::new();
    for photo in judged {
        for at in (0..categories.len()).filter(|&at| photo.given[at] != photo.truth[at]) {
            let margin = decide::margin(&photo.scores, at, calibration, rules).abs();
            wrong.push((if margin.is_finite() { margin } else { 0.0 }, photo, at));
        }
    }
    wrong.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mistakes = wrong.iter().take(MISTAKES).filter_map(|(_, photo, at)| {
        let label = &categories[*at].label;
        let what = if photo.given[*at] {
            format!("not {label}")
        } else {
            format!("{label} is missing")
        };
        Some(Mistake {
            name: photo.key.clone(),
            what,
            thumbnail: thumbnail(paths.get(photo.key.as_str())?)?,
        })
    });
    Page {
        photos: report.photos,
        estimate: estimate.as_ref().map(described),
        all: [report.micro.precision, report.micro.recall, report.micro.f1].map(shown),
        rows: rows.collect(),
        confusions: report
            .confusions
            .iter()
            .map(|c| {
                format!(
                    "{} of {} tagged {}",
                    c.photos, categories[c.wanted].label, categories[c.given].label
                )
            })
            .collect(),
        mistakes: mistakes.collect(),
    }
    .render()
    .context("the page cannot be made")
}
