//! A loaded model, whatever engine runs it.
//!
//! An engine implements [`Engine`]. What holds for all engines is here: sizes are checked, and vectors have unit length.

use crate::picture::{Prepared, Preprocess};
use crate::{Error, Threads};

/// What runs a model. Images have the size that `preprocess` states; vectors have unit length and do not depend on what
/// else is in the batch.
pub(crate) trait Engine: Send + Sync {
    fn dimensions(&self) -> usize;
    fn preprocess(&self) -> &Preprocess;
    fn embed_images(&self, images: &[Prepared], threads: &Threads) -> Result<Vec<Vec<f32>>, Error>;
    /// See [`Model::images_together`].
    fn images_together(&self) -> usize;
    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error>;

    /// See [`Model::embed_positions`]. `None` for engines that cannot distinguish positions.
    fn embed_positions(&self, _image: &Prepared) -> Result<Option<Positions>, Error> {
        Ok(None)
    }
}

/// What a model sees at each position of an image, as vectors in the space of all others.
#[derive(Clone, Debug)]
pub struct Positions {
    /// Positions across and down; they cover the model's input evenly.
    pub grid: [usize; 2],
    /// `[down][across][dimensions]`, row by row from the top left, each of unit length.
    pub vectors: Vec<Vec<f32>>,
}

/// A model in memory, from [`Source::load`](crate::Source::load). Its methods may be called from several threads at once;
/// each uses all cores unless it is given [`Threads`].
pub struct Model {
    engine: Box<dyn Engine>,
}

impl Model {
    pub(crate) fn new(engine: impl Engine + 'static) -> Self {
        Self {
            engine: Box::new(engine),
        }
    }

    /// The number of values in a vector: 512 for ViT-B-32, 768 for ViT-L-14 and SigLIP's base models.
    pub fn dimensions(&self) -> usize {
        self.engine.dimensions()
    }

    /// How the model's images are prepared.
    pub fn preprocess(&self) -> &Preprocess {
        self.engine.preprocess()
    }

    /// One vector per image, in order, `[images][dimensions]`, each of unit length. The vector of an image depends neither
    /// on the other images of the call nor on the number of threads. It equals that of open_clip's
    /// `encode_image(..., normalize=True)`.
    ///
    /// # Errors
    /// [`Error::PictureSize`] if an image was prepared for another model, [`Error::Run`] if the model cannot compute, or
    /// computes a vector of length zero or with values that are not finite.
    pub fn embed_images(&self, images: &[Prepared]) -> Result<Vec<Vec<f32>>, Error> {
        self.embed_images_on(&Threads::all(), images)
    }

    /// Does the same on the given threads.
    ///
    /// # Errors
    /// As for [`embed_images`](Self::embed_images).
    pub fn embed_images_on(
        &self,
        threads: &Threads,
        images: &[Prepared],
    ) -> Result<Vec<Vec<f32>>, Error> {
        self.check_sizes(images)?;
        self.engine.embed_images(images, threads)
    }

    /// The number of images to give to one thread in one call. More gain nothing.
    pub fn images_together(&self) -> usize {
        self.engine.images_together()
    }

    /// What the model sees at each position of an image; `None` if it cannot distinguish positions.
    ///
    /// In a tower with a class token, the last block attends by values instead of queries and keys, without residual
    /// connection and MLP, and then every patch is treated as the class token would be: CLIP Surgery (Li et al.,
    /// arXiv:2304.05653) and ClearCLIP (Lan et al., arXiv:2407.12442) found that queries and keys of the last block mix
    /// patches up. With attention pooling, each patch is pooled alone, as in MaskCLIP (Zhou et al., arXiv:2112.01071).
    ///
    /// # Errors
    /// As for [`embed_images`](Self::embed_images).
    pub fn embed_positions(&self, image: &Prepared) -> Result<Option<Positions>, Error> {
        self.check_sizes(std::slice::from_ref(image))?;
        self.engine.embed_positions(image)
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

    /// One vector per text, in order, `[texts][dimensions]`, each of unit length. Its dot product with an image's vector is
    /// their cosine similarity.
    ///
    /// It equals that of open_clip's tokenizer followed by `encode_text(..., normalize=True)`. Texts are cleaned as
    /// open_clip cleans them, whichever library the files are from, except that wrongly decoded text ("cafÃ©") is not
    /// repaired. A text longer than the model's context (77 tokens for CLIP, 64 for most of SigLIP) is truncated, and
    /// keeps its closing token.
    ///
    /// # Errors
    /// [`Error::Run`] if the tokenizer fails or returns ids that the model does not have, or if the model cannot compute.
    pub fn embed_texts(&self, texts: &[impl AsRef<str>]) -> Result<Vec<Vec<f32>>, Error> {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        self.engine.embed_texts(&texts)
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (width, height) = self.preprocess().size();
        write!(f, "Model({width}x{height} -> {})", self.dimensions())
    }
}
