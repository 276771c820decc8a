//! A photo folder with its catalog, model and index: what everything that works on photos starts from.
//!
//! A [`Place`] says where things are; [`Collection::open`] resolves it. [`Collection::embed`] brings the index up to
//! date, [`Collection::scores`] scores the photos in it, and [`Collection::decider`] decides.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use phototag_clip::Precision;

use crate::catalog::{self, Catalog, Definition};
use crate::decide::{Calibration, Decider, Rules};
use crate::embed::{self, Embedded, Embedder, precision};
use crate::evaluate::sample::Drawn;
use crate::index::{self, Index, Vector};
use crate::learn;
use crate::learn::heads::Heads;
use crate::paths::{folder_of, slashed};
use crate::photo::ContentHash;
use crate::progress::Watch;
use crate::replace::replace;
use crate::scan::{self, KeyStyle, PhotoFile};
use crate::score::Scorer;
use crate::tags::Tags;
use crate::truth::{TagSets, Truth};
use crate::warning::Warning;

/// How many unlabelled photos [`Collection::examples`] takes, to estimate the collection's mean and spread.
const UNLABELLED: usize = 2000;

/// Which photos, and where what belongs to them is.
#[derive(Clone, Debug)]
pub struct Place {
    /// Photo folders, or single photos; catalog, index and tags.json belong to the first one. Never empty.
    pub inputs: Vec<PathBuf>,
    /// The catalog; `None` for phototag.toml in the photo folder, else the built-in one.
    pub config: Option<PathBuf>,
    /// A model's name or folder; `None` for the one named in the catalog.
    pub model: Option<String>,
    /// In which precision to embed; `None` for what suits the model and the collection.
    pub precision: Option<Precision>,
    /// The index; `None` for .phototag/index.sqlite in the photo folder.
    pub index: Option<PathBuf>,
    /// How photos are named in tags.json; `None` for what the catalog says.
    pub keys: Option<KeyStyle>,
    /// Whether to follow links out of the photo folder, even if the catalog does not say so.
    pub follow: bool,
    /// How many photos are decoded and embedded at a time; `None` for one a core.
    pub jobs: Option<NonZeroUsize>,
}

impl Place {
    /// A photo folder with everything in its default place.
    pub fn of(folder: impl Into<PathBuf>) -> Self {
        Self {
            inputs: vec![folder.into()],
            config: None,
            model: None,
            precision: None,
            index: None,
            keys: None,
            follow: false,
            jobs: None,
        }
    }
}

/// A catalog and the file that it comes from.
pub struct CatalogFile {
    /// Where the catalog is, or would be.
    pub path: PathBuf,
    /// Whether the file exists; without one, the catalog is the built-in one.
    pub exists: bool,
    /// The catalog's text when it was read.
    text: String,
}

impl CatalogFile {
    /// Where what was learned for the catalog is: beside it, with the ending "learned".
    pub fn learned(&self) -> PathBuf {
        self.path.with_extension("learned")
    }
}

/// See the module.
pub struct Collection {
    /// The categories and how they are decided.
    pub catalog: Catalog,
    /// Where the catalog comes from.
    pub catalog_file: CatalogFile,
    /// The model.
    pub embedder: Embedder,
    /// The folder that catalog, index and tags.json belong to: the first one given.
    pub base: PathBuf,
    /// Whether only single photos of a folder were given, and not all of it.
    pub partial: bool,
    /// What was learned from corrections.
    pub heads: Heads,
    inputs: Vec<PathBuf>,
    index: Index,
    jobs: usize,
}

/// A photo with its scores, in catalog order.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredPhoto {
    /// Its name in tags.json.
    pub key: String,
    /// Where it is.
    pub path: PathBuf,
    /// What the prompts and measures alone give.
    pub zero_shot: Vec<f32>,
    /// The same, corrected by what was learned: what decides.
    pub scores: Vec<f32>,
}

/// A collection's photos with their scores.
#[derive(Clone, Debug, Default)]
pub struct Scored {
    /// In natural order of the keys.
    pub photos: Vec<ScoredPhoto>,
    /// The scores of the model's reference images.
    pub reference: Vec<Vec<f32>>,
}

impl Scored {
    /// The photos' scores alone.
    pub fn rows(&self) -> Vec<&[f32]> {
        let photos = self.photos.iter();
        photos.map(|photo| photo.scores.as_slice()).collect()
    }

    /// The reference images' scores.
    pub fn reference_rows(&self) -> Vec<&[f32]> {
        self.reference.iter().map(Vec::as_slice).collect()
    }

