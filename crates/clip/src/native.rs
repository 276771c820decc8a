//! Models with weights in safetensors, computed by this crate's own towers in f32.
//!
//! A batch is cut into chunks of a few hundred tokens: enough rows for the matrix products, few
//! enough to stay in cache. Chunks run at once on the threads of the pool. No row of a product
//! depends on the others, so neither the cuts nor the number of threads show in a vector.

use std::mem;
use std::sync::OnceLock;

use rayon::prelude::*;

use crate::config::{Architecture, Layout};
use crate::files::Files;
use crate::model::{Encoder, Positions, unit_vector};
use crate::packed::{Packed, PackedFile, Writing};
use crate::text::TextTower;
use crate::tokens::TextTokens;
use crate::transformer::Arithmetic;
use crate::vision::VisionTower;
use crate::weights::Checkpoint;
use crate::{Error, Prepared, Preprocess, Threads};
use phototag_kernels::{Kernels, Precision};

/// Rows that a chunk aims at.
const TOKENS_A_CHUNK: usize = 256;

/// Sequences of so many tokens that make a chunk.
fn together(tokens: usize) -> usize {
    (TOKENS_A_CHUNK / tokens.max(1)).max(1)
}

/// Two towers and what is needed to feed them.
pub(crate) struct NativeModel {
    files: Files,
    layout: Layout,
    arithmetic: Arithmetic,
    architecture: Architecture,
    tokens: TextTokens,
    vision: Tower<VisionTower>,
    text: Tower<TextTower>,
}

/// A tower, in memory once it was needed.
struct Tower<T> {
    read: OnceLock<T>,
    packed: Option<PackedFile>,
}

impl<T> Tower<T> {
    /// From its packed weights, if they are kept.
    fn read_kept(
        &self,
        checkpoint: &mut Checkpoint,
        read: impl Fn(&mut Checkpoint) -> Result<T, Error>,
    ) -> Option<T> {
        checkpoint.packed = Packed::Read(self.packed.as_ref()?.read()?);
        let tower = read(checkpoint);
        let kept = mem::replace(&mut checkpoint.packed, Packed::Nowhere);
        matches!(kept, Packed::Read(kept) if kept.was_all()).then_some(tower.ok()?)
    }

    /// From its tensors, with its packed weights if they are to be kept.
    fn read_tensors(
        &self,
        checkpoint: &mut Checkpoint,
        read: impl Fn(&mut Checkpoint) -> Result<T, Error>,
    ) -> Result<(T, Option<Box<Writing>>), Error> {
        let length = checkpoint.length();
        if let Some(writing) = self.packed.as_ref().and_then(|file| file.write(length)) {
            checkpoint.packed = Packed::Written(writing);
        }
        let tower = read(checkpoint)?;
        let writing = match mem::replace(&mut checkpoint.packed, Packed::Nowhere) {
            Packed::Written(writing) => Some(writing),
            _ => None,
        };
        Ok((tower, writing))
    }
}

