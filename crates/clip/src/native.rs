//! Models with weights in safetensors, computed by this crate's own towers in f32.
//!
//! A batch is cut into chunks of a few hundred tokens: enough rows for the matrix products, few
//! enough to stay in cache. Chunks run at once on the threads of the pool. No row of a product
//! depends on the others, so neither the cuts nor the number of threads show in a vector.

use std::path::PathBuf;

use rayon::prelude::*;

use crate::config::{Architecture, Layout};
use crate::files::Files;
use crate::kernels::{Kernels, Precision};
use crate::model::{Encoder, Positions, unit_vector};
use crate::text::TextTower;
use crate::tokens::TextTokens;
use crate::transformer::Arithmetic;
use crate::vision::VisionTower;
use crate::weights::Checkpoint;
use crate::{Error, Prepared, Preprocess};

/// Rows that a chunk aims at.
const TOKENS_A_CHUNK: usize = 256;

/// Two towers and what is needed to feed them.
pub(crate) struct NativeModel {
    path: PathBuf,
    vision: VisionTower,
    text: TextTower,
    tokens: TextTokens,
    preprocess: Preprocess,
    dimensions: usize,
}

impl NativeModel {
    pub(crate) fn load(files: &Files, layout: Layout, precision: Precision) -> Result<Self, Error> {
        let arithmetic = Arithmetic {
            kernels: Kernels::chosen()?,
            precision,
        };
        let Architecture {
            vision,
            text,
            preprocess,
            clean,
            dimensions,
        } = layout.architecture(files)?;
        let tokens = TextTokens::read(files, "", text.context, clean)?;
        let mut checkpoint = Checkpoint::open(files, layout.weights())?;
        let vision = VisionTower::read(&mut checkpoint, &vision, &preprocess, arithmetic)?;
        let text = TextTower::read(&mut checkpoint, &text, arithmetic.careful())?;
        checkpoint.finish()?;
        let path = files.path(layout.weights());
        Ok(Self {
            path,
            vision,
            text,
            tokens,
            preprocess,
            dimensions,
        })
    }

    /// `chunk` of the items at a time, several at once.
    fn in_chunks<T: Sync>(
        &self,
        items: &[T],
        tokens: usize,
        embed: impl Fn(&[T]) -> Result<Vec<f32>, String> + Send + Sync,
    ) -> Result<Vec<Vec<f32>>, Error> {
        rten::thread_pool().run(|| {
            let share = items.len().div_ceil(rayon::current_num_threads());
            let chunk = (TOKENS_A_CHUNK / tokens.max(1)).clamp(1, share.max(1));
            let chunks: Vec<Vec<f32>> = items
                .par_chunks(chunk)
                .map(embed)
                .collect::<Result<_, _>>()
                .map_err(|reason| Error::run(&self.path, reason))?;
            chunks
                .iter()
                .flat_map(|values| values.chunks_exact(self.dimensions))
                .map(|values| self.unit(values))
                .collect()
        })
    }

    fn unit(&self, values: &[f32]) -> Result<Vec<f32>, Error> {
        unit_vector(values.to_vec())
            .ok_or_else(|| Error::run(&self.path, "gave a vector without direction"))
    }
}

impl Encoder for NativeModel {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    fn embed_images(&self, images: &[Prepared]) -> Result<Vec<Vec<f32>>, Error> {
        self.in_chunks(images, self.vision.tokens(), |images| {
            Ok(self.vision.embed(images))
        })
    }

    fn embed_positions(&self, image: &Prepared) -> Result<Option<Positions>, Error> {
        let values = rten::thread_pool().run(|| self.vision.embed_positions(image));
        let vectors = values
            .chunks_exact(self.dimensions)
            .map(|values| self.unit(values))
            .collect::<Result<_, _>>()?;
        let grid = self.vision.grid();
        Ok(Some(Positions { grid, vectors }))
    }

    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        let ids = texts
            .iter()
            .map(|text| match self.text.wants_padding() {
                true => self.tokens.padded_ids(text),
                false => self.tokens.ids(text),
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|reason| Error::run(&self.path, reason))?;
        let longest = ids.iter().map(Vec::len).max().unwrap_or(1);
        self.in_chunks(&ids, longest, |ids| self.text.embed(ids))
    }
}
