//! The report as text.

use phototag_core::evaluate::{Basis, Figure, Figures};

use super::Findings;

pub(super) fn describe(findings: &Findings) -> String {
    let catalog = &findings.collection.catalog;
    let labels = catalog.categories().map(|(_, c)| c.label.chars().count());
    let width = labels.max().unwrap_or(0).max(5);
    let mut text = format!(
        "Compared with your labels and corrections of {}; 95% intervals in brackets.\n\n",
        crate::wording::photos(findings.report.photos)
    );
    if findings.basis == Basis::Corrections {
        text += &format!(
            "You chose these photos for their tags, so the figures say nothing about the others. To measure, run:\nphototag eval {} --sample 60\n\n",
            findings.collection.base.display()
        );
    }
    text += &format!(
        "  {:width$}  {:>14}  {:>16}  {:>16}  {:>16}  {:>16}  threshold (best for your labels)\n",
        "", "should have it", "precision", "recall", "F1", "AP"
    );
    for ((id, category), figures) in catalog.categories().zip(&findings.report.categories) {
        if !figures.is_measured {
            text += &format!("  {:width$}  {:>14}\n", category.label, "not measured");
            continue;
        }
        let threshold = findings.decider.threshold(id);
        let best = figures.best_threshold;
        let best = best.map_or("-".to_owned(), |best| format!("{best:.3}"));
        text += &line(&category.label, width, figures);
        text += &format!("  {threshold:.3} ({best})\n");
    }
    text += &line("all", width, &findings.report.micro);
    text += "\n";
    if let Some(macro_f1) = findings.report.macro_f1 {
        text += &format!(
            "\nMean over categories: F1 {macro_f1:.2}, average precision {}\n",
            figure(findings.report.mean_average_precision)
        );
    }
    if let Some(line) = spot_check(findings) {
        text += &format!("{line}\n");
    }
    if !findings.collection.heads.is_empty() {
        text += "Learned categories have learned from these labels, so their figures are too good; `phototag learn` prints cross-validated ones.\n";
    }
    let label = |at: usize| {
        catalog
            .categories()
            .nth(at)
            .map_or("", |(_, c)| c.label.as_str())
    };
    for confusion in &findings.report.confusions {
        text += &format!(
            "  {} of {} tagged {} instead\n",
            crate::wording::photos(confusion.photos),
            label(confusion.wanted),
            label(confusion.given)
        );
    }
    text
}

fn line(label: &str, width: usize, figures: &Figures) -> String {
    let cells = [
        figures.precision,
        figures.recall,
        figures.f1,
        figures.average_precision,
    ];
    let cells = cells.map(|cell| format!("{:>16}", figure(cell)));
    format!(
        "  {label:width$}  {:>14}  {}",
        figures.wanted,
        cells.join("  ")
    )
}

/// A figure with its interval, in hundredths.
pub(super) fn figure(figure: Option<Figure>) -> String {
    match figure {
        None => "-".to_owned(),
        Some(Figure {
            value,
            interval: None,
        }) => format!("{value:.2}"),
        Some(Figure {
            value,
            interval: Some(i),
        }) => format!("{value:.2} ({:.2}-{:.2})", i.low, i.high),
    }
}

/// What the last spot check says about the whole collection.
pub(super) fn spot_check(findings: &Findings) -> Option<String> {
    let photos = crate::wording::photos(findings.spot_checked()?);
    let micro = &findings.report.micro;
    Some(format!(
        "Spot check of {photos}, weighted to the whole collection: precision {}, recall {}",
        figure(micro.precision),
        figure(micro.recall)
    ))
}
