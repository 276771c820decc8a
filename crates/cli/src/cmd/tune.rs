//! `phototag tune`: thresholds written into phototag.toml.

use anyhow::{Context, Result, bail};
use phototag_core::catalog::Definition;
use phototag_core::decide::Decider;
use phototag_core::decide::plan::{Plan, Wish};
use phototag_core::decide::tune::{Aim, Labelled, Tuned};
use phototag_core::statistics::Counts;
use phototag_core::truth::Truth;
use phototag_core::{Collection, Scored};

use super::{Outcome, embed_new, open, print, warn_of_unknown_photos};
use crate::cli::TuneArgs;
use crate::console::Console;
use crate::wording::photos;

pub fn tune(args: TuneArgs, console: &Console) -> Result<Outcome> {
    let wish = wish(&args);
    let mut collection = open(args.collection.place(None), console)?;
    let truth = Truth::open(&args.truth.files(), &collection.base, &collection.catalog)?;
    let wish = wish(&collection)?;
    let folder = collection.base.display().to_string();
    let embedded = embed_new(&mut collection, console)?;
    warn_of_unknown_photos(&truth, &embedded, console);
    let scored = collection.scores(&embedded)?;
    if scored.photos.is_empty() {
        bail!("{folder}: no photos found");
    }
    let (before, _) = collection.decider(&scored, false)?;
    console.warn_all(&truth.faults(&collection.catalog));
    let labelled: Vec<Labelled> = scored
        .photos
        .iter()
        .filter_map(|photo| {
            let truth = truth.known(&photo.key, &collection.catalog);
            truth.iter().any(Option::is_some).then(|| Labelled {
                scores: photo.scores.clone(),
                truth,
            })
        })
        .collect();
    if labelled.is_empty() && args.min_precision.is_some() {
        bail!(
            "--min-precision needs labels, but answers.json, labels.json and overrides.json name no photo here\n\nTo label a sample, run: phototag eval {folder} --sample 60"
        );
    }
    let plan = Plan::new(
        &scored.rows(),
        &scored.reference_rows(),
        before.rules(),
        &labelled,
        &wish,
    );
    let after = before.with_rules(plan.rules(before.rules()));
    let mut text = changes(&collection, &scored, &before, &after);
    if let Some(tuned) = &plan.tuned {
        text += &expectations(&collection, tuned, labelled.len());
    }
    text += &if args.dry_run {
        "Nothing was written (--dry-run).\n".to_owned()
    } else {
        collection.write_thresholds(&plan.thresholds)?;
        format!(
            "Wrote {}\nNext: phototag tag {folder}\n",
            collection.catalog_file.path.display()
        )
    };
    print(&text)?;
    Ok(Outcome::Done)
}

/// What was typed, to be checked against a catalog.
fn wish(args: &TuneArgs) -> impl FnOnce(&Collection) -> Result<Wish> + use<> {
    let (target, shares) = (args.target, args.share.clone());
    let aim = args.min_precision.map_or(Aim::F1, Aim::Precision);
    move |collection| {
        let catalog = &collection.catalog;
        let shares = shares.iter().map(|(id, share)| {
            let category = catalog.known(id).context("--share")?;
            Ok((category, *share))
        });
        let shares = shares.collect::<Result<_>>()?;
        let tags_per_photo = target.unwrap_or(catalog.tagging.tags_per_photo);
        let most = catalog.len();
        if !(tags_per_photo > 0.0 && tags_per_photo <= most as f64) {
            bail!(
                "--target {tags_per_photo} is out of range\n\nIt is the average number of tags per photo: above 0 and at most {most}, the number of categories."
            );
        }
        Ok(Wish {
            tags_per_photo,
            aim: target.is_none().then_some(aim),
            shares,
        })
    }
}

/// Thresholds and photos by category, before and after.
fn changes(collection: &Collection, scored: &Scored, before: &Decider, after: &Decider) -> String {
    let catalog = &collection.catalog;
    let (mut given, mut changed) = ([0_usize; 2], 0);
    let mut counts = vec![[0_usize; 2]; catalog.len()];
    for photo in &scored.photos {
        let decided = [before.tags(&photo.scores), after.tags(&photo.scores)];
        changed += usize::from(decided[0] != decided[1]);
        for (side, tags) in decided.iter().enumerate() {
            given[side] += tags.len();
            tags.iter().for_each(|id| counts[id.index()][side] += 1);
        }
    }
    let labels = catalog.categories().map(|(_, c)| c.label.chars().count());
    let width = labels.max().unwrap_or(0);
    let mut text = format!("  {:width$}  {:>22}  {:>15}\n", "", "threshold", "photos");
    for (id, category) in catalog.categories() {
        let [photos_before, photos_after] = counts[id.index()];
        text += &format!(
            "  {:width$}  {:>9} -> {:>9}  {photos_before:>5} -> {photos_after:>5}\n",
            category.label,
            shown(before.threshold(id)),
            shown(after.threshold(id)),
        );
    }
    let n = scored.photos.len() as f64;
    text + &format!(
        "\nTags per photo: {:.2} -> {:.2}. {changed} of {} change.\n",
        given[0] as f64 / n,
        given[1] as f64 / n,
        photos(scored.photos.len())
    )
}

/// A threshold with four digits, or "never".
fn shown(threshold: f64) -> String {
    if threshold == f64::INFINITY {
        "never".to_owned()
    } else {
        format!("{threshold:.4}")
    }
}

/// What labels promise on new photos.
fn expectations(collection: &Collection, tuned: &Tuned, labelled: usize) -> String {
    let line = |name: &str, counts: Counts| {
        let of = |figure: Option<f64>| figure.map_or("none".to_owned(), |x| format!("{x:.2}"));
        format!(
            "  {name}: precision {}, recall {}, F1 {}\n",
            of(counts.precision()),
            of(counts.recall()),
            of(counts.f1())
        )
    };
    let labelled = photos(labelled).replace(' ', " labelled ");
    let mut text =
        format!("Expected on new photos (cross-validated on {labelled}, without the fallback):\n");
    text += &line("by scores alone", tuned.before);
    text += &line("with labels    ", tuned.after);
    let unlabelled: Vec<&str> = collection
        .catalog
        .categories()
        .zip(&tuned.thresholds)
        .filter(|((_, category), threshold)| {
            threshold.is_none() && matches!(category.definition, Definition::Prompts(_))
        })
        .map(|((_, category), _)| category.label.as_str())
        .collect();
    match &unlabelled[..] {
        [] => {}
        [one] => text += &format!("{one} has no labels; its threshold comes from scores alone.\n"),
        many => {
            text += &format!(
                "{} have no labels; their thresholds come from scores alone.\n",
                many.join(", ")
            );
        }
    }
    text
}
