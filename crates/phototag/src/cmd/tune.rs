//! `phototag tune`: thresholds written into phototag.toml.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::{Context, Result, bail};

use super::{Ending, learn};
use crate::catalog::{self, Threshold, edit};
use crate::cli::{Share, TuneArgs};
use crate::collection::{Collection, Scored};
use crate::console::Console;
use crate::decide::tune::{Aim, Labelled, Tuned, tune as tune_on};
use crate::decide::{self, Calibration, Cut, Rules};
use crate::statistics::Counts;
use crate::tags;

pub fn tune(args: TuneArgs, console: &Console) -> Result<Ending> {
    let mut collection = Collection::open(args.collection, None, console)?;
    let (labels, overrides) = learn::said(&args.truth, &collection)?;
    for (id, _) in &args.share {
        collection.catalog.known(id).context("--share")?;
    }
    let wish = args
        .target
        .unwrap_or(collection.catalog.tagging.tags_per_photo);
    let most = collection.catalog.categories.len();
    if !(wish > 0.0 && wish <= most as f64) {
        bail!(
            "--target {wish} is out of range\n\nIt is a mean over all photos: over 0, and at most {most}, the number of categories."
        );
    }
    let embedded = collection.embed(console)?;
    if embedded.interrupted {
        return Ok(Ending::Interrupted);
    }
    let scored = collection.scores(&embedded)?;
    if scored.photos.is_empty() {
        bail!(
            "{}: there are no photos to tune on",
            collection.base.display()
        );
    }
    let keys: BTreeSet<&str> = scored.photos.iter().map(|(key, _)| key.as_str()).collect();
    learn::warn_of_strangers(&labels, &overrides, &keys, console);
    let rules = Rules::of(&collection.catalog);
    let (calibration, _) = collection.calibration(&scored, &rules, false)?;
    let before = Tagging {
        calibration: &calibration,
        rules: &rules,
    };

    // Without labels: every prompted category at the level that the wish asks for.
    let levelled = Rules {
        cuts: rules
            .cuts
            .iter()
            .map(|cut| {
                if matches!(cut, Cut::Measured(_)) {
                    *cut
                } else {
                    Cut::Level
                }
            })
            .collect(),
        fallback: rules.fallback,
    };
    let own = scored.rows();
    let level = Calibration::of(&own, &scored.reference, &levelled, wish);
    let mut thresholds: Vec<Option<f32>> = levelled
        .cuts
        .iter()
        .enumerate()
        .map(|(at, cut)| matches!(cut, Cut::Level).then(|| level.threshold(at) as f32))
        .collect();

    // With labels: from there toward what they say.
    let tags = collection.tags(&scored, &calibration, &rules);
    let labels = learn::corrected(labels, &tags, &overrides, console);
    let labelled: Vec<Labelled> = scored
        .photos
        .iter()
        .filter_map(|(key, scores)| {
            Some(Labelled {
                scores: scores.clone(),
                truth: labels.truth(key, &collection.catalog)?,
            })
        })
        .collect();
    let tuned = (!labelled.is_empty() && args.target.is_none()).then(|| {
        let aim = args.precision.map_or(Aim::F1, Aim::Precision);
        tune_on(&labelled, &thresholds, aim)
    });
    if tuned.is_none() && args.precision.is_some() {
        bail!(
            "--precision needs labels, and no photo here is named in labels.json or overrides.json\n\nMark a sample: phototag eval {} --sample 60",
            collection.base.display()
        );
    }
    if let Some(tuned) = &tuned {
        for (threshold, by_labels) in thresholds.iter_mut().zip(&tuned.thresholds) {
            *threshold = by_labels.or(*threshold);
        }
    }
    for (at, threshold) in thresholds.iter_mut().enumerate() {
        *threshold = threshold.map(|threshold| between_scores(threshold, &own, at));
    }
    for (id, share) in &args.share {
        let at = collection.catalog.known(id)?;
        thresholds[at] = Some(threshold_for(*share, &own, at));
    }

    let rounded: Vec<Option<f64>> = thresholds
        .iter()
        .map(|t| t.map(|t| (f64::from(t) * 1e5).round() / 1e5))
        .collect();
    let after_rules = Rules {
        cuts: rules
            .cuts
            .iter()
            .zip(&rounded)
            .map(|(cut, threshold)| match (cut, threshold) {
                (Cut::Measured(_), Some(t)) => Cut::Measured(*t as f32),
                (_, Some(t)) => Cut::At(*t as f32),
                (cut, None) => *cut,
            })
            .collect(),
        fallback: rules.fallback,
    };
    let after = Tagging {
        calibration: &calibration,
        rules: &after_rules,
    };
    let mut text = describe(
        &collection,
        &scored,
        &before,
        &after,
        tuned.as_ref(),
        labelled.len(),
    );
    text += &if args.dry_run {
        "Nothing was written (--dry-run).\n".to_owned()
    } else {
        write(&collection, &rounded)?;
        format!(
            "Wrote {}\nNext: phototag tag {}\n",
            collection.catalog_path.display(),
            collection.base.display()
        )
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Ending::Done)
}

/// A way to decide.
struct Tagging<'a> {
    calibration: &'a Calibration,
    rules: &'a Rules,
}

impl Tagging<'_> {
    fn decided(&self, scores: &[f32]) -> Vec<usize> {
        decide::decide(scores, self.calibration, self.rules)
    }
}

