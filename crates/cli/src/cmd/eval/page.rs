//! The report as one page: figures, plots, and the worst mistakes.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use askama::Template;
use phototag_core::catalog::{Category, CategoryId};
use phototag_core::evaluate::{Figures, Judged};
use phototag_core::statistics::precision_recall_curve;

use super::Findings;
use super::text::{figure, spot_check};
use crate::html::{plot, thumbnail};

/// How many mistakes are shown.
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

pub(super) fn page(findings: &Findings, paths: &HashMap<&str, &Path>) -> Result<String> {
    let report = &findings.report;
    let catalog = &findings.collection.catalog;
    let rows = catalog
        .categories()
        .zip(&report.categories)
        .map(|((id, category), figures)| row(findings, id, category, figures));
    let label = |at: usize| {
        let category = catalog.categories().nth(at);
        category.map_or("", |(_, category)| category.label.as_str())
    };
    let confusions = report.confusions.iter().map(|c| {
        format!(
            "{} of {} tagged {}",
            c.photos,
            label(c.wanted),
            label(c.given)
        )
    });
    let page = Page {
        photos: report.photos,
        estimate: spot_check(findings),
        all: [report.micro.precision, report.micro.recall, report.micro.f1].map(figure),
        rows: rows.collect(),
        confusions: confusions.collect(),
        mistakes: mistakes(findings, paths),
    };
    page.render().context("the page cannot be made")
}

fn row(findings: &Findings, id: CategoryId, category: &Category, figures: &Figures) -> Row {
    let answers: Vec<(f32, bool)> = findings
        .judged
        .iter()
        .filter_map(|photo| Some((photo.scores[id.index()], photo.truth[id.index()]?)))
        .collect();
    let threshold = findings.decider.threshold(id);
    let best = figures.best_threshold;
    Row {
        label: category.label.clone(),
        figures: [
            figures.precision,
            figures.recall,
            figures.f1,
            figures.average_precision,
        ]
        .map(|value| {
            if figures.is_measured {
                figure(value)
            } else {
                "not measured".to_owned()
            }
        }),
        threshold: format!("{threshold:.3}"),
        best: best.map_or_else(String::new, |best| format!("{best:.3}")),
        curve: plot::precision_recall(&precision_recall_curve(&answers)),
        scores: plot::scores(&answers, threshold),
    }
}

/// The mistakes with the largest margins first.
fn mistakes(findings: &Findings, paths: &HashMap<&str, &Path>) -> Vec<Mistake> {
    let mut wrong: Vec<(f64, &Judged, CategoryId, &Category)> = Vec::new();
    for photo in findings.judged {
        for (id, category) in findings.collection.catalog.categories() {
            let is_wrong = |wanted| photo.given[id.index()] != wanted;
            if photo.truth[id.index()].is_some_and(is_wrong) {
                let margin = findings.decider.margin(&photo.scores, id).abs();
                let margin = if margin.is_finite() { margin } else { 0.0 };
                wrong.push((margin, photo, id, category));
            }
        }
    }
    wrong.sort_by(|a, b| b.0.total_cmp(&a.0));
    let worst = wrong.iter().take(MISTAKES);
    worst
        .filter_map(|(_, photo, id, category)| {
            let what = if photo.given[id.index()] {
                format!("not {}", category.label)
            } else {
                format!("{} is missing", category.label)
            };
            Some(Mistake {
                name: photo.key.clone(),
                what,
                thumbnail: thumbnail(paths.get(photo.key.as_str())?)?,
            })
        })
        .collect()
}
