//! `phototag embed`: raw vectors, one JSON line an input.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use phototag_core::embed::Embedder;
use phototag_core::progress::Interrupted;
use serde_json::{Value, json};

use super::Outcome;
use crate::cli::EmbedArgs;
use crate::console::Console;
use crate::interrupt;

pub fn embed(args: &EmbedArgs, console: &Console) -> Result<Outcome> {
    let embedder = Embedder::choose(
        args.model.as_deref().unwrap_or("auto"),
        Path::new(""),
        args.exactness.precision(),
    )?;
    let mut out = std::io::stdout().lock();
    let mut outcome = Outcome::Done;
    for file in &args.files {
        if interrupt::requested() {
            return Err(Interrupted { done: None }.into());
        }
        match embedder.embed_photo(file)? {
            Ok(vector) => writeln!(
                out,
                "{}",
                json!({"file": file.to_string_lossy(), "vector": numbers(&vector)})
            )?,
            Err(reason) => {
                outcome = Outcome::Unreadable;
                console.warn(&format!("{}: {reason}", file.display()));
            }
        }
    }
    if !args.text.is_empty() {
        let texts: Vec<&str> = args.text.iter().map(String::as_str).collect();
        let vectors = embedder
            .model()?
            .embed_texts(&texts)
            .context("the texts could not be embedded")?;
        for (text, vector) in texts.iter().zip(vectors) {
            writeln!(out, "{}", json!({"text": text, "vector": numbers(&vector)}))?;
        }
    }
    Ok(outcome)
}

/// Each number as short as single precision allows without loss.
fn numbers(vector: &[f32]) -> Value {
    let short = |x: &f32| {
        x.to_string()
            .parse::<f64>()
            .map_or(Value::Null, Value::from)
    };
    vector.iter().map(short).collect()
}
