//! A photo folder with its catalog, model and index: what every command on photos works with.
//!
//! [`Collection::open`] resolves what was typed, so that nothing after it looks at a flag again;
//! [`Collection::embed`] and [`Collection::scores`] are the first half of the flow.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::catalog::{self, Catalog, Evidence};
use crate::cli::CollectionArgs;
use crate::console::Console;
use crate::decide::{Calibration, Rules};
use crate::encoder::Encoder;
use crate::index::{self, Index, Vector};
use crate::pipeline::{self, Embedded};
use crate::scan::{self, KeyStyle};
use crate::score::Scorer;

/// See the module.
pub struct Collection {
    pub catalog: Catalog,
    /// Whether the owner has a catalog, or the built-in one is used.
    pub has_catalog: bool,
    pub encoder: Encoder,
    /// The folder that catalog, index and tags.json belong to: the first one given.
    pub base: PathBuf,
    /// Whether only single photos of a folder were given, and not all of it.
    pub partial: bool,
    inputs: Vec<PathBuf>,
    index: Index,
    keys: KeyStyle,
    jobs: usize,
}

/// Photos with their scores.
pub struct Scored {
    /// Keys and scores in catalog order, in natural order of the keys.
    pub photos: Vec<(String, Vec<f32>)>,
    /// The scores of the model's reference images.
    pub reference: Vec<Vec<f32>>,
}

impl Collection {
    pub fn open(args: CollectionArgs, console: &Console) -> Result<Self> {
        let first = args.inputs.first().context("no folder was given")?;
        let about = scan::about(first)?;
        let base = if about.is_dir() {
            first.clone()
        } else {
            folder_of(first)
        };
        let catalog_path = args
            .config
            .or_else(|| Some(base.join(catalog::FILE_NAME)).filter(|path| path.exists()));
        let catalog = match &catalog_path {
            Some(path) => Catalog::open(path)?,
            None => Catalog::builtin()?,
        };
        let precision = args.precision.map(Into::into);
        let encoder = match &args.model {
            Some(name) => Encoder::choose(name, Path::new(""), precision)?,
            None => Encoder::choose(
                &catalog.model,
                &catalog_path.as_deref().map_or(base.clone(), folder_of),
                precision,
            )?,
        };
        let index_path = args
            .index
            .unwrap_or_else(|| base.join(index::FOLDER).join("index.sqlite"));
        let (index, warning) = Index::open(&index_path, &base)?;
        if let Some(warning) = warning {
            console.warn(&warning);
        }
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self {
            has_catalog: catalog_path.is_some(),
            partial: args.inputs.iter().any(|input| input.is_file()),
            jobs: args.jobs.map_or_else(cores, NonZeroUsize::get),
            keys: args.key,
            inputs: args.inputs,
            base,
            catalog,
            encoder,
            index,
        })
    }

    /// Scans the folder and embeds what is not known yet.
    pub fn embed(&mut self, console: &Console) -> Result<Embedded> {
        let scan = scan::scan(
            &self.inputs,
            &self.catalog.exclude,
            self.keys,
            |path, stamp| self.index.remembered(path, stamp),
        )?;
        pipeline::embed(scan, &mut self.index, &self.encoder, self.jobs, console)
    }

    /// Scores embedded photos; only prompts that are new are embedded.
    pub fn scores(&mut self, embedded: &Embedded) -> Result<Scored> {
        self.embed_new_prompts()?;
        let model = &self.encoder.fingerprint;
        let scorer = Scorer::new(&self.catalog, |prompt| {
            let text = self.index.text(model, prompt)?;
            text.map(|vector| vector.0)
                .context("a prompt was not embedded")
        })?;
        let mut photos = Vec::with_capacity(embedded.photos.len());
        for (photo, content) in &embedded.photos {
            let entry = self.index.entry(*content, model)?;
            let Some((vector, facts)) = entry.and_then(|entry| Some((entry.vector?, entry.facts)))
            else {
                bail!(
                    "{}: its vector is gone from the index; run again",
                    photo.path.display()
                );
            };
            photos.push((
                photo.key.clone(),
                scorer.scores(&vector.0, |name| facts.measures.get(name)),
            ));
        }
        let bank = self.encoder.reference()?;
        let reference = bank.map_or_else(Vec::new, |bank| scorer.scores_of_reference(&bank));
        Ok(Scored { photos, reference })
    }

    /// The calibration kept for this model and catalog; a new one if there is none, if it is outgrown,
    /// or if it is asked for. Says whether it is new.
    pub fn calibration(
        &mut self,
        scored: &Scored,
        rules: &Rules,
        renew: bool,
    ) -> Result<(Calibration, bool)> {
        let (model, catalog) = (self.encoder.fingerprint.clone(), self.catalog.fingerprint());
        let kept = self
            .index
            .calibration(&model, &catalog)?
            .and_then(|body| serde_json::from_str::<Calibration>(&body).ok())
            .filter(|kept| kept.fits(rules) && !kept.outgrown(scored.photos.len()));
        if let Some(kept) = kept.filter(|_| !renew) {
            return Ok((kept, false));
        }
        let own: Vec<Vec<f32>> = scored
            .photos
            .iter()
            .map(|(_, scores)| scores.clone())
            .collect();
        let new = Calibration::of(
            &own,
            &scored.reference,
            rules,
            self.catalog.tagging.tags_per_photo,
        );
        if !own.is_empty() {
            self.index
                .keep_calibration(&model, &catalog, &serde_json::to_string(&new)?)?;
        }
        Ok((new, true))
    }

    fn embed_new_prompts(&mut self) -> Result<()> {
        let model = &self.encoder.fingerprint;
        let mut new: Vec<&str> = Vec::new();
        for category in &self.catalog.categories {
            if let Evidence::Prompts(prompts) = &category.evidence {
                for prompt in prompts {
                    if self.index.text(model, prompt)?.is_none() && !new.contains(&prompt.as_str())
                    {
                        new.push(prompt);
                    }
                }
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let vectors = self
            .encoder
            .model()?
            .embed_texts(&new)
            .context("the prompts could not be embedded")?;
        let texts: Vec<_> = new
            .into_iter()
            .zip(vectors.into_iter().map(Vector))
            .collect();
        self.index.keep_texts(model, &texts)
    }
}

/// The folder that a file lies in.
fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
