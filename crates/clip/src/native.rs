//! Models with weights in safetensors, run by this crate's own towers.
//!
//! A batch is divided into chunks of a few hundred tokens: enough rows for the matrix products, few enough to stay in the
//! cache. Chunks run concurrently on the threads of the pool. No row of a product depends on the others, so neither the
//! division nor the number of threads affects a vector.

use std::sync::OnceLock;

use phototag_kernels::{Kernels, Precision};
use rayon::prelude::*;

use crate::checkpoint::{
    Checkpoint, FromPacked, FromTensors, Layers, PackedFile, PackedWriter, Packing,
};
use crate::config::{Architecture, Layout};
use crate::files::Files;
use crate::model::{Engine, Positions};
use crate::picture::{Prepared, Preprocess};
use crate::towers::{Arithmetic, TextTower, VisionTower};
use crate::vector::{self, normalised};
use crate::words::TextTokens;
use crate::{Error, Threads};

/// Tokens per chunk.
const CHUNK_TOKENS: usize = 256;

/// Sequences of `tokens` tokens per chunk.
fn together(tokens: usize) -> usize {
    (CHUNK_TOKENS / tokens.max(1)).max(1)
}

/// Two towers and what is needed to feed them.
pub(crate) struct NativeModel {
    files: Files,
    layout: Layout,
    arithmetic: Arithmetic,
    architecture: Architecture,
    tokens: TextTokens,
    vision: Slot<Vision>,
    text: Slot<Text>,
}

/// A tower that is read when it is first needed.
struct Slot<T> {
    tower: OnceLock<T>,
    packed: Option<PackedFile>,
}

/// A tower of a model.
trait Tower: Sized {
    fn read(model: &NativeModel, layers: &mut impl Layers) -> Result<Self, Error>;
}

/// The image tower, as a model reads it.
struct Vision(VisionTower);

/// The text tower, as a model reads it.
struct Text(TextTower);

impl Tower for Vision {
    fn read(model: &NativeModel, layers: &mut impl Layers) -> Result<Self, Error> {
        let Architecture {
            vision, preprocess, ..
        } = &model.architecture;
        VisionTower::read(layers, vision, preprocess, model.arithmetic).map(Self)
    }
}

impl Tower for Text {
    fn read(model: &NativeModel, layers: &mut impl Layers) -> Result<Self, Error> {
        TextTower::read(layers, &model.architecture.text, model.arithmetic.float()).map(Self)
    }
}

impl<T: Tower> Slot<T> {
    fn new(packed: Option<PackedFile>) -> Self {
        Self {
            tower: OnceLock::new(),
            packed,
        }
    }

    /// Two threads that need the tower at the same time may both read it: no lock is held while the threads of the pool
    /// work.
    fn get(&self, model: &NativeModel) -> Result<&T, Error> {
        if let Some(tower) = self.tower.get() {
            return Ok(tower);
        }
        let mut checkpoint = model.checkpoint()?;
        if let Some(tower) = self.read_packed(model, &mut checkpoint) {
            return Ok(self.tower.get_or_init(|| tower));
        }
        let (tower, packed) = self.read_tensors(model, &mut checkpoint)?;
        if let Some(packed) = packed {
            packed.finish();
        }
        Ok(self.tower.get_or_init(|| tower))
    }

    /// Reads the tower from its packed file, if there is a valid one.
    fn read_packed(&self, model: &NativeModel, checkpoint: &mut Checkpoint) -> Option<T> {
        let mut layers = FromPacked::new(checkpoint, self.packed.as_ref()?.read()?);
        let tower = T::read(model, &mut layers).ok()?;
        layers.was_complete().then_some(tower)
    }

    /// Reads the tower from its tensors. Also returns a new packed file, if there is to be one.
    fn read_tensors(
        &self,
        model: &NativeModel,
        checkpoint: &mut Checkpoint,
    ) -> Result<(T, Option<PackedWriter>), Error> {
        let length = checkpoint.length();
        match self.packed.as_ref().and_then(|file| file.write(length)) {
            None => Ok((T::read(model, &mut FromTensors(checkpoint))?, None)),
            Some(packed) => {
                let mut layers = Packing::new(checkpoint, packed);
                let tower = T::read(model, &mut layers)?;
                Ok((tower, Some(layers.into_file())))
            }
        }
    }
}

