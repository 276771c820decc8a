//! Which of some texts fits a picture best: `match MODEL photo.jpg "a cat" "a dog"`.

use phototag_clip::{Pixels, Precision, Source};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, photo, texts @ ..] = args.as_slice() else {
        return Err("usage: match MODEL PHOTO TEXT...".into());
    };
    let model = Source::folder(folder.as_ref())?.load(Precision::F32)?;
    let rgb = image::open(photo)?.into_rgb8();
    let (width, height) = rgb.dimensions();
    let pixels = Pixels::new(width, height, rgb.into_raw()).ok_or("an empty picture")?;
    let picture = &model.embed_images(&[model.preprocess().prepare(&pixels)])?[0];
    for (text, vector) in texts.iter().zip(model.embed_texts(texts)?) {
        let similarity: f32 = picture.iter().zip(&vector).map(|(a, b)| a * b).sum();
        println!("{similarity:.4} {text}");
    }
    Ok(())
}
