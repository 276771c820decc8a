//! `phototag learn`: corrections become better tags everywhere.

use anyhow::{Result, bail};
use phototag_core::Collection;
use phototag_core::learn::heads::Learned;
use phototag_core::learn::{self, Estimate, Evidence, LEAST_POSITIVES, Outcome as Learning};
use phototag_core::truth::Truth;

use super::{Outcome, embed_new, keys, open, print};
use crate::cli::LearnArgs;
use crate::console::Console;
use crate::wording::photos;

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
    console.warn_all(&truth.unknown_photos(&keys(&embedded)));
    console.warn_all(&truth.faults(&collection.catalog));
    let (labelled, others) = collection.examples(&embedded, &truth)?;
    if labelled.is_empty() {
        bail!(
            "{folder}: there is nothing to learn from: no photo here is in answers.json, overrides.json or labels.json\n\nCorrect some tags in answers.json, or mark a sample: phototag eval {folder} --sample 60"
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
    let mut is_measured = true;
    for (label, outcome) in labels().zip(outcomes) {
        let line = match outcome {
            Learning::TooFew(positives, negatives) => format!(
                "unchanged: {positives} positive and {negatives} negative examples; at least {LEAST_POSITIVES} positives are needed"
            ),
            Learning::Unchanged(e) => {
                format!("unchanged: no gain from {}{}", examples(e), estimate(e))
            }
            Learning::Learned(_, e) => {
                learned += 1;
                is_measured &= e.estimate.is_some();
                format!("learned from {}{}", examples(e), estimate(e))
            }
        };
        text += &format!("  {label:width$}  {line}\n");
    }
    let folder = collection.base.display();
    text += if is_measured {
        "\nAverage precision is measured on labelled photos that were not learned from.\n"
    } else {
        "\nWhere no average precision is given, it cannot be told: corrections are no fair sample. To measure it, label photos at random:\n"
    };
    if !is_measured {
        text += &format!("phototag eval {folder} --sample 60\n");
    }
    text.push('\n');
    text += &match learned {
        0 => "Nothing was learned; tags stay the same.\n".to_owned(),
        n => format!(
            "{n} learned; wrote {}.\nNext: phototag tag {folder}    (phototag learn {folder} --forget undoes it)\n",
            collection.catalog_file.learned().display()
        ),
    };
    text
}

/// "6 positive and 7 negative examples"
fn examples(evidence: &Evidence) -> String {
    let Evidence {
        positives,
        negatives,
        ..
    } = evidence;
    format!("{positives} positive and {negatives} negative examples")
}

/// ": average precision 0.83, was 0.61"; empty if it could not be measured.
fn estimate(evidence: &Evidence) -> String {
    evidence.estimate.map_or_else(String::new, |estimate| {
        let Estimate { before, after } = estimate;
        format!(": average precision {after:.2}, was {before:.2}")
    })
}
