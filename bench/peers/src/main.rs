//! The picture tower of a model's folder by other Rust crates: `peers rten|rten-int8|candle MODEL PIXELS`. PIXELS has
//! `[pictures][3][224][224]` floats. One line of JSON a picture; on stderr the pictures a second, the best of three.

mod candle;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use rten::{Model, Value};

/// Pictures that go through a tower at once.
const BATCH: usize = 16;

const SIDE: usize = 224;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [way, folder, pixels] = arguments.as_slice() else {
        bail!("usage: peers rten|rten-int8|candle MODEL PIXELS");
    };
    let folder = Path::new(folder);
    let bytes = std::fs::read(pixels).with_context(|| pixels.clone())?;
    let floats = bytes.as_chunks::<4>().0.iter();
    let pixels: Vec<f32> = floats.map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let embed: Box<dyn Fn(&[f32]) -> Result<Vec<Vec<f32>>>> = match &**way {
        "rten" => by_rten(&folder.join("visual.onnx"))?,
        "rten-int8" => by_rten(&folder.join("visual-int8.onnx"))?,
        "candle" => {
            let tower = candle::Tower::open(folder)?;
            Box::new(move |pixels| tower.embed(pixels))
        }
        other => bail!("{other:?} is none of rten, rten-int8, candle"),
    };
    let picture = 3 * SIDE * SIDE;
    let (mut seconds, mut vectors) = (f64::INFINITY, Vec::new());
    for _ in 0..3 {
        vectors.clear();
        let start = Instant::now();
        for batch in pixels.chunks(BATCH * picture) {
            vectors.extend(embed(batch)?);
        }
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    eprintln!("images_per_second {:.3}", vectors.len() as f64 / seconds);
    for vector in vectors {
        println!("{}", serde_json::to_string(&vector)?);
    }
    Ok(())
}

fn by_rten(graph: &Path) -> Result<Box<dyn Fn(&[f32]) -> Result<Vec<Vec<f32>>>>> {
    let model = Model::load_file(graph)?;
    Ok(Box::new(move |pixels| {
        let count = pixels.len() / (3 * SIDE * SIDE);
        let input = Value::from_shape([count, 3, SIDE, SIDE], pixels.to_vec())?;
        let (input, output) = (model.input_ids()[0], (input, model.output_ids()[0]));
        let values = model.run(vec![(input, output.0.into())], &[output.1], None)?;
        let value = values.into_iter().next().context("no output")?;
        let ([_, width], values) = value.into_shape_vec::<f32, 2>()?;
        Ok(values.chunks(width).map(<[f32]>::to_vec).collect())
    }))
}