    /// What scores alone decide: each photo's categories, before any correction.
    pub fn tags(&self, decider: &Decider) -> TagSets {
        let photos = self.photos.iter();
        photos
            .map(|photo| {
                let tags = decider.tags(&photo.scores).into_iter().collect();
                (photo.key.clone(), tags)
            })
            .collect()
    }
}

impl Collection {
    /// Finds catalog, model and index.
    ///
    /// # Errors
    /// A folder that is missing, a catalog with a mistake, a model that cannot be used, an index that cannot
    /// be opened.
    pub fn open(place: Place) -> Result<(Self, Vec<Warning>)> {
        let first = place.inputs.first().context("no folder was given")?;
        let base = if scan::metadata(first)?.is_dir() {
            first.clone()
        } else {
            folder_of(first)
        };
        let (mut catalog, catalog_file) = open_catalog(place.config, &base)?;
        catalog.photos.choose(place.keys, place.follow);
        let embedder = match &place.model {
            Some(name) => Embedder::choose(name, Path::new(""), place.precision)?,
            None => {
                let folder = if catalog_file.exists {
                    folder_of(&catalog_file.path)
                } else {
                    base.clone()
                };
                Embedder::choose(&catalog.model, &folder, place.precision)?
            }
        };
        let default = || base.join(index::FOLDER).join(index::FILE_NAME);
        let (index, damaged) = Index::open(&place.index.unwrap_or_else(default), &base)?;
        let embedder = precision::as_before(embedder, &index)?;
        let learned = catalog_file.learned();
        let (heads, outdated) = Heads::open(&learned, &index, &embedder.fingerprint, &catalog)?;
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let collection = Self {
            catalog,
            catalog_file,
            embedder,
            base,
            partial: place.inputs.iter().any(|input| input.is_file()),
            heads,
            inputs: place.inputs,
            index,
            jobs: place.jobs.map_or_else(cores, NonZeroUsize::get),
        };
        Ok((collection, damaged.into_iter().chain(outdated).collect()))
    }

    /// Scans the folder and embeds what the index lacks.
    ///
    /// # Errors
    /// [`Interrupted`](crate::progress::Interrupted) if `watch` breaks; an error of the folder, the model or
    /// the index. A photo that cannot be read is in [`Embedded::refused`] instead.
    pub fn embed(&mut self, watch: &mut Watch) -> Result<Embedded> {
        let scan = scan::scan(
            &self.inputs,
            &self.catalog.photos,
            |path, stamp| self.index.is_photo(path, stamp),
            watch,
        )?;
        if let Some(embedder) = precision::settled(&self.embedder, &self.index, &scan, watch)? {
            self.embedder = embedder;
        }
        embed::update(scan, &mut self.index, &self.embedder, self.jobs, watch)
    }

    /// Scores embedded photos; only prompts that are new are embedded.
    ///
    /// # Errors
    /// An error of the model or of the index.
    pub fn scores(&mut self, embedded: &Embedded) -> Result<Scored> {
        let scorer = self.scorer()?;
        let mut photos = Vec::with_capacity(embedded.photos.len());
        for (photo, content) in &embedded.photos {
            let (vector, zero_shot) = self.zero_shot(&scorer, photo, *content)?;
            let mut scores = zero_shot.clone();
            self.heads.apply(&mut scores, &vector);
            photos.push(ScoredPhoto {
                key: photo.key.clone(),
                path: photo.path.clone(),
                zero_shot,
                scores,
            });
        }
        let bank = self.embedder.reference()?;
        let reference = bank.map_or_else(Vec::new, |bank| {
            let mut rows = scorer.scores_of_reference(&bank);
            for (scores, vector) in rows.iter_mut().zip(&bank.image_vectors) {
                self.heads.apply(scores, vector);
            }
            rows
        });
        Ok(Scored { photos, reference })
    }

    /// The scores of vectors that belong to no photo, one row a vector in catalog order; NaN for measured
    /// categories.
    ///
    /// # Errors
    /// An error of the model or of the index.
    pub fn scores_of(&mut self, vectors: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
        let scorer = self.scorer()?;
        let scores = vectors.iter().map(|vector| {
            let mut scores = scorer.scores(vector, |_| None);
            self.heads.apply(&mut scores, vector);
            scores
        });
        Ok(scores.collect())
    }

