//! `phototag tag`: the main job.

use std::collections::BTreeSet;

use anyhow::Result;
use phototag_core::tags::{self, Tags};
use phototag_core::truth::Truth;

use super::{Outcome, embed_quietly, open, print, warn_of_unknown_photos};
use crate::cli::TagArgs;
use crate::console::Console;
use crate::summary::{Run, Summary};

pub fn tag(args: TagArgs, console: &Console) -> Result<Outcome> {
    let mut collection = open(args.collection.place(args.exactness.precision()), console)?;
    let path = args
        .out
        .unwrap_or_else(|| collection.base.join(tags::FILE_NAME));
    let before = tags::read(&path)?;
    let overrides = args.overrides.overrides.as_deref();
    let truth = Truth::corrections(overrides, &collection.base, &collection.catalog)?;

    // Photos that cannot be read are in the summary.
    let embedded = embed_quietly(&mut collection, console)?;
    let scored = collection.scores(&embedded)?;
    let (decider, renewed) = collection.decider(&scored, args.recalibrate)?;
    let mut tags = scored.tags(&decider);
    let corrected = truth.apply(&mut tags);
    if !collection.partial {
        warn_of_unknown_photos(&truth, &embedded, console);
        console.warn_all(&truth.faults(&collection.catalog));
    }

    let mut tags = collection.named(&tags);
    let summary = Summary::of(&Run {
        collection: &collection,
        embedded: &embedded,
        tags: &tags,
        decider: &decider,
        renewed,
        corrected,
        path: &path,
    });
    if collection.partial {
        keep_other_photos(&mut tags, before.unwrap_or_default());
    }
    // An empty folder is more likely a drive that is not mounted than a wish to lose all tags.
    if !embedded.photos.is_empty() || !embedded.refused.is_empty() {
        tags::write(&path, &tags)?;
    }
    print(&if args.json {
        summary.json()?
    } else {
        summary.text()
    })?;
    let unreadable = args.strict && !embedded.refused.is_empty();
    Ok(if unreadable {
        Outcome::Unreadable
    } else {
        Outcome::Done
    })
}

/// A run over single photos leaves the lines of all others unchanged.
fn keep_other_photos(tags: &mut Tags, before: Tags) {
    let now: BTreeSet<String> = tags.iter().map(|(key, _)| key.clone()).collect();
    tags.extend(before.into_iter().filter(|(key, _)| !now.contains(key)));
}