/// The score that so many photos reach.
fn threshold_for(share: Share, own: &[Vec<f32>], at: usize) -> f32 {
    let mut scores: Vec<f32> = own
        .iter()
        .map(|row| row[at])
        .filter(|score| score.is_finite())
        .collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    let count = match share {
        Share::Part(part) => (part * scores.len() as f64).round() as usize,
        Share::Count(count) => count.min(scores.len()),
    };
    match (
        count.checked_sub(1).and_then(|last| scores.get(last)),
        scores.get(count),
    ) {
        (Some(last), Some(next)) => f32::midpoint(*last, *next),
        (Some(last), None) => *last - 1e-4,
        (None, Some(first)) => *first + 1e-4,
        (None, None) => 1.0,
    }
}

/// The threshold, moved off the scores beside it, so that neither it nor they need more digits than the
/// catalog's five to say who is in.
fn between_scores(threshold: f32, own: &[Vec<f32>], at: usize) -> f32 {
    // A level stands right above or below a score, as far as its arithmetic goes.
    const STEP: f32 = 1e-6;
    let scores = || {
        own.iter()
            .map(|row| row[at])
            .filter(|score| score.is_finite())
    };
    let above = scores()
        .filter(|score| *score >= threshold - STEP)
        .fold(f32::MAX, f32::min);
    let below = scores()
        .filter(|score| *score < threshold - STEP)
        .fold(f32::MIN, f32::max);
    if above == f32::MAX || below == f32::MIN {
        return threshold;
    }
    let room = (above - below) / 4.0;
    threshold.clamp(below + room, above - room)
}

fn describe(
    collection: &Collection,
    scored: &Scored,
    before: &Tagging,
    after: &Tagging,
    tuned: Option<&Tuned>,
    labelled: usize,
) -> String {
    let categories = &collection.catalog.categories;
    let (mut given, mut changed) = ([0_usize; 2], 0);
    let mut counts = vec![[0_usize; 2]; categories.len()];
    for (_, scores) in &scored.photos {
        let decided = [before.decided(scores), after.decided(scores)];
        changed += usize::from(decided[0] != decided[1]);
        for (side, tags) in decided.iter().enumerate() {
            given[side] += tags.len();
            tags.iter().for_each(|&at| counts[at][side] += 1);
        }
    }
    let width = categories
        .iter()
        .map(|c| c.label.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = format!("  {:width$}  {:>22}  {:>15}\n", "", "threshold", "photos");
    for (at, category) in categories.iter().enumerate() {
        let cut = |tagging: &Tagging| decide::threshold(at, tagging.calibration, tagging.rules);
        text += &format!(
            "  {:width$}  {:>9.4} -> {:>9.4}  {:>5} -> {:>5}\n",
            category.label,
            cut(before),
            cut(after),
            counts[at][0],
            counts[at][1]
        );
    }
    let n = scored.photos.len() as f64;
    text += &format!(
        "\nTags a photo: {:.2} -> {:.2}. Photos that change: {changed} of {}.\n",
        given[0] as f64 / n,
        given[1] as f64 / n,
        scored.photos.len()
    );
    if let Some(tuned) = tuned {
        let line = |name: &str, counts: Counts| {
            let of = |figure: Option<f64>| figure.map_or("none".to_owned(), |x| format!("{x:.2}"));
            format!(
                "  {name}: precision {}, recall {}, F1 {}\n",
                of(counts.precision()),
                of(counts.recall()),
                of(counts.f1())
            )
        };
        text += &format!(
            "Expected on new photos, cross-validated on {labelled} labelled ones, without the fallback:\n"
        );
        text += &line("by scores alone", tuned.before);
        text += &line("with labels    ", tuned.after);
        let silent: Vec<&str> = categories
            .iter()
            .zip(&tuned.thresholds)
            .filter(|(c, t)| t.is_none() && matches!(c.evidence, catalog::Evidence::Prompts(_)))
            .map(|(c, _)| c.id.as_str())
            .collect();
        if !silent.is_empty() {
            text += &format!(
                "No labels tell where to cut {}: by scores alone.\n",
                silent.join(", ")
            );
        }
    }
    text
}

/// Writes the thresholds that differ, into the catalog as it still is.
fn write(collection: &Collection, thresholds: &[Option<f64>]) -> Result<()> {
    let path = &collection.catalog_path;
    let untouched = if collection.has_catalog {
        catalog::text(path)? == collection.catalog_text
    } else {
        !path.exists()
    };
    if !untouched {
        bail!(
            "{}: the catalog was changed meanwhile; nothing was written\n\nRun it again.",
            path.display()
        );
    }
    let new: Vec<(&str, f64)> = collection
        .catalog
        .categories
        .iter()
        .zip(thresholds)
        .filter_map(|(category, threshold)| {
            let threshold = (*threshold)?;
            (category.threshold != Threshold::Fixed(threshold as f32))
                .then_some((category.id.as_str(), threshold))
        })
        .collect();
    let text = edit::with_thresholds(&collection.catalog_text, &new)?;
    tags::replace(path, text.as_bytes()).with_context(|| {
        format!(
            "{}: the catalog cannot be written; it is as it was before",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_reached_exactly() {
        let own: Vec<Vec<f32>> = (0..10)
            .map(|i| vec![i as f32 / 10.0])
            .chain([vec![f32::NAN]])
            .collect();
        let reached = |share| {
            let threshold = threshold_for(share, &own, 0);
            own.iter().filter(|row| row[0] >= threshold).count()
        };
        assert_eq!(reached(Share::Part(0.2)), 2);
        assert_eq!(
            (reached(Share::Part(0.0)), reached(Share::Part(1.0))),
            (0, 10)
        );
        assert_eq!(
            (reached(Share::Count(3)), reached(Share::Count(99))),
            (3, 10)
        );
        assert_eq!(threshold_for(Share::Part(0.5), &[], 0), 1.0);
    }
}
