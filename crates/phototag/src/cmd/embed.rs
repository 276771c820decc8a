//! `phototag embed`: raw vectors, one JSON line an input.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Ending;
use crate::cli::EmbedArgs;
use crate::console::Console;
use crate::encoder::Encoder;
use crate::interrupt;

pub fn embed(args: &EmbedArgs, console: &Console) -> Result<Ending> {
    let encoder = Encoder::choose(
        args.model.as_deref().unwrap_or("auto"),
        Path::new(""),
        args.exactness.precision(),
    )?;
    let mut out = std::io::stdout().lock();
    let mut unreadable = false;
    for file in &args.files {
        if interrupt::asked() {
            return Ok(Ending::Interrupted);
        }
        match encoder.embed_photo(file)? {
            Ok(vector) => writeln!(
                out,
                "{}",
                json!({"file": file.to_string_lossy(), "vector": numbers(&vector)})
            )?,
            Err(reason) => {
                unreadable = true;
                console.warn(&format!("{}: {reason}", file.display()));
            }
        }
    }
    if !args.text.is_empty() {
        let texts: Vec<&str> = args.text.iter().map(String::as_str).collect();
        let vectors = encoder
            .model()?
            .embed_texts(&texts)
            .context("the texts could not be embedded")?;
        for (text, vector) in texts.iter().zip(vectors) {
            writeln!(out, "{}", json!({"text": text, "vector": numbers(&vector)}))?;
        }
    }
    Ok(if unreadable {
        Ending::Unreadable
    } else {
        Ending::Done
    })
}

/// Each number as short as it can be written without loss in single precision.
fn numbers(vector: &[f32]) -> Value {
    vector
        .iter()
        .map(|x| {
            x.to_string()
                .parse::<f64>()
                .map_or(Value::Null, Value::from)
        })
        .collect()
}