    /// What decides over this collection's photos, and whether it was calibrated just now: the calibration in
    /// the index is used unless there is none for this model and catalog, it is outgrown, or `renew` is set.
    ///
    /// # Errors
    /// An error of the index.
    pub fn decider(&mut self, scored: &Scored, renew: bool) -> Result<(Decider, bool)> {
        let rules = Rules::of(&self.catalog);
        let model = self.embedder.fingerprint.clone();
        let catalog = self.catalog.fingerprint() + &self.heads.fingerprint()?;
        let stored = self.index.calibration(&model, &catalog)?;
        let stored = stored
            .and_then(|body| serde_json::from_str::<Calibration>(&body).ok())
            .filter(|stored| !renew && !stored.outgrown(scored.photos.len()))
            .and_then(|stored| Decider::new(rules.clone(), stored));
        if let Some(decider) = stored {
            return Ok((decider, false));
        }
        let new = Calibration::of(
            &scored.rows(),
            &scored.reference_rows(),
            &rules,
            self.catalog.tagging.tags_per_photo,
        );
        if !scored.photos.is_empty() {
            self.index
                .store_calibration(&model, &catalog, &serde_json::to_string(&new)?)?;
        }
        let decider = Decider::new(rules, new).context("the scores are not numbers")?;
        Ok((decider, true))
    }

    /// Tags by category as tags.json has them: by name.
    pub fn named(&self, tags: &TagSets) -> Tags {
        let name = |id| self.catalog[id].id.clone();
        tags.iter()
            .map(|(key, tags)| (key.clone(), tags.iter().copied().map(name).collect()))
            .collect()
    }

    /// What there is to learn from: photos about which `truth` knows something, and unlabelled ones, evenly
    /// drawn from the collection. Scores are zero-shot.
    ///
    /// # Errors
    /// An error of the model or of the index.
    pub fn examples(
        &mut self,
        embedded: &Embedded,
        truth: &Truth,
    ) -> Result<(Vec<learn::Example>, Vec<learn::Example>)> {
        let scorer = self.scorer()?;
        let step = embedded.photos.len().div_ceil(UNLABELLED).max(1);
        let (mut labelled, mut others) = (Vec::new(), Vec::new());
        for (at, (photo, content)) in embedded.photos.iter().enumerate() {
            let is_sampled = truth.is_sampled(&photo.key);
            let truth = truth.known(&photo.key, &self.catalog);
            let into = match (truth.iter().any(Option::is_some), at % step) {
                (true, _) => &mut labelled,
                (false, 0) => &mut others,
                (false, _) => continue,
            };
            let (vector, scores) = self.zero_shot(&scorer, photo, *content)?;
            into.push(learn::Example {
                vector,
                scores,
                truth,
                is_sampled,
            });
        }
        Ok((labelled, others))
    }

    /// Replaces all learned heads by these.
    ///
    /// # Errors
    /// A file beside the catalog that cannot be written; an error of the index.
    pub fn store_heads(&mut self, learned: &[learn::heads::Learned]) -> Result<()> {
        Heads::store(
            &self.catalog_file.learned(),
            &mut self.index,
            &self.embedder.fingerprint,
            &self.catalog,
            learned,
        )
    }

    /// Writes thresholds into the catalog's file, in catalog order; `None` leaves a category as it is, infinity
    /// turns it off. Comments and order stay.
    ///
    /// # Errors
    /// A file that was changed since it was read, that cannot be written, or that would not be a catalog any more;
    /// it is unchanged then.
    pub fn write_thresholds(&self, thresholds: &[Option<f64>]) -> Result<()> {
        let CatalogFile { path, exists, text } = &self.catalog_file;
        let untouched = if *exists {
            catalog::text(path)? == *text
        } else {
            !path.exists()
        };
        if !untouched {
            bail!(
                "{}: changed while tuning, so nothing was written\n\nRun the command again.",
                path.display()
            );
        }
        let new: Vec<(&str, f64)> = self
            .catalog
            .categories()
            .zip(thresholds)
            .filter_map(|((_, category), threshold)| {
                let threshold = (*threshold)?;
                (category.threshold != catalog::Threshold::of(threshold))
                    .then_some((category.id.as_str(), threshold))
            })
            .collect();
        let unchanged = || {
            format!(
                "{}: cannot write the catalog; it was not changed",
                path.display()
            )
        };
        let text = catalog::edit::with_thresholds(text, &new)?;
        Catalog::parse(&text, "the new text").with_context(unchanged)?;
        replace(path, text.as_bytes()).with_context(unchanged)
    }

