//! `phototag scores`: the numbers that decide.

use std::io::Write;

use anyhow::Result;
use serde_json::{Map, Value};

use super::Ending;
use crate::cli::{ScoresArgs, ScoresFormat};
use crate::collection::{Collection, Scored};
use crate::console::Console;

pub fn scores(args: ScoresArgs, console: &Console) -> Result<Ending> {
    let mut collection = Collection::open(args.collection, args.exactness.precision(), console)?;
    let embedded = collection.embed(console)?;
    for refused in &embedded.refused {
        console.warn(&format!("{}: {}", refused.path.display(), refused.reason));
    }
    if embedded.interrupted {
        return Ok(Ending::Interrupted);
    }
    let scored = collection.scores(&embedded)?;
    let ids: Vec<&str> = collection
        .catalog
        .categories
        .iter()
        .map(|category| category.id.as_str())
        .collect();
    let text = match args.format {
        ScoresFormat::Json => json(&scored, &ids),
        ScoresFormat::Csv => csv(&scored, &ids),
        ScoresFormat::Table => table(&scored, &ids),
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Ending::Done)
}

/// One photo a line.
fn json(scored: &Scored, ids: &[&str]) -> String {
    let lines: Vec<String> = scored
        .photos
        .iter()
        .map(|(key, scores)| {
            let scores: Map<String, Value> = ids
                .iter()
                .zip(scores)
                .map(|(id, score)| ((*id).to_owned(), rounded(*score)))
                .collect();
            format!("  {}: {}", Value::from(key.as_str()), Value::from(scores))
        })
        .collect();
    if lines.is_empty() {
        "{}\n".to_owned()
    } else {
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }
}

/// Six decimals: more would be the noise of the model's arithmetic.
fn rounded(score: f32) -> Value {
    Value::from((f64::from(score) * 1e6).round() / 1e6)
}

/// As RFC 4180 has it, with a header.
fn csv(scored: &Scored, ids: &[&str]) -> String {
    let mut text = String::from("photo");
    for id in ids {
        text += &format!(",{}", csv_field(id));
    }
    text += "\r\n";
    for (key, scores) in &scored.photos {
        text += &csv_field(key);
        for score in scores {
            text += &format!(",{score:.6}");
        }
        text += "\r\n";
    }
    text
}

fn csv_field(text: &str) -> String {
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn table(scored: &Scored, ids: &[&str]) -> String {
    let first = scored
        .photos
        .iter()
        .map(|(key, _)| key.chars().count())
        .max()
        .unwrap_or(0)
        .max("photo".len());
    let widths: Vec<usize> = ids.iter().map(|id| id.chars().count().max(6)).collect();
    let mut text = format!("{:first$}", "photo");
    for (id, width) in ids.iter().zip(&widths) {
        text += &format!("  {id:>width$}");
    }
    text.push('\n');
    for (key, scores) in &scored.photos {
        text += &format!("{key:first$}");
        for (score, width) in scores.iter().zip(&widths) {
            text += &format!("  {score:>width$.3}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_formats() {
        let scored = Scored {
            photos: vec![
                ("2".into(), vec![0.25, -0.125]),
                ("a,\"b\"".into(), vec![0.1, 1.0]),
            ],
            reference: vec![],
        };
        let ids = ["urban", "bw"];
        assert_eq!(
            json(&scored, &ids),
            "{\n  \"2\": {\"urban\":0.25,\"bw\":-0.125},\n  \"a,\\\"b\\\"\": {\"urban\":0.1,\"bw\":1.0}\n}\n"
        );
        assert_eq!(
            csv(&scored, &ids),
            "photo,urban,bw\r\n2,0.250000,-0.125000\r\n\"a,\"\"b\"\"\",0.100000,1.000000\r\n"
        );
        assert_eq!(
            table(&scored, &ids),
            "photo   urban      bw\n2       0.250  -0.125\na,\"b\"   0.100   1.000\n"
        );
    }
}
