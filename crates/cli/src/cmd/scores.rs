//! `phototag scores`: the numbers that decide.

use std::borrow::Cow;

use anyhow::Result;
use phototag_core::Scored;
use serde_json::{Map, Value};

use super::{Outcome, embed_new, open, print, print_unchanged};
use crate::cli::{ScoresArgs, ScoresFormat};
use crate::console::Console;

pub fn scores(args: ScoresArgs, console: &Console) -> Result<Outcome> {
    let mut collection = open(args.collection.place(args.exactness.precision()), console)?;
    let embedded = embed_new(&mut collection, console)?;
    let scored = collection.scores(&embedded)?;
    let categories = collection.catalog.categories();
    let ids: Vec<&str> = categories
        .map(|(_, category)| category.id.as_str())
        .collect();
    match args.format {
        ScoresFormat::Json => print(&json(&scored, &ids)),
        ScoresFormat::Csv => print_unchanged(&csv(&scored, &ids)),
        ScoresFormat::Table => print(&table(&scored, &ids)),
    }?;
    Ok(Outcome::Done)
}

/// One photo a line.
fn json(scored: &Scored, ids: &[&str]) -> String {
    let lines: Vec<String> = scored
        .photos
        .iter()
        .map(|photo| {
            let scores: Map<String, Value> = ids
                .iter()
                .zip(&photo.scores)
                .map(|(id, score)| ((*id).to_owned(), rounded(*score)))
                .collect();
            let key = Value::from(photo.key.as_str());
            format!("  {key}: {}", Value::from(scores))
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
    for photo in &scored.photos {
        text += &csv_field(&photo.key);
        for score in &photo.scores {
            text += &format!(",{score:.6}");
        }
        text += "\r\n";
    }
    text
}

/// A cell of text. One that a spreadsheet would take for a formula begins with an apostrophe, as OWASP advises.
fn csv_field(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::from(format!("'{text}"))
    } else {
        Cow::from(text)
    };
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into_owned()
    }
}

fn table(scored: &Scored, ids: &[&str]) -> String {
    let first = scored
        .photos
        .iter()
        .map(|photo| photo.key.chars().count())
        .max()
        .unwrap_or(0)
        .max("photo".len());
    let widths: Vec<usize> = ids.iter().map(|id| id.chars().count().max(6)).collect();
    let mut text = format!("{:first$}", "photo");
    for (id, width) in ids.iter().zip(&widths) {
        text += &format!("  {id:>width$}");
    }
    text.push('\n');
    for photo in &scored.photos {
        text += &format!("{:first$}", photo.key);
        for (score, width) in photo.scores.iter().zip(&widths) {
            text += &format!("  {score:>width$.3}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use phototag_core::ScoredPhoto;

    use super::*;

    fn photo(key: &str, scores: [f32; 2]) -> ScoredPhoto {
        ScoredPhoto {
            key: key.to_owned(),
            path: key.into(),
            zero_shot: scores.to_vec(),
            scores: scores.to_vec(),
        }
    }

    #[test]
    fn no_cell_of_text_is_a_formula() {
        let keys = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "1-1"];
        let cells = keys.map(csv_field);
        assert_eq!(
            cells,
            [
                "'=1+1",
                "'+1",
                "'-1",
                "'@SUM(A1)",
                "'\t=1",
                "\"'\r=1\"",
                "1-1"
            ]
        );
    }

    #[test]
    fn the_three_formats() {
        let scored = Scored {
            photos: vec![photo("2", [0.25, -0.125]), photo("a,\"b\"", [0.1, 1.0])],
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
