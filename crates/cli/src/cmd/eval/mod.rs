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
use phototag_core::evaluate::sample;
use phototag_core::evaluate::{self, Basis, Judged, Report};
use phototag_core::index;
use phototag_core::truth::Truth;
use serde_json::json;

use super::{Outcome, embed_new, keys, open, print, write};
use crate::cli::EvalArgs;
use crate::console::Console;

/// Everything that is shown of an evaluation.
struct Findings<'a> {
    collection: &'a Collection,
    decider: &'a Decider,
    judged: &'a [Judged],
    basis: Basis,
    report: Report,
}

impl Findings<'_> {
    /// The photos that were drawn, if the figures rest on a spot check.
    fn spot_checked(&self) -> Option<usize> {
        let drawn = self.judged.iter().filter(|photo| photo.is_drawn);
        matches!(self.basis, Basis::SpotCheck(_)).then(|| drawn.count())
    }
}

pub fn eval(args: EvalArgs, console: &Console) -> Result<Outcome> {
    let mut collection = open(args.collection.place(args.exactness.precision()), console)?;
    let truth = Truth::open(&args.truth.files(), &collection.base, &collection.catalog)?;
    let embedded = embed_new(&mut collection, console)?;
    console.warn_all(&truth.unknown_photos(&keys(&embedded)));
    console.warn_all(&truth.faults(&collection.catalog));
    let scored = collection.scores(&embedded)?;
    let (decider, _) = collection.decider(&scored, false)?;
    let html = |name: &str| {
        let default = || collection.base.join(index::FOLDER).join(name);
        args.html.clone().unwrap_or_else(default)
    };
    if let Some(wanted) = args.sample {
        let path = html("spot-check.html");
        let page = (wanted.get(), path.as_path());
        return spot_check::spot_check(collection, &scored, &decider, &truth, page);
    }

    let tags = scored.tags(&decider);
    let catalog = &collection.catalog;
    let strata = sample::strata(&evaluate::candidates(&scored, &decider, catalog));
    let drawn = collection.sample()?;
    let (judged, basis) = evaluate::judged((&scored, &tags), &truth, catalog, &strata, &drawn);
    if judged.is_empty() {
        bail!(
            "{0}: no photo here is in answers.json, labels.json or overrides.json, so there is nothing to compare with\n\nMark a sample: phototag eval {0} --sample 60",
            collection.base.display()
        );
    }
    let findings = Findings {
        collection: &collection,
        decider: &decider,
        judged: &judged,
        report: evaluate::judge(&judged, &basis),
        basis,
    };
    print(&if args.json {
        json_report(&findings)?
    } else {
        let path = html("eval.html");
        write(&path, page::page(&findings, &paths(&scored))?.as_bytes())?;
        text::describe(&findings) + &format!("\nWrote {}\n", path.display())
    })?;
    Ok(Outcome::Done)
}

fn json_report(findings: &Findings) -> Result<String> {
    let categories = findings.collection.catalog.categories();
    let ids: Vec<&str> = categories.map(|(_, c)| c.id.as_str()).collect();
    let micro = &findings.report.micro;
    let spot_check = findings.spot_checked().map(
        |photos| json!({"photos": photos, "precision": micro.precision, "recall": micro.recall}),
    );
    let figures = json!({"ids": ids, "report": findings.report, "spot_check": spot_check});
    Ok(serde_json::to_string_pretty(&figures)? + "\n")
}

fn paths(scored: &Scored) -> HashMap<&str, &Path> {
    let photos = scored.photos.iter();
    photos
        .map(|photo| (photo.key.as_str(), photo.path.as_path()))
        .collect()
}
