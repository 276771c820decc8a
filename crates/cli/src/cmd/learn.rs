//! `phototag learn`: corrections become better tags everywhere.

use std::collections::HashMap;

use anyhow::{Result, bail};
use phototag_core::Collection;
use phototag_core::learn::heads::Learned;
use phototag_core::learn::{self, LEAST_POSITIVES, Outcome as Learning};
use phototag_core::truth::Truth;

use super::{Outcome, embed_new, keys, open, photos, print};
use crate::cli::LearnArgs;
use crate::console::Console;

pub fn learn(args: LearnArgs, console: &Console) -> Result<Outcome> {
    let mut collection = open(args.collection.place(args.exactness.precision()), console)?;
    let folder = collection.base.display().to_string();
    if args.forget {
        collection.store_heads(&[])?;
        print(&format!(
            "Forgotten. Run `phototag tag {folder}` to retag without it.\n"
        ))?;
        return Ok(Outcome::Done);
    }
    let truth = Truth::open(&args.truth.files(), &collection.base, &collection.catalog)?;
    let embedded = embed_new(&mut collection, console)?;
    let keys = keys(&embedded);
    console.warn_all(&truth.unknown_photos(&keys));
    let certain: HashMap<&str, Vec<Option<bool>>> = keys
        .iter()
        .map(|key| (*key, truth.certain(key, &collection.catalog)))
        .collect();
    let (labelled, others) = collection.examples(&embedded, |key| certain[key].clone())?;
    if labelled.is_empty() {
        bail!(
            "{folder}: there is nothing to learn from: no photo here is in overrides.json or labels.json\n\nCorrect some tags in overrides.json, or mark a sample: phototag eval {folder} --sample 60"
        );
    }
    let outcomes = learn::learn(&labelled, &others);
    let text = describe(&collection, labelled.len(), &outcomes);
    let learned: Vec<Learned> = collection
        .catalog
        .categories()
        .zip(outcomes)
        .filter_map(|((category, _), outcome)| match outcome {
            Learning::Learned(head, evidence) => Some(Learned {
                category,
                head,
                evidence,
            }),
            Learning::Unchanged(_) | Learning::TooFew(..) => None,
        })
        .collect();
    collection.store_heads(&learned)?;
    print(&text)?;
    Ok(Outcome::Done)
}

fn describe(collection: &Collection, labelled: usize, outcomes: &[Learning]) -> String {
    let mut text = format!(
        "Read your corrections and labels of {}.\n\n",
        photos(labelled)
    );
    let labels = || {
        collection
            .catalog
            .categories()
            .map(|(_, c)| c.label.as_str())
    };
    let width = labels()
        .map(|label| label.chars().count())
        .max()
        .unwrap_or(0);
    let mut learned = 0;
    for (label, outcome) in labels().zip(outcomes) {
        let line = match outcome {
            Learning::TooFew(positives, negatives) => format!(
                "unchanged: {positives} positive and {negatives} negative examples; at least {LEAST_POSITIVES} positives are needed"
            ),
            Learning::Unchanged(e) => format!(
                "unchanged: no clear gain from {} positive and {} negative examples (average precision {:.2}, was {:.2})",
                e.positives, e.negatives, e.after, e.before
            ),
            Learning::Learned(_, e) => {
                learned += 1;
                format!(
                    "learned from {} positive and {} negative examples: average precision {:.2}, was {:.2}",
                    e.positives, e.negatives, e.after, e.before
                )
            }
        };
        text += &format!("  {label:width$}  {line}\n");
    }
    text +=
        "\nAverage precision is cross-validated: measured on photos that were not learned from.\n";
    let folder = collection.base.display();
    text += &match learned {
        0 => "Nothing was learned; tags stay the same.\n".to_owned(),
        n => format!(
            "{n} learned. Next: phototag tag {folder}    (phototag learn {folder} --forget undoes it)\n"
        ),
    };
    text
}
