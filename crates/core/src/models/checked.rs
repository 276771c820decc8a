//! What `phototag model check` found: the precision that each checked model is computed in where none is
//! asked for. One small JSON file beside the imported models, from fingerprints to precisions.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use phototag_clip::Precision;

use crate::replace::replace;

const FILE: &str = "precisions.json";

/// The precision that the model with this fingerprint was found to bear, if it was checked. `fingerprint`
/// is that of single precision.
pub fn precision(own: &Path, fingerprint: &str) -> Option<Precision> {
    let found = read(own).remove(fingerprint)?;
    Precision::ALL
        .into_iter()
        .find(|precision| precision.name() == found)
}

/// Keeps what was found.
pub fn keep(own: &Path, fingerprint: &str, precision: Precision) -> Result<()> {
    let mut all = read(own);
    all.insert(fingerprint.to_owned(), precision.name().to_owned());
    fs::create_dir_all(own).with_context(|| own.display().to_string())?;
    let text = serde_json::to_string_pretty(&all)? + "\n";
    let path = own.join(FILE);
    replace(&path, text.as_bytes())
        .with_context(|| format!("{}: cannot be written", path.display()))
}

/// Nothing from a file that is missing or damaged: losing it costs only speed.
fn read(own: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(own.join(FILE)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}
