//! How fast a model embeds pictures, by precision: `speed MODEL [ROUNDS [PRECISION...]]`. Pictures are noise;
//! decoding is left out. Precisions alternate; each line has the median of the rounds, their
//! spread, and the worst and mean cosine to f32.

use std::time::Instant;

use phototag_clip::{Model, Pixels, Precision, Prepared, Source};

const PICTURES: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let folder = args.first().ok_or("usage: speed MODEL [ROUNDS]")?;
    let rounds: usize = args.get(1).map_or(Ok(5), |rounds| rounds.parse())?;
    let source = Source::folder(folder.as_ref())?;
    let mut models = Vec::new();
    let asked = args.get(2..).unwrap_or_default();
    for precision in Precision::ALL {
        let name = format!("{precision:?}");
        if precision != Precision::F32 && !asked.is_empty() && !asked.contains(&name) {
            continue;
        }
        let start = Instant::now();
        let model = source.load(precision)?;
        eprintln!(
            "{precision:?} loaded in {:.2} s",
            start.elapsed().as_secs_f64()
        );
        models.push((precision, model, Vec::new()));
    }
    let pictures = noise(&models[0].1)?;
    let exact = models[0].1.embed_images(&pictures)?;
    for _ in 0..rounds {
        for (precision, model, seconds) in &mut models {
            if !asked.is_empty() && !asked.contains(&format!("{precision:?}")) {
                seconds.push(f64::INFINITY);
                continue;
            }
            let start = Instant::now();
            model.embed_images(&pictures)?;
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    println!("precision  images/s (least, most)   mean cosine  worst");
    for (precision, model, mut seconds) in models {
        let cosines: Vec<f64> = model
            .embed_images(&pictures)?
            .iter()
            .zip(&exact)
            .map(|(a, b)| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum())
            .collect();
        seconds.sort_by(f64::total_cmp);
        let speed = |seconds: f64| PICTURES as f64 / seconds;
        println!(
            "{:9}  {:7.2} ({:.2}, {:.2})   {:.6}  {:.6}",
            format!("{precision:?}"),
            speed(seconds[rounds / 2]),
            speed(seconds[rounds - 1]),
            speed(seconds[0]),
            cosines.iter().sum::<f64>() / PICTURES as f64,
            cosines.iter().copied().fold(1.0, f64::min),
        );
    }
    Ok(())
}

/// Smooth pictures with some noise, all different.
fn noise(model: &Model) -> Result<Vec<Prepared>, Box<dyn std::error::Error>> {
    let (width, height) = model.preprocess().size();
    let mut state = 1u32;
    let mut pictures = Vec::new();
    for picture in 0..PICTURES {
        let mut rgb = Vec::new();
        for y in 0..height {
            for x in 0..width {
                for channel in 0..3 {
                    state ^= state << 13;
                    state ^= state >> 17;
                    state ^= state << 5;
                    let wave = (x as f32 * (picture + channel) as f32 / 90.0).sin()
                        + (y as f32 * (picture * 3 + channel) as f32 / 120.0).cos();
                    rgb.push((128.0 + 50.0 * wave) as u8 ^ (state & 31) as u8);
                }
            }
        }
        let pixels = Pixels::new(width, height, rgb).ok_or("an empty picture")?;
        pictures.push(model.preprocess().prepare(&pixels));
    }
    Ok(pictures)
}
