//! Vectors as JSON lines, for comparing engines: `vectors MODEL PRECISION TEXTS.json PHOTO...`. One line a
//! photo, then one a text; on stderr how long loading took and how many pictures a second were
//! embedded (all cores, decoding and resizing left out, the best of three).

use std::time::Instant;

use phototag_clip::{Pixels, Precision, Source};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, precision, texts, photos @ ..] = args.as_slice() else {
        return Err("usage: vectors MODEL f32|bf16|int8 TEXTS.json PHOTO...".into());
    };
    let named = |known: &Precision| known.name() == precision;
    let precision = Precision::ALL.into_iter().find(named);
    let precision = precision.ok_or("the precision is f32, bf16 or int8")?;
    let start = Instant::now();
    let model = Source::folder(folder.as_ref())?.load(precision)?;
    eprintln!("load {:.3}", start.elapsed().as_secs_f64());
    let mut prepared = Vec::new();
    for photo in photos {
        let rgb = image::open(photo)?.into_rgb8();
        let (width, height) = (rgb.width(), rgb.height());
        let pixels = Pixels::new(width, height, rgb.into_raw()).ok_or("an empty picture")?;
        prepared.push(model.preprocess().prepare(&pixels));
    }
    let mut best = f64::INFINITY;
    let mut vectors = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        vectors = model.embed_images(&prepared)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    eprintln!("images_per_second {:.3}", photos.len() as f64 / best);
    let texts: Vec<String> = serde_json::from_slice(&std::fs::read(texts)?)?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    vectors.extend(model.embed_texts(&texts)?);
    for vector in vectors {
        println!("{}", serde_json::to_string(&vector)?);
    }
    Ok(())
}
