//! A loaded model: one face for every engine.
//!
//! An engine implements [`Encoder`]; what holds for all of them (sizes are checked, vectors have
//! unit length) is here.

use crate::{Error, Prepared, Preprocess, vector};

/// What an engine does. Pictures have the size that its `preprocess` states; vectors have unit
/// length and do not depend on what else is in the batch.
pub(crate) trait Encoder: Send + Sync {
    fn dimensions(&self) -> usize;
    fn preprocess(&self) -> &Preprocess;
    fn embed_images(&self, images: &[Prepared]) -> Result<Vec<Vec<f32>>, Error>;
    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error>;
}

/// A model in memory. Its methods may be called from several threads at once.
pub struct Model {
    encoder: Box<dyn Encoder>,
}

impl Model {
    pub(crate) fn new(encoder: impl Encoder + 'static) -> Self {
        Self {
            encoder: Box::new(encoder),
        }
    }

    /// How many values a vector has.
    pub fn dimensions(&self) -> usize {
        self.encoder.dimensions()
    }

    /// How the model wants its pictures.
    pub fn preprocess(&self) -> &Preprocess {
        self.encoder.preprocess()
    }

    /// One vector a picture, in order, `[images][dimensions]`, each of unit length. A picture's
    /// vector does not depend on the others given with it, nor on the number of threads.
    pub fn embed_images(&self, images: &[Prepared]) -> Result<Vec<Vec<f32>>, Error> {
        let expected = self.preprocess().size();
        for (index, image) in images.iter().enumerate() {
            let actual = (image.pixels().width(), image.pixels().height());
            if actual != expected {
                return Err(Error::PictureSize {
                    index,
                    actual,
                    expected,
                });
            }
        }
        self.encoder.embed_images(images)
    }

    /// One vector a text, in order, `[texts][dimensions]`, each of unit length. A text longer
    /// than the model's context is cut there.
    pub fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        self.encoder.embed_texts(texts)
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (width, height) = self.preprocess().size();
        write!(f, "Model({width}x{height} -> {})", self.dimensions())
    }
}

/// `values` at unit length; `None` if they have no direction.
pub(crate) fn unit_vector(mut values: Vec<f32>) -> Option<Vec<f32>> {
    vector::normalise(&mut values).then_some(values)
}
