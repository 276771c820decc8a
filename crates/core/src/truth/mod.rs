//! What the owner knows to be right: answers.json, labels.json and overrides.json, opened and understood in one way.
//!
//! For a photo and a category there are three states: yes, no, and not asked. An answer speaks of one photo and one
//! category. A label names all tags of a photo, so what it does not name is wrong there. A correction says only what it
//! says. Where two files disagree, the more explicit one counts, and a warning says so: answers before labels before
//! overrides. Labels are for measuring and learning and change no tags.

mod answers;
mod labels;
mod overrides;
mod written;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::catalog::{Catalog, CategoryId};
use crate::warning::Warning;

pub use answers::{Answer, Answers, Source, written_answers};
pub use labels::Labels;
pub use overrides::{Correction, Overrides};

/// Photos by key with their categories, in the order of a scan.
pub type TagSets = Vec<(String, BTreeSet<CategoryId>)>;

/// The files that the owner named; empty for those in the photo folder.
#[derive(Clone, Debug, Default)]
pub struct TruthFiles {
    /// Instead of labels.json in the photo folder.
    pub labels: Vec<PathBuf>,
    /// Instead of overrides.json in the photo folder.
    pub overrides: Option<PathBuf>,
}

/// Answers, labels and corrections.
#[derive(Debug, Default)]
pub struct Truth {
    /// Answers about single photos and categories.
    pub answers: Answers,
    /// All tags of some photos.
    pub labels: Labels,
    /// Corrections of some photos' tags.
    pub overrides: Overrides,
}

impl Truth {
    /// Reads the files that were named, else those in the photo folder `base` if they exist.
    ///
    /// # Errors
    /// A file that was named and is missing, that is not of the right shape, or that names a category which
    /// the catalog lacks; two files of labels that disagree about a photo.
    pub fn open(files: &TruthFiles, base: &Path, catalog: &Catalog) -> Result<Self> {
        Ok(Self {
            labels: Labels::open(&files.labels, base, catalog)?,
            ..Self::corrections(files.overrides.as_deref(), base, catalog)?
        })
    }

