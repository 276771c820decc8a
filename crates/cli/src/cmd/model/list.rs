//! `phototag model list`: known models and imported ones, as a table.

use std::io::Write;

use anyhow::Result;

use super::Outcome;
use phototag_core::embed::STARTER;
use phototag_core::models::{Models, known::Known, own};

pub fn list(models: &Models) -> Result<Outcome> {
    let best = models.best().map(|(known, _)| known.name.clone());
    let state = |name: &str| {
        let state = match models.find(name) {
            Some(found) if found.imported => "imported",
            Some(_) => "installed",
            None => "",
        };
        with_mark(state, best.as_deref() == Some(name))
    };
    let header = [
        "NAME", "SIZE", "LICENCE", "IMAGENET", "RECALL", "COST", "", "",
    ];
    let mut rows = vec![header.map(str::to_owned)];
    let base = models.known.iter().find(|known| known.name == "vit-b-32");
    let base = base.and_then(|known| known.milliseconds);
    rows.extend(
        models
            .known
            .iter()
            .map(|known| row(known, base, state(&known.name))),
    );
    let plain = |name: &str, about: &str, state: String| {
        [name, "", "", "", "", "", &state, about].map(str::to_owned)
    };
    for name in own::names(&models.own) {
        if models.known.iter().all(|known| known.name != name) {
            rows.push(plain(&name, "", with_mark("imported", false)));
        }
    }
    rows.push(plain(
        STARTER,
        "built-in model",
        with_mark("built in", best.is_none()),
    ));

    let mut text = table(&rows);
    text += "\nIMAGENET: zero-shot accuracy in percent. RECALL: English retrieval recall in percent, \
             published by immich.\nCOST: time per photo relative to vit-b-32. Empty: not published.\n";
    text += &format!(
        "Kernels on this machine: {}\n",
        phototag_clip::kernels_in_use()?
    );
    if best.is_none()
        && let Some(known) = models.recommended()
    {
        text += &format!("\nNext: {}\n", known.how_to_get());
    }
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Outcome::Done)
}

fn with_mark(state: &str, is_auto: bool) -> String {
    if is_auto {
        format!("{state}, auto")
    } else {
        state.to_owned()
    }
}

fn row(known: &Known, base: Option<f64>, state: String) -> [String; 8] {
    let percent = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.1}"));
    let cost = known
        .milliseconds
        .zip(base)
        .map(|(own, base)| format!("{:.1}", own / base));
    [
        known.name.clone(),
        known.size().unwrap_or_default(),
        known.licence.clone().unwrap_or_default(),
        percent(known.imagenet),
        percent(known.recall),
        cost.unwrap_or_default(),
        state,
        known.about.clone(),
    ]
}

/// Columns as wide as their widest cell.
fn table(rows: &[[String; 8]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..8).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}  "));
        text += cells.collect::<String>().trim_end();
        text.push('\n');
    }
    text
}
