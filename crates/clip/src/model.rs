//! A loaded model: one face for every engine.
//!
//! An engine implements [`Encoder`]; what holds for all of them (sizes are checked, vectors have
//! unit length) is here.

use crate::{Error, Prepared, Preprocess, Threads, vector};

/// What an engine does. Pictures have the size that its `preprocess` states; vectors have unit
/// length and do not depend on what else is in the batch.
pub(crate) trait Encoder: Send + Sync {
    fn dimensions(&self) -> usize;
    fn preprocess(&self) -> &Preprocess;
    fn embed_images(&self, images: &[Prepared], threads: &Threads) -> Result<Vec<Vec<f32>>, Error>;
    /// See [`Model::images_together`].
    fn images_together(&self) -> usize;
    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error>;

    /// See [`Model::embed_positions`]. Engines that cannot tell positions apart have none.
    fn embed_positions(&self, _image: &Prepared) -> Result<Option<Positions>, Error> {
        Ok(None)
    }
}

/// What a model sees at each place of a picture, as vectors in the space of all others.
#[derive(Clone, Debug)]
pub struct Positions {
    /// Places across and down; they cover the model's input evenly.
    pub grid: [usize; 2],
    /// `[down][across][dimensions]`, row by row from the top left, each of unit length.
    pub vectors: Vec<Vec<f32>>,
}

/// A model in memory, from [`Source::load`](crate::Source::load). Its methods may be called from
/// several threads at once; each uses all cores unless told otherwise.
pub struct Model {
    encoder: Box<dyn Encoder>,
}

impl Model {
    pub(crate) fn new(encoder: impl Encoder + 'static) -> Self {
        Self {
            encoder: Box::new(encoder),
        }
    }

    /// How many values a vector has: 512 for ViT-B-32, 768 for ViT-L-14 and SigLIP's base models.
    pub fn dimensions(&self) -> usize {
        self.encoder.dimensions()
    }

    /// How the model wants its pictures.
    pub fn preprocess(&self) -> &Preprocess {
        self.encoder.preprocess()
    }

    /// One vector a picture, in order, `[images][dimensions]`, each of unit length. A picture's
    /// vector does not depend on the others given with it, nor on the number of threads. The same
    /// as open_clip's `encode_image(..., normalize=True)`.
    ///
    /// # Errors
    /// [`Error::PictureSize`] if a picture was prepared for another model, [`Error::Run`] if the
    /// model cannot compute, or computes a vector without direction (zero, or not finite).
    pub fn embed_images(&self, images: &[Prepared]) -> Result<Vec<Vec<f32>>, Error> {
        self.embed_images_on(&Threads::all(), images)
    }

    /// The same on the threads that are given.
    ///
    /// # Errors
    /// As [`embed_images`](Self::embed_images).
    pub fn embed_images_on(
        &self,
        threads: &Threads,
        images: &[Prepared],
    ) -> Result<Vec<Vec<f32>>, Error> {
        self.check_sizes(images)?;
        self.encoder.embed_images(images, threads)
    }

    /// How many pictures one thread had best be given together; more gain nothing.
    pub fn images_together(&self) -> usize {
        self.encoder.images_together()
    }

    /// What the model sees at each place of a picture; `None` if it cannot tell.
    ///
    /// A class-token tower's last layer attends by values instead of queries and keys, without its
    /// residual connection and MLP, and every patch then goes the class token's way: CLIP Surgery
    /// (Li et al., arXiv:2304.05653) and ClearCLIP (Lan et al., arXiv:2407.12442), who found that
    /// queries and keys of the last layer mix patches up. With attention pooling, each patch is pooled
    /// alone, as in MaskCLIP (Zhou et al., arXiv:2112.01071).
    pub fn embed_positions(&self, image: &Prepared) -> Result<Option<Positions>, Error> {
        self.check_sizes(std::slice::from_ref(image))?;
        self.encoder.embed_positions(image)
    }

    fn check_sizes(&self, images: &[Prepared]) -> Result<(), Error> {
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
        Ok(())
    }

    /// One vector a text, in order, `[texts][dimensions]`, each of unit length; its dot product
    /// with a picture's is their cosine similarity. The same as open_clip's tokenizer followed by
    /// `encode_text(..., normalize=True)`: a text is cleaned as open_clip cleans it, whichever
    /// library the files are of, and one longer than the model's context (77 tokens for CLIP, 64
    /// for most of SigLIP) is cut there, its closing token kept. What ftfy does for wrongly
    /// decoded text ("cafÃ©") is left out.
    ///
    /// # Errors
    /// [`Error::Run`] if the tokenizer fails, gives ids that the model does not have, or the model
    /// cannot compute.
    pub fn embed_texts(&self, texts: &[impl AsRef<str>]) -> Result<Vec<Vec<f32>>, Error> {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        self.encoder.embed_texts(&texts)
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