    /// Reads what changes tags: answers, and corrections from the file that was named or the one in the photo folder.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn corrections(named: Option<&Path>, base: &Path, catalog: &Catalog) -> Result<Self> {
        let overrides = match named {
            Some(path) => Overrides::open(path, true, catalog)?,
            None => Overrides::open(&base.join(overrides::FILE_NAME), false, catalog)?,
        };
        Ok(Self {
            answers: Answers::open(base, catalog)?,
            labels: Labels::default(),
            overrides,
        })
    }

    /// A warning for each name of a photo that is not among `keys`.
    pub fn unknown_photos(&self, keys: &BTreeSet<&str>) -> Vec<Warning> {
        let answers = self.answers.keys().map(|key| ("answers", key));
        let labels = self.labels.keys().map(|key| ("labels", key));
        let overrides = self.overrides.keys().map(|key| ("overrides", key));
        answers
            .chain(labels)
            .chain(overrides)
            .filter(|(_, key)| !keys.contains(key))
            .map(|(file, key)| Warning::UnknownPhoto {
                file,
                key: key.to_owned(),
            })
            .collect()
    }

    /// A warning for each name in answers.json that is no category, and for each photo and category about which two
    /// files disagree.
    pub fn faults(&self, catalog: &Catalog) -> Vec<Warning> {
        let unknown = self.answers.unknown_categories();
        let mut warnings: Vec<Warning> = unknown
            .map(|name| Warning::UnknownCategory {
                name: name.to_owned(),
                meant: catalog.find(name).err().flatten().map(str::to_owned),
            })
            .collect();
        let named = self.overrides.keys().chain(self.labels.keys());
        for key in named.collect::<BTreeSet<_>>() {
            for (id, category) in catalog.categories() {
                let says = self.says(key, id);
                let mut says = says.iter().filter_map(|(file, has)| Some((*file, (*has)?)));
                let Some((counts, has)) = says.next() else {
                    continue;
                };
                let against = says.filter(|(_, other)| *other != has);
                warnings.extend(against.map(|(ignored, _)| Warning::Disagreement {
                    key: key.to_owned(),
                    category: category.id.clone(),
                    has,
                    counts,
                    ignored,
                }));
            }
        }
        warnings
    }

    /// What each file says about a photo and category, the one that counts first.
    fn says(&self, key: &str, category: CategoryId) -> [(&'static str, Option<bool>); 3] {
        let answer = self.answers.get(key, category).map(|answer| answer.has);
        let label = self.labels.get(key).map(|tags| tags.contains(&category));
        let correction = self.overrides.get(key);
        let correction = correction.and_then(|correction| correction.verdict(category));
        [
            ("answers.json", answer),
            ("labels.json", label),
            ("overrides.json", correction),
        ]
    }

    /// What is known about a photo, in catalog order; `None`: it was not asked.
    pub fn known(&self, key: &str, catalog: &Catalog) -> Vec<Option<bool>> {
        let categories = catalog.categories();
        categories
            .map(|(id, _)| self.says(key, id).iter().find_map(|(_, has)| *has))
            .collect()
    }

    /// Whether a photo was labelled as a whole or marked in a spot check, so that it was not chosen for its tags.
    pub fn is_sampled(&self, key: &str) -> bool {
        self.labels.get(key).is_some() || self.answers.is_spot_checked(key)
    }

    /// What the owner says about a photo's tag, as far as it changes tags: an answer or a correction.
    pub fn correction(&self, key: &str, category: CategoryId) -> Option<bool> {
        let answer = self.answers.get(key, category).map(|answer| answer.has);
        answer.or_else(|| self.overrides.get(key)?.verdict(category))
    }

    /// Corrects tags in place. Returns how many photos have a correction, or an answer that changed a tag.
    pub fn apply(&self, tags: &mut TagSets) -> usize {
        let mut corrected = 0;
        for (key, tags) in tags {
            let correction = self.overrides.get(key);
            if let Some(correction) = correction {
                correction.apply(tags);
            }
            let changed = self.answers.apply(key, tags);
            corrected += usize::from(correction.is_some() || changed);
        }
        corrected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(answers: &str, labels: &str, overrides: &str) -> (Truth, Catalog) {
        let catalog = Catalog::builtin().unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("answers.json", answers),
            ("labels.json", labels),
            ("overrides.json", overrides),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let truth = Truth::open(&TruthFiles::default(), folder.path(), &catalog).unwrap();
        (truth, catalog)
    }

    #[test]
    fn a_correction_of_one_tag_says_nothing_about_the_others() {
        let (truth, catalog) = truth("{}", "{}", r#"{"21": {"remove": ["urban"]}}"#);
        let urban = catalog.find("urban").unwrap();
        for (id, _) in catalog.categories() {
            let known = truth.known("21", &catalog)[id.index()];
            assert_eq!(known, (id == urban).then_some(false));
        }
        assert!(!truth.is_sampled("21"));
    }

    #[test]
    fn the_more_explicit_file_counts_and_a_disagreement_is_named() {
        let (truth, catalog) = truth(
            r#"{"1": {"bw": "no, spot check"}}"#,
            r#"{"1": ["bw", "urban"], "2": ["winter"]}"#,
            r#"{"1": {"add": ["bw"]}, "2": {"remove": ["winter"], "add": ["bw"]}}"#,
        );
        let known = |key, name| truth.known(key, &catalog)[catalog.find(name).unwrap().index()];
        assert_eq!(known("1", "bw"), Some(false));
        assert_eq!(known("1", "urban"), Some(true));
        assert_eq!(known("2", "winter"), Some(true));
        assert_eq!(known("2", "bw"), Some(false));
        let faults: Vec<String> = truth
            .faults(&catalog)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(
            faults.contains(&"photo \"2\": labels.json says winter, overrides.json says not; labels.json counts".to_owned()),
            "{faults:?}"
        );
        assert!(truth.is_sampled("1") && truth.is_sampled("2"));

        // Labels change no tags; answers win over corrections.
        let named = |name| catalog.find(name).unwrap();
        let mut tags = vec![
            ("1".to_owned(), BTreeSet::from([named("bw")])),
            ("2".to_owned(), BTreeSet::from([named("winter")])),
            ("3".to_owned(), BTreeSet::from([named("winter")])),
        ];
        assert_eq!(truth.apply(&mut tags), 2);
        assert_eq!(tags[0].1, BTreeSet::new());
        assert_eq!(tags[1].1, BTreeSet::from([named("bw")]));
        assert_eq!(truth.correction("1", named("bw")), Some(false));
        assert_eq!(truth.correction("2", named("winter")), Some(false));
        assert_eq!(truth.correction("2", named("urban")), None);
    }

    #[test]
    fn a_name_that_is_no_category_is_named_and_stops_nothing() {
        let (truth, catalog) = truth(r#"{"1": {"wildlive": "yes"}}"#, "{}", "{}");
        let fault = truth.faults(&catalog)[0].to_string();
        assert!(
            fault.contains("\"wildlive\"") && fault.contains("\"wildlife\"?"),
            "{fault}"
        );
    }
}
