//! A photo folder with its catalog, model and index: what every command on photos works with.
//!
//! [`Collection::open`] resolves what was typed, so that nothing after it looks at a flag again;
//! [`Collection::embed`] and [`Collection::scores`] are the first half of the flow.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use phototag_clip::Precision;

use crate::catalog::{self, Catalog, Evidence};
use crate::cli::CollectionArgs;
use crate::console::Console;
use crate::decide::{self, Calibration, Rules};
use crate::encoder::Encoder;
use crate::evaluate::sample::Drawn;
use crate::index::{self, ContentHash, Index, Vector};
use crate::learn;
use crate::learned::Heads;
use crate::pipeline::{self, Embedded};
use crate::precision;
use crate::scan::{self, KeyStyle, PhotoFile};
use crate::score::Scorer;
use crate::tags::Tags;

/// So many photos without labels say what is usual in a collection.
const OTHERS: usize = 2000;

/// See the module.
pub struct Collection {
    pub catalog: Catalog,
    /// Whether the owner has a catalog, or the built-in one is used.
    pub has_catalog: bool,
    /// Where the catalog is, or would be.
    pub catalog_path: PathBuf,
    /// The catalog's text when it was read.
    pub catalog_text: String,
    pub encoder: Encoder,
    /// The folder that catalog, index and tags.json belong to: the first one given.
    pub base: PathBuf,
    /// Whether only single photos of a folder were given, and not all of it.
    pub partial: bool,
    inputs: Vec<PathBuf>,
    index: Index,
    pub heads: Heads,
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

impl Scored {
    /// The photos' scores alone.
    pub fn rows(&self) -> Vec<Vec<f32>> {
        self.photos
            .iter()
            .map(|(_, scores)| scores.clone())
            .collect()
    }
}

impl Collection {
    pub fn open(
        args: CollectionArgs,
        precision: Option<Precision>,
        console: &Console,
    ) -> Result<Self> {
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
        let catalog_text = match &catalog_path {
            Some(path) => catalog::text(path)?,
            None => catalog::BUILTIN.to_owned(),
        };
        let catalog = match &catalog_path {
            Some(path) => Catalog::parse(&catalog_text, &path.display().to_string())?,
            None => Catalog::builtin()?,
        };
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
        let encoder = precision::as_before(encoder, &index)?;
        let (heads, warnings) = Heads::open(&index, &encoder.fingerprint, &catalog)?;
        warnings.iter().for_each(|warning| console.warn(warning));
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self {
            has_catalog: catalog_path.is_some(),
            catalog_path: catalog_path.unwrap_or_else(|| base.join(catalog::FILE_NAME)),
            catalog_text,
            partial: args.inputs.iter().any(|input| input.is_file()),
            jobs: args.jobs.map_or_else(cores, NonZeroUsize::get),
            keys: args.key,
            inputs: args.inputs,
            base,
            catalog,
            encoder,
            index,
            heads,
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
        if let Some(encoder) = precision::settled(&self.encoder, &self.index, &scan, console)? {
            self.encoder = encoder;
        }
        pipeline::embed(scan, &mut self.index, &self.encoder, self.jobs, console)
    }

    /// Scores embedded photos; only prompts that are new are embedded.
    pub fn scores(&mut self, embedded: &Embedded) -> Result<Scored> {
        let scorer = self.scorer()?;
        let mut photos = Vec::with_capacity(embedded.photos.len());
        for (photo, content) in &embedded.photos {
            let (vector, mut scores) = self.zero_shot(&scorer, photo, *content)?;
            self.heads.apply(&mut scores, &vector);
            photos.push((photo.key.clone(), scores));
        }
        let bank = self.encoder.reference()?;
        let reference = bank.map_or_else(Vec::new, |bank| {
            let mut rows = scorer.scores_of_reference(&bank);
            for (scores, vector) in rows.iter_mut().zip(&bank.image_vectors) {
                self.heads.apply(scores, vector);
            }
            rows
        });
        Ok(Scored { photos, reference })
    }

    /// The scores of vectors that belong to no photo, rows of the catalog's categories; NaN for those
    /// that are measured.
    pub fn scores_of(&mut self, vectors: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
        let scorer = self.scorer()?;
        let scores = vectors.iter().map(|vector| {
            let mut scores = scorer.scores(vector, |_| None);
            self.heads.apply(&mut scores, vector);
            scores
        });
        Ok(scores.collect())
    }

    /// What there is to learn from: photos about which `truth` knows something, and others, evenly drawn
    /// from the collection. Scores are zero-shot.
    pub fn examples(
        &mut self,
        embedded: &Embedded,
        truth: impl Fn(&str) -> Vec<Option<bool>>,
    ) -> Result<(Vec<learn::Photo>, Vec<learn::Photo>)> {
        let scorer = self.scorer()?;
        let truths: Vec<_> = embedded
            .photos
            .iter()
            .map(|(photo, _)| truth(&photo.key))
            .collect();
        let told = |at: usize| truths[at].iter().any(Option::is_some);
        let step = embedded.photos.len().div_ceil(OTHERS).max(1);
        let (mut labelled, mut others) = (Vec::new(), Vec::new());
        for (at, (photo, content)) in embedded.photos.iter().enumerate() {
            let into = match (told(at), at % step) {
                (true, _) => &mut labelled,
                (false, 0) => &mut others,
                (false, _) => continue,
            };
            let (vector, scores) = self.zero_shot(&scorer, photo, *content)?;
            into.push(learn::Photo {
                vector,
                scores,
                truth: truths[at].clone(),
            });
        }
        Ok((labelled, others))
    }

    /// Puts learned heads in the place of all that were there.
    pub fn keep_heads(&mut self, learned: &[(usize, learn::Head, learn::Evidence)]) -> Result<()> {
        Heads::keep(
            &mut self.index,
            &self.encoder.fingerprint,
            &self.catalog,
            learned,
        )
    }

    /// The vector of an embedded photo.
    pub fn vector(&self, (photo, content): &(PhotoFile, ContentHash)) -> Result<Vec<f32>> {
        let entry = self.index.entry(*content, &self.encoder.fingerprint)?;
        let kept = entry.and_then(|entry| entry.vector).map(|vector| vector.0);
        kept.with_context(|| gone(photo))
    }

    /// Keeps the sample of a spot check.
    pub fn keep_sample(&mut self, drawn: &[Drawn]) -> Result<()> {
        self.index.keep_sample(&serde_json::to_string(drawn)?)
    }

    /// The sample drawn last; empty if there is none.
    pub fn sample(&self) -> Result<Vec<Drawn>> {
        let body = self.index.sample()?;
        Ok(body
            .and_then(|body| serde_json::from_str(&body).ok())
            .unwrap_or_default())
    }

    fn scorer(&mut self) -> Result<Scorer> {
        self.embed_new_prompts()?;
        Scorer::new(&self.catalog, |prompt| {
            let text = self.index.text(&self.encoder.fingerprint, prompt)?;
            text.map(|vector| vector.0)
                .context("a prompt was not embedded")
        })
    }

    fn zero_shot(
        &self,
        scorer: &Scorer,
        photo: &PhotoFile,
        content: ContentHash,
    ) -> Result<(Vec<f32>, Vec<f32>)> {
        let entry = self.index.entry(content, &self.encoder.fingerprint)?;
        let Some((vector, facts)) = entry.and_then(|entry| Some((entry.vector?, entry.facts)))
        else {
            bail!(gone(photo));
        };
        let scores = scorer.scores(&vector.0, |name| facts.measures.get(name));
        Ok((vector.0, scores))
    }

    /// The calibration kept for this model and catalog; a new one if there is none, if it is outgrown,
    /// or if it is asked for. Says whether it is new.
    pub fn calibration(
        &mut self,
        scored: &Scored,
        rules: &Rules,
        renew: bool,
    ) -> Result<(Calibration, bool)> {
        let model = self.encoder.fingerprint.clone();
        let catalog = self.catalog.fingerprint() + &self.heads.fingerprint()?;
        let kept = self
            .index
            .calibration(&model, &catalog)?
            .and_then(|body| serde_json::from_str::<Calibration>(&body).ok())
            .filter(|kept| kept.fits(rules) && !kept.outgrown(scored.photos.len()));
        if let Some(kept) = kept.filter(|_| !renew) {
            return Ok((kept, false));
        }
        let own = scored.rows();
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

    /// What scores alone decide: each photo's tags, before anything that the owner said by hand.
    pub fn tags(&self, scored: &Scored, calibration: &Calibration, rules: &Rules) -> Tags {
        let id = |at: usize| self.catalog.categories[at].id.clone();
        let tags = |scores: &[f32]| {
            let decided = decide::decide(scores, calibration, rules);
            decided.into_iter().map(id).collect()
        };
        let photos = scored.photos.iter();
        photos
            .map(|(key, scores)| (key.clone(), tags(scores)))
            .collect()
    }

    fn embed_new_prompts(&mut self) -> Result<()> {
        let mut prompts: Vec<String> = Vec::new();
        for category in &self.catalog.categories {
            if let Evidence::Prompts(of_category) = &category.evidence {
                prompts.extend(of_category.iter().cloned());
            }
        }
        let prompts: Vec<&str> = prompts.iter().map(String::as_str).collect();
        self.embed_new_texts(&prompts)
    }

    /// The vectors of texts; those that are new are embedded and kept.
    pub fn text_vectors(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        self.embed_new_texts(texts)?;
        let vector = |text: &&str| {
            let kept = self.index.text(&self.encoder.fingerprint, text)?;
            kept.map(|vector| vector.0)
                .context("a text was not embedded")
        };
        texts.iter().map(vector).collect()
    }

    /// The vector of any photo, in the collection or not.
    pub fn photo_vector(&self, path: &Path) -> Result<Vec<f32>> {
        self.encoder
            .embed_photo(path)?
            .map_err(|reason| anyhow::anyhow!("{}: {reason}", path.display()))
    }

    /// See [`Index::each_vector`].
    pub fn each_vector(&self, each: impl FnMut(PathBuf, &[f32])) -> Result<()> {
        self.index.each_vector(&self.encoder.fingerprint, each)
    }

    /// Whether the catalog leaves this photo out.
    pub fn excludes(&self, path: &Path) -> bool {
        self.catalog
            .exclude
            .is_match(scan::slashed(path, &self.base))
    }

    fn embed_new_texts(&mut self, texts: &[&str]) -> Result<()> {
        let model = &self.encoder.fingerprint;
        let mut new: Vec<&str> = Vec::new();
        for text in texts {
            if self.index.text(model, text)?.is_none() && !new.contains(text) {
                new.push(text);
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

fn gone(photo: &PhotoFile) -> String {
    format!(
        "{}: its vector is gone from the index; run again",
        photo.path.display()
    )
}

/// The folder that a file lies in.
fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
