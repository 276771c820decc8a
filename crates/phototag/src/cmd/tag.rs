//! `phototag tag`: the main job.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::Result;

use super::Ending;
use crate::cli::TagArgs;
use crate::collection::Collection;
use crate::console::Console;
use crate::decide::Rules;
use crate::overrides::{self, Overrides};
use crate::summary::Summary;
use crate::tags::{self, Tags};

pub fn tag(args: TagArgs, console: &Console) -> Result<Ending> {
    let mut collection = Collection::open(args.collection, args.exactness.precision(), console)?;
    let path = args
        .out
        .unwrap_or_else(|| collection.base.join(tags::FILE_NAME));
    let before = tags::read(&path)?;
    let overrides = match &args.overrides {
        Some(path) => Overrides::open(path, true, &collection.catalog)?,
        None => Overrides::open(
            &collection.base.join(overrides::FILE_NAME),
            false,
            &collection.catalog,
        )?,
    };

    let embedded = collection.embed(console)?;
    if embedded.interrupted {
        console.note(&format!(
            "Stopped. {} photos are embedded and kept; run again to go on. {} is as it was.",
            embedded.photos.len(),
            path.display()
        ));
        return Ok(Ending::Interrupted);
    }
    let scored = collection.scores(&embedded)?;
    let rules = Rules::of(&collection.catalog);
    let (calibration, renewed) = collection.calibration(&scored, &rules, args.recalibrate)?;
    let mut tags = collection.tags(&scored, &calibration, &rules);
    let (corrected, strangers) = overrides.apply(&mut tags);
    for stranger in strangers.iter().filter(|_| !collection.partial) {
        console.warn(&format!("overrides: there is no photo {stranger:?}"));
    }

    let summary = Summary::new(
        &collection,
        &embedded,
        &tags,
        &calibration,
        renewed,
        corrected,
        &path,
    );
    if collection.partial {
        keep_other_photos(&mut tags, before.unwrap_or_default());
    }
    // An empty folder is more likely a drive that is not there than a wish to lose all tags.
    if !embedded.photos.is_empty() || !embedded.refused.is_empty() {
        tags::write(&path, &tags)?;
    }
    let text = if args.json {
        summary.json()?
    } else {
        summary.text()
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    let unreadable = args.strict && !embedded.refused.is_empty();
    Ok(if unreadable {
        Ending::Unreadable
    } else {
        Ending::Done
    })
}

/// A run over single photos leaves the lines of all others as they are.
fn keep_other_photos(tags: &mut Tags, before: Tags) {
    let now: BTreeSet<String> = tags.iter().map(|(key, _)| key.clone()).collect();
    tags.extend(before.into_iter().filter(|(key, _)| !now.contains(key)));
}