    /// The vector of an embedded photo.
    ///
    /// # Errors
    /// An error of the index.
    pub fn vector(&self, (photo, content): &(PhotoFile, ContentHash)) -> Result<Vec<f32>> {
        let entry = self.index.entry(*content, &self.embedder.fingerprint)?;
        let kept = entry.and_then(|entry| entry.vector).map(|vector| vector.0);
        kept.with_context(|| gone(photo))
    }

    /// Stores the sample of a spot check.
    ///
    /// # Errors
    /// An error of the index.
    pub fn store_sample(&mut self, drawn: &[Drawn]) -> Result<()> {
        self.index.store_sample(&serde_json::to_string(drawn)?)
    }

    /// The sample drawn last; empty if there is none.
    ///
    /// # Errors
    /// An error of the index.
    pub fn sample(&self) -> Result<Vec<Drawn>> {
        let body = self.index.sample()?;
        Ok(body
            .and_then(|body| serde_json::from_str(&body).ok())
            .unwrap_or_default())
    }

    /// The vectors of texts; those that are new are embedded and stored.
    ///
    /// # Errors
    /// An error of the model or of the index.
    pub fn text_vectors(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        self.embed_new_texts(texts)?;
        texts.iter().map(|text| self.text_vector(text)).collect()
    }

    /// The vector of any photo, in the collection or not.
    ///
    /// # Errors
    /// A photo that cannot be read; an error of the model.
    pub fn photo_vector(&self, path: &Path) -> Result<Vec<f32>> {
        self.embedder
            .embed_photo(path)?
            .map_err(|reason| anyhow::anyhow!("{}: {reason}", path.display()))
    }

    /// See [`Index::each_vector`].
    ///
    /// # Errors
    /// An error of the index.
    pub fn each_vector(&self, each: impl FnMut(PathBuf, &[f32])) -> Result<()> {
        self.index.each_vector(&self.embedder.fingerprint, each)
    }

    /// Whether the catalog leaves this photo out.
    pub fn excludes(&self, path: &Path) -> bool {
        self.catalog
            .photos
            .exclude
            .is_match(slashed(path, &self.base))
    }

    fn scorer(&mut self) -> Result<Scorer> {
        let prompts: Vec<String> = self
            .catalog
            .categories()
            .filter_map(|(_, category)| match &category.definition {
                Definition::Prompts(prompts) => Some(prompts.clone()),
                Definition::Measure(_) => None,
            })
            .flatten()
            .collect();
        let prompts: Vec<&str> = prompts.iter().map(String::as_str).collect();
        self.embed_new_texts(&prompts)?;
        Scorer::new(&self.catalog, |prompt| self.text_vector(prompt))
    }

    fn zero_shot(
        &self,
        scorer: &Scorer,
        photo: &PhotoFile,
        content: ContentHash,
    ) -> Result<(Vec<f32>, Vec<f32>)> {
        let entry = self.index.entry(content, &self.embedder.fingerprint)?;
        let Some((vector, facts)) = entry.and_then(|entry| Some((entry.vector?, entry.facts)))
        else {
            bail!(gone(photo));
        };
        let scores = scorer.scores(&vector.0, |name| facts.measures.get(name));
        Ok((vector.0, scores))
    }

    fn text_vector(&self, text: &str) -> Result<Vec<f32>> {
        let stored = self.index.text(&self.embedder.fingerprint, text)?;
        stored
            .map(|vector| vector.0)
            .with_context(|| format!("internal error: the text {text:?} has no vector"))
    }

    fn embed_new_texts(&mut self, texts: &[&str]) -> Result<()> {
        let model = &self.embedder.fingerprint;
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
            .embedder
            .model()?
            .embed_texts(&new)
            .context("the prompts could not be embedded")?;
        let vectors = vectors.into_iter().map(Vector);
        let texts: Vec<_> = new.into_iter().zip(vectors).collect();
        self.index.store_texts(model, &texts)
    }
}

/// The catalog that was named, that of the folder, or the built-in one.
fn open_catalog(named: Option<PathBuf>, base: &Path) -> Result<(Catalog, CatalogFile)> {
    let default = base.join(catalog::FILE_NAME);
    let exists = named.is_some() || default.exists();
    let path = named.unwrap_or(default);
    let (text, catalog) = if exists {
        let text = catalog::text(&path)?;
        let catalog = Catalog::parse(&text, &path.display().to_string())?;
        (text, catalog)
    } else {
        (catalog::BUILTIN.to_owned(), Catalog::builtin()?)
    };
    Ok((catalog, CatalogFile { path, exists, text }))
}

fn gone(photo: &PhotoFile) -> String {
    format!(
        "{}: its vector is missing from the index; run the command again",
        photo.path.display()
    )
}