impl NativeModel {
    /// Reads and checks everything. With a `fingerprint` towers are kept packed; if one is, all was checked
    /// before, and each is read when it is first needed.
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
        let packed = |tower, arithmetic| match (files, fingerprint) {
            (Files::Folder(folder), Some(fingerprint)) => {
                Some(PackedFile::new(folder, fingerprint, tower, arithmetic))
            }
            _ => None,
        };
        let model = Self {
            tokens: TextTokens::read(files, "", context, clean)?,
            vision: Tower {
                read: OnceLock::new(),
                packed: packed("vision", arithmetic),
            },
            text: Tower {
                read: OnceLock::new(),
                packed: packed("text", arithmetic.careful()),
            },
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

    /// Both towers, of a checkpoint that has nothing else.
    fn read_all(&self) -> Result<(), Error> {
        let mut checkpoint = self.checkpoint()?;
        let (vision, new_vision) = self
            .vision
            .read_tensors(&mut checkpoint, |from| self.read_vision(from))?;
        let (text, new_text) = self
            .text
            .read_tensors(&mut checkpoint, |from| self.read_text(from))?;
        checkpoint.finish()?;
        for writing in [new_vision, new_text].into_iter().flatten() {
            writing.finish();
        }
        self.vision.read.get_or_init(|| vision);
        self.text.read.get_or_init(|| text);
        Ok(())
    }

    fn vision(&self) -> Result<&VisionTower, Error> {
        self.tower(&self.vision, |checkpoint| self.read_vision(checkpoint))
    }

    fn text(&self) -> Result<&TextTower, Error> {
        self.tower(&self.text, |checkpoint| self.read_text(checkpoint))
    }

    /// Two that ask at once may both read it; no lock is held while the threads of the pool work.
    fn tower<'a, T>(
        &'a self,
        tower: &'a Tower<T>,
        read: impl Fn(&mut Checkpoint) -> Result<T, Error>,
    ) -> Result<&'a T, Error> {
        if let Some(tower) = tower.read.get() {
            return Ok(tower);
        }
        let mut checkpoint = self.checkpoint()?;
        if let Some(kept) = tower.read_kept(&mut checkpoint, &read) {
            return Ok(tower.read.get_or_init(|| kept));
        }
        let (new, writing) = tower.read_tensors(&mut checkpoint, &read)?;
        if let Some(writing) = writing {
            writing.finish();
        }
        Ok(tower.read.get_or_init(|| new))
    }

    fn checkpoint(&self) -> Result<Checkpoint, Error> {
        Checkpoint::open(&self.files, self.layout.weights())
    }

    fn read_vision(&self, checkpoint: &mut Checkpoint) -> Result<VisionTower, Error> {
        let Architecture {
            vision, preprocess, ..
        } = &self.architecture;
        VisionTower::read(checkpoint, vision, preprocess, self.arithmetic)
    }

    fn read_text(&self, checkpoint: &mut Checkpoint) -> Result<TextTower, Error> {
        let arithmetic = self.arithmetic.careful();
        TextTower::read(checkpoint, &self.architecture.text, arithmetic)
    }

    fn failed(&self, reason: impl ToString) -> Error {
        Error::run(self.files.path(self.layout.weights()), reason)
    }

    /// `chunk` of the items at a time, several at once.
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
        unit_vector(values.to_vec()).ok_or_else(|| self.failed("gave a vector without direction"))
    }
}

impl Encoder for NativeModel {
    fn dimensions(&self) -> usize {
        self.architecture.dimensions
    }

    fn preprocess(&self) -> &Preprocess {
        &self.architecture.preprocess
    }

    fn embed_images(&self, images: &[Prepared], threads: &Threads) -> Result<Vec<Vec<f32>>, Error> {
        let vision = self.vision()?;
        let embed = |images: &[Prepared]| Ok(vision.embed(images));
        self.in_chunks(images, vision.tokens(), threads, embed)
    }

    fn images_together(&self) -> usize {
        together(self.architecture.vision.tokens())
    }

    fn embed_positions(&self, image: &Prepared) -> Result<Option<Positions>, Error> {
        let vision = self.vision()?;
        let values = Threads::all().run(|| vision.embed_positions(image));
        let vectors = values
            .chunks_exact(self.dimensions())
            .map(|values| self.unit(values))
            .collect::<Result<_, _>>()?;
        let grid = vision.grid();
        Ok(Some(Positions { grid, vectors }))
    }

    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        let tower = self.text()?;
        let ids = texts
            .iter()
            .map(|text| match tower.wants_padding() {
                true => self.tokens.padded_ids(text),
                false => self.tokens.ids(text),
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|reason| self.failed(reason))?;
        let longest = ids.iter().map(Vec::len).max().unwrap_or(1);
        self.in_chunks(&ids, longest, &Threads::all(), |ids| tower.embed(ids))
    }
}
