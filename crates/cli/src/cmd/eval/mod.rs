//! `phototag eval`: how good the tags are, as text, JSON, and one page to look at.

mod page;
mod spot_check;
mod text;

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Result, bail};
use phototag_core::Collection;
use phototag_core::Scored;
use phototag_core::decide::Decider;
use phototag_core::evaluate::sample::{self, Estimate, Marked};
use phototag_core::evaluate::{self, Judged, Report};
use phototag_core::index;
use phototag_core::truth::{Labels, Truth};
use serde_json::json;

use super::{Outcome, embed_new, keys, open, print, write};
use crate::cli::EvalArgs;
use crate::console::Console;

/// Everything that is shown of an evaluation.
struct Findings<'a> {
    collection: &'a Collection,
    decider: &'a Decider,
    judged: &'a [Judged],
    report: Report,
    /// The whole collection's precision, from the last spot check.
    estimate: Option<Estimate>,
}

pub fn eval(args: EvalArgs, console: &Console) -> Result<Outcome> {
    let mut collection = open(args.collection.place(args.exactness.precision()), console)?;
    let truth = Truth::open(&args.truth.files(), &collection.base, &collection.catalog)?;
    let embedded = embed_new(&mut collection, console)?;
    console.warn_all(&truth.unknown_photos(&keys(&embedded)));
    let scored = collection.scores(&embedded)?;
    let (decider, _) = collection.decider(&scored, false)?;
    let html = |name: &str| {
        let default = || collection.base.join(index::FOLDER).join(name);
        args.html.clone().unwrap_or_else(default)
    };
    if let Some(wanted) = args.sample {
        let path = html("spot-check.html");
        return spot_check(
            collection,
            &scored,
            &decider,
            &truth.labels,
            wanted.get(),
            &path,
        );
    }

    let tags = scored.tags(&decider);
    let (labels, disagreements) = truth.judged(&tags);
    console.warn_all(&disagreements);
    let judged = evaluate::labelled(&scored, &tags, &labels, &collection.catalog);
    if judged.is_empty() {
        bail!(
            "{0}: no photo here is in labels.json or overrides.json, so there is nothing to compare with\n\nMark a sample: phototag eval {0} --sample 60",
            collection.base.display()
        );
    }
    let findings = Findings {
        collection: &collection,
        decider: &decider,
        judged: &judged,
        report: evaluate::judge(&judged),
        estimate: estimate(&collection, &labels)?,
    };
    print(&if args.json {
        let categories = collection.catalog.categories();
        let ids: Vec<&str> = categories.map(|(_, c)| c.id.as_str()).collect();
        let figures =
            json!({"ids": ids, "report": findings.report, "spot_check": findings.estimate});
        serde_json::to_string_pretty(&figures)? + "\n"
    } else {
        let path = html("eval.html");
        write(&path, page::page(&findings, &paths(&scored))?.as_bytes())?;
        text::describe(&findings) + &format!("\nWrote {}\n", path.display())
    })?;
    Ok(Outcome::Done)
}

/// Draws a sample, and writes the page to mark it on.
fn spot_check(
    mut collection: Collection,
    scored: &Scored,
    decider: &Decider,
    labels: &Labels,
    wanted: usize,
    path: &Path,
) -> Result<Outcome> {
    let folder = collection.base.display().to_string();
    let drawn = spot_check::draw(&collection.catalog, scored, decider, wanted);
    if drawn.is_empty() {
        bail!("{folder}: no photo here has a tag, so there is nothing to check");
    }
    let html = spot_check::page(&collection.catalog, &drawn, &paths(scored), labels)?;
    write(path, html.as_bytes())?;
    collection.store_sample(&drawn)?;
    print(&format!(
        "Picked {} photos. Open {}, mark the tags, save labels.json into {folder}, then run\nphototag eval {folder}\n",
        drawn.len(),
        path.display(),
    ))?;
    Ok(Outcome::Done)
}

fn paths(scored: &Scored) -> HashMap<&str, &Path> {
    let photos = scored.photos.iter();
    photos
        .map(|photo| (photo.key.as_str(), photo.path.as_path()))
        .collect()
}

/// The whole collection's precision, from the photos of the last spot check that are labelled now.
fn estimate(collection: &Collection, labels: &Labels) -> Result<Option<Estimate>> {
    let is_right = |tags: &std::collections::BTreeSet<_>, name: &String| {
        let category = collection.catalog.find(name);
        category.is_ok_and(|category| tags.contains(&category))
    };
    let marked: Vec<Marked> = collection
        .sample()?
        .into_iter()
        .filter_map(|drawn| {
            let truth = labels.get(&drawn.key)?;
            let right = drawn.tags.iter().filter(|name| is_right(truth, name));
            Some(Marked {
                stratum: drawn.stratum,
                of: drawn.of,
                given: drawn.tags.len(),
                right: right.count(),
            })
        })
        .collect();
    Ok(sample::estimate(&marked))
}