impl NativeModel {
    /// Reads and checks everything. With a `fingerprint`, towers are stored packed; if one is stored already, everything
    /// has been checked before, and each tower is read when it is first needed.
    pub(crate) fn load(
        files: &Files,
        layout: Layout,
        precision: Precision,
        fingerprint: Option<&str>,
    ) -> Result<Self, Error> {
        let arithmetic = Arithmetic {
            kernels: Kernels::chosen()?,
            precision,
        };
        let architecture = layout.architecture(files)?;
        let (context, clean) = (architecture.text.context, architecture.clean);
        let float = arithmetic.float().precision;
        let packed = |tower, precision| match (files, fingerprint) {
            (Files::Folder(folder), Some(fingerprint)) => {
                let precisions = [precision, float];
                Some(PackedFile::new(folder, fingerprint, tower, precisions))
            }
            _ => None,
        };
        let model = Self {
            tokens: TextTokens::read(files, "", context, clean)?,
            vision: Slot::new(packed("vision", precision)),
            text: Slot::new(packed("text", float)),
            files: files.clone(),
            layout,
            arithmetic,
            architecture,
        };
        let packed = [&model.vision.packed, &model.text.packed];
        if !packed.into_iter().flatten().any(PackedFile::exists) {
            model.read_all()?;
        }
        Ok(model)
    }

    /// Reads both towers, and checks that the checkpoint contains nothing else.
    fn read_all(&self) -> Result<(), Error> {
        let mut checkpoint = self.checkpoint()?;
        let (vision, vision_file) = self.vision.read_tensors(self, &mut checkpoint)?;
        let (text, text_file) = self.text.read_tensors(self, &mut checkpoint)?;
        checkpoint.finish()?;
        for packed in [vision_file, text_file].into_iter().flatten() {
            packed.finish();
        }
        self.vision.tower.get_or_init(|| vision);
        self.text.tower.get_or_init(|| text);
        Ok(())
    }

    fn checkpoint(&self) -> Result<Checkpoint, Error> {
        Checkpoint::open(&self.files, self.layout.weights())
    }

    fn failed(&self, reason: impl ToString) -> Error {
        Error::run(self.files.path(self.layout.weights()), reason)
    }

    /// Embeds items of `tokens` tokens in chunks, several concurrently.
    fn in_chunks<T: Sync>(
        &self,
        items: &[T],
        tokens: usize,
        threads: &Threads,
        embed: impl Fn(&[T]) -> Result<Vec<f32>, String> + Send + Sync,
    ) -> Result<Vec<Vec<f32>>, Error> {
        threads.run(|| {
            let share = items.len().div_ceil(rayon::current_num_threads());
            let chunk = together(tokens).min(share.max(1));
            let chunks: Vec<Vec<f32>> = items
                .par_chunks(chunk)
                .map(embed)
                .collect::<Result<_, _>>()
                .map_err(|reason| self.failed(reason))?;
            chunks
                .iter()
                .flat_map(|values| values.chunks_exact(self.dimensions()))
                .map(|values| self.unit(values))
                .collect()
        })
    }

    fn unit(&self, values: &[f32]) -> Result<Vec<f32>, Error> {
        normalised(values.to_vec()).ok_or_else(|| self.failed(vector::NO_LENGTH))
    }
}

impl Engine for NativeModel {
    fn dimensions(&self) -> usize {
        self.architecture.dimensions
    }

    fn preprocess(&self) -> &Preprocess {
        &self.architecture.preprocess
    }

    fn embed_images(&self, images: &[Prepared], threads: &Threads) -> Result<Vec<Vec<f32>>, Error> {
        let Vision(vision) = self.vision.get(self)?;
        let embed = |images: &[Prepared]| Ok(vision.embed(images));
        self.in_chunks(images, vision.tokens(), threads, embed)
    }

    fn images_together(&self) -> usize {
        together(self.architecture.vision.tokens())
    }

    fn embed_positions(&self, image: &Prepared) -> Result<Option<Positions>, Error> {
        let Vision(vision) = self.vision.get(self)?;
        let values = Threads::all().run(|| vision.embed_positions(image));
        let vectors = values
            .chunks_exact(self.dimensions())
            .map(|values| self.unit(values))
            .collect::<Result<_, _>>()?;
        let grid = vision.grid();
        Ok(Some(Positions { grid, vectors }))
    }

    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        let Text(tower) = self.text.get(self)?;
        let ids = texts
            .iter()
            .map(|text| match tower.needs_padding() {
                true => self.tokens.padded_ids(text),
                false => self.tokens.ids(text),
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|reason| self.failed(reason))?;
        let longest = ids.iter().map(Vec::len).max().unwrap_or(1);
        self.in_chunks(&ids, longest, &Threads::all(), |ids| tower.embed(ids))
    }
}
