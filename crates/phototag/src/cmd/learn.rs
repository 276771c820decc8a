//! `phototag learn`: corrections become better tags everywhere.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;

use anyhow::{Result, bail};

use super::Ending;
use crate::cli::{LearnArgs, TruthArgs};
use crate::collection::Collection;
use crate::console::Console;
use crate::labels::Labels;
use crate::learn::{self, LEAST_POSITIVES, Outcome};
use crate::overrides::{self, Overrides};
use crate::tags::Tags;

pub fn learn(args: LearnArgs, console: &Console) -> Result<Ending> {
    let mut collection = Collection::open(args.collection, args.exactness.precision(), console)?;
    if args.forget {
        collection.keep_heads(&[])?;
        let text =
            "Forgotten: photos are tagged by the catalog alone from the next `phototag tag` on.\n";
        std::io::stdout().lock().write_all(text.as_bytes())?;
        return Ok(Ending::Done);
    }
    let (labels, overrides) = said(&args.truth, &collection)?;
    let embedded = collection.embed(console)?;
    if embedded.interrupted {
        return Ok(Ending::Interrupted);
    }
    let keys: BTreeSet<&str> = embedded
        .photos
        .iter()
        .map(|(photo, _)| photo.key.as_str())
        .collect();
    warn_of_strangers(&labels, &overrides, &keys, console);
    let catalog = &collection.catalog;
    let truth: HashMap<&str, Vec<Option<bool>>> = keys
        .iter()
        .map(|key| (*key, labels.certain(key, &overrides, catalog)))
        .collect();
    let (labelled, others) = collection.examples(&embedded, |key| truth[key].clone())?;
    if labelled.is_empty() {
        bail!(
            "{}: there is nothing to learn from: no photo here is named in overrides.json or labels.json\n\nCorrect some tags in overrides.json, or mark a sample with `phototag eval --sample 60`.",
            collection.base.display()
        );
    }
    let outcomes = learn::learn(&labelled, &others);
    let text = describe(&collection, labelled.len(), &outcomes);
    let heads: Vec<_> = outcomes
        .into_iter()
        .enumerate()
        .filter_map(|(at, outcome)| match outcome {
            Outcome::Learned(head, evidence) => Some((at, head, evidence)),
            Outcome::Kept(_) | Outcome::TooFew(..) => None,
        })
        .collect();
    collection.keep_heads(&heads)?;
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Ending::Done)
}

/// Labels and corrections, as the flags name them.
pub(super) fn said(args: &TruthArgs, collection: &Collection) -> Result<(Labels, Overrides)> {
    let labels = Labels::open(&args.labels, &collection.base, &collection.catalog)?;
    let default = collection.base.join(overrides::FILE_NAME);
    let path = args.overrides.as_ref().unwrap_or(&default);
    let overrides = Overrides::open(path, args.overrides.is_some(), &collection.catalog)?;
    Ok((labels, overrides))
}

pub(super) fn warn_of_strangers(
    labels: &Labels,
    overrides: &Overrides,
    keys: &BTreeSet<&str>,
    console: &Console,
) {
    for stranger in labels.strangers(keys) {
        console.warn(&format!("labels: there is no photo {stranger:?}"));
    }
    for stranger in overrides.strangers(keys) {
        console.warn(&format!("overrides: there is no photo {stranger:?}"));
    }
}

/// Labels with what was corrected by hand, given the tags that scores alone give; says where the two
/// disagree.
pub(super) fn corrected(
    labels: Labels,
    tags: &Tags,
    overrides: &Overrides,
    console: &Console,
) -> Labels {
    let (labels, disagree) = labels.with_corrected(tags, overrides);
    for key in disagree {
        console.warn(&format!(
            "photo {key:?}: labels and overrides disagree; the correction counts"
        ));
    }
    labels
}

fn describe(collection: &Collection, labelled: usize, outcomes: &[Outcome]) -> String {
    let mut text = format!("Looked at what you said about {labelled} photos.\n\n");
    let width = collection
        .catalog
        .categories
        .iter()
        .map(|c| c.label.chars().count())
        .max()
        .unwrap_or(0);
    let mut learned = 0;
    for (category, outcome) in collection.catalog.categories.iter().zip(outcomes) {
        let line = match outcome {
            Outcome::TooFew(right, wrong) => format!(
                "stays: {right} right and {wrong} wrong examples; it takes {LEAST_POSITIVES} right ones"
            ),
            Outcome::Kept(e) => format!(
                "stays: {} right and {} wrong examples make average precision {:.2}, was {:.2}: no clear gain",
                e.positives, e.negatives, e.after, e.before
            ),
            Outcome::Learned(_, e) => {
                learned += 1;
                format!(
                    "learned from {} right and {} wrong examples: average precision {:.2}, was {:.2}",
                    e.positives, e.negatives, e.after, e.before
                )
            }
        };
        text += &format!("  {:width$}  {line}\n", category.label);
    }
    text +=
        "\nAverage precision is cross-validated: judged on photos that were not learned from.\n";
    let folder = collection.base.display();
    text += &match learned {
        0 => "Nothing was learned; tags stay as they are.\n".to_owned(),
        n => format!(
            "{n} learned. Next: phototag tag {folder}    (phototag learn {folder} --forget undoes it)\n"
        ),
    };
    text
}
