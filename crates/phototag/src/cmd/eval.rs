//! `phototag eval`: how good the tags are, as text, JSON, and one page to look at.

mod report;
mod spot_check;

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::{Ending, learn};
use crate::cli::EvalArgs;
use crate::collection::Collection;
use crate::console::Console;
use crate::decide::{self, Calibration, Rules};
use crate::evaluate::sample::{self, Estimate, Marked};
use crate::evaluate::{self, Figure, Figures, Judged, Report};
use crate::index;
use crate::labels::Labels;
use crate::tags;

pub fn eval(args: EvalArgs, console: &Console) -> Result<Ending> {
    let mut collection = Collection::open(args.collection, args.exactness.precision(), console)?;
    let (labels, overrides) = learn::said(&args.truth, &collection)?;
    let embedded = collection.embed(console)?;
    if embedded.interrupted {
        return Ok(Ending::Interrupted);
    }
    let paths: HashMap<&str, &Path> = embedded
        .photos
        .iter()
        .map(|(photo, _)| (photo.key.as_str(), photo.path.as_path()))
        .collect();
    let scored = collection.scores(&embedded)?;
    let keys: BTreeSet<&str> = paths.keys().copied().collect();
    learn::warn_of_strangers(&labels, &overrides, &keys, console);
    let rules = Rules::of(&collection.catalog);
    let (calibration, _) = collection.calibration(&scored, &rules, false)?;
    let page = |name: &str| {
        args.html
            .clone()
            .unwrap_or_else(|| collection.base.join(index::FOLDER).join(name))
    };

    if let Some(wanted) = args.sample {
        let path = page("spot-check.html");
        let drawn = spot_check::draw(&collection, &scored, &calibration, &rules, wanted.get());
        if drawn.is_empty() {
            bail!(
                "{}: no photo here has a tag, so there is nothing to check",
                collection.base.display()
            );
        }
        let html = spot_check::page(&collection, &drawn, &paths, &labels)?;
        write_page(&path, &html)?;
        collection.keep_sample(&drawn)?;
        let text = format!(
            "Drew {} photos. Open {}, mark the tags, save labels.json into {}, then run\nphototag eval {}\n",
            drawn.len(),
            path.display(),
            collection.base.display(),
            collection.base.display()
        );
        std::io::stdout().lock().write_all(text.as_bytes())?;
        return Ok(Ending::Done);
    }

    let given = collection.tags(&scored, &calibration, &rules);
    let labels = learn::corrected(labels, &given, &overrides, console);
    let categories = &collection.catalog.categories;
    let judged: Vec<Judged> = scored
        .photos
        .iter()
        .zip(&given)
        .filter_map(|((key, scores), (_, tags))| {
            Some(Judged {
                key: key.clone(),
                scores: scores.clone(),
                given: categories.iter().map(|c| tags.contains(&c.id)).collect(),
                truth: labels.truth(key, &collection.catalog)?,
            })
        })
        .collect();
    if judged.is_empty() {
        bail!(
            "{0}: nothing says what is right: no photo here is named in labels.json or overrides.json\n\nMark a sample: phototag eval {0} --sample 60",
            collection.base.display()
        );
    }
    let report = evaluate::judge(&judged);
    let estimate = estimate(&collection, &labels)?;
    let text = if args.json {
        let ids: Vec<&str> = categories.iter().map(|c| c.id.as_str()).collect();
        serde_json::to_string_pretty(
            &json!({"ids": ids, "report": report, "spot_check": estimate}),
        )? + "\n"
    } else {
        let path = page("eval.html");
        let html = report::page(
            &collection,
            &report,
            estimate,
            &judged,
            &calibration,
            &rules,
            &paths,
        )?;
        write_page(&path, &html)?;
        describe(&collection, &report, estimate, &calibration, &rules)
            + &format!("\nWrote {}\n", path.display())
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Ending::Done)
}

/// The whole collection's precision, from the photos of the last spot check that are labelled now.
fn estimate(collection: &Collection, labels: &Labels) -> Result<Option<Estimate>> {
    let marked: Vec<Marked> = collection
        .sample()?
        .into_iter()
        .filter_map(|drawn| {
            let truth = labels.get(&drawn.key)?;
            let right = drawn.tags.iter().filter(|tag| truth.contains(*tag)).count();
            Some(Marked {
                stratum: drawn.stratum,
                of: drawn.of,
                given: drawn.tags.len(),
                right,
            })
        })
        .collect();
    Ok(sample::estimate(&marked))
}

/// A figure with its interval, in hundredths.
fn shown(figure: Option<Figure>) -> String {
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

fn described(estimate: &Estimate) -> String {
    format!(
        "Spot check of {} photos, weighted to the whole collection: precision {:.2} ({:.2}-{:.2})",
        estimate.photos, estimate.precision, estimate.interval.low, estimate.interval.high
    )
}

fn describe(
    collection: &Collection,
    report: &Report,
    estimate: Option<Estimate>,
    calibration: &Calibration,
    rules: &Rules,
) -> String {
    let categories = &collection.catalog.categories;
    let width = categories
        .iter()
        .map(|c| c.label.chars().count())
        .max()
        .unwrap_or(0)
        .max(5);
    let mut text = format!(
        "Judged on {} labelled photos; in brackets, 95% intervals.\n\n",
        report.photos
    );
    text += &format!(
        "  {:width$}  {:>5}  {:>16}  {:>16}  {:>16}  {:>16}  threshold (best here)\n",
        "", "wants", "precision", "recall", "F1", "AP"
    );
    let line = |label: &str, figures: &Figures, end: String| {
        let cells: Vec<String> = [
            figures.precision,
            figures.recall,
            figures.f1,
            figures.average_precision,
        ]
        .map(|f| format!("{:>16}", shown(f)))
        .to_vec();
        format!(
            "  {label:width$}  {:>5}  {}  {end}\n",
            figures.wanted,
            cells.join("  ")
        )
    };
    for (at, (category, figures)) in categories.iter().zip(&report.categories).enumerate() {
        let best = figures
            .best_threshold
            .map_or("-".to_owned(), |best| format!("{best:.3}"));
        text += &line(
            &category.label,
            figures,
            format!("{:.3} ({best})", decide::threshold(at, calibration, rules)),
        );
    }
    text += &line("all", &report.micro, String::new());
    if let Some(macro_f1) = report.macro_f1 {
        text += &format!(
            "\nMean over categories: F1 {macro_f1:.2}, average precision {}\n",
            shown(report.mean_average_precision)
        );
    }
    if let Some(estimate) = &estimate {
        text += &format!("{}\n", described(estimate));
    }
    if !collection.heads.is_empty() {
        text += "Learned categories were learned from such labels, so their figures flatter; `phototag learn` prints cross-validated ones.\n";
    }
    for confusion in &report.confusions {
        text += &format!(
            "  {} photos of {} were tagged {}\n",
            confusion.photos, categories[confusion.wanted].label, categories[confusion.given].label
        );
    }
    text
}

fn write_page(path: &Path, html: &str) -> Result<()> {
    tags::replace(path, html.as_bytes())
        .with_context(|| format!("{}: the page cannot be written", path.display()))
}
