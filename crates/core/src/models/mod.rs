//! Which models are installed, and what a name means: one of the table, one that was imported, or
//! a repository of the hub.
//!
//! Installed is what phototag's own folder or the hub's cache holds and what is seen to be a model;
//! Nothing here connects to anything.

pub mod checked;
pub mod known;
pub mod measured;
pub mod own;

use std::path::PathBuf;

use anyhow::Result;
use phototag_clip::Source;
use phototag_clip::hub::{Hub, Repository, Settings};

use known::Known;

/// The places where models are kept.
pub struct Models {
    /// The table of known models, the best first.
    pub known: Vec<Known>,
    /// phototag's own folder.
    pub own: PathBuf,
    /// The cache of the Hugging Face hub.
    pub hub: Hub,
}

/// A model that is there.
pub struct Installed {
    /// Where its files are.
    pub folder: PathBuf,
    /// Its files.
    pub source: Source,
    /// Whether it is in phototag's own folder; in the hub's cache otherwise.
    pub imported: bool,
}

impl Models {
    /// Reads where they are from the environment.
    pub fn open() -> Result<Self> {
        Ok(Self {
            known: known::all()?,
            own: own::folder()?,
            hub: Hub::new(Settings::from_env()?),
        })
    }

    /// The model of this name, if it is installed.
    pub fn find(&self, name: &str) -> Option<Installed> {
        if own::is_name(name) {
            let folder = self.own.join(name);
            if let Ok(source) = Source::folder(&folder) {
                return Some(Installed {
                    folder,
                    source,
                    imported: true,
                });
            }
        }
        self.in_cache(&self.repository(name)?)
    }

    /// The repository that a name means.
    pub fn repository(&self, name: &str) -> Option<Repository> {
        match self.known.iter().find(|known| known.name == name) {
            Some(known) => known.repository().ok(),
            None => name.parse().ok(),
        }
    }

    /// The repository's model in the hub's cache, if it is there with all that it needs.
    pub fn in_cache(&self, repository: &Repository) -> Option<Installed> {
        self.hub.find(repository).into_iter().find_map(|folder| {
            let source = Source::folder(&folder).ok()?;
            Some(Installed {
                folder,
                source,
                imported: false,
            })
        })
    }

    /// What "auto" means: the best known model that is installed.
    pub fn best(&self) -> Option<(&Known, Installed)> {
        self.known
            .iter()
            .find_map(|known| Some((known, self.find(&known.name)?)))
    }

    /// The model that people are led to.
    pub fn recommended(&self) -> Option<&Known> {
        self.known.iter().find(|known| known.recommended)
    }

    /// An error for a name that is not installed, with the way out.
    pub fn missing(&self, name: &str) -> anyhow::Error {
        if let Some(known) = self.known.iter().find(|known| known.name == name) {
            return anyhow::anyhow!(
                "{name}: not installed\n\nTo download it, run: {}",
                known.how_to_get()
            );
        }
        if name.parse::<Repository>().is_ok() {
            return anyhow::anyhow!(
                "{name}: neither an installed model nor a folder\n\nTo download it, run: phototag model pull {name}"
            );
        }
        let imported = own::names(&self.own);
        let names = self.known.iter().map(|known| known.name.as_str());
        let names = names
            .chain(imported.iter().map(String::as_str))
            .chain(["auto", "starter"]);
        let nearest = crate::nearest::nearest(name, names).map_or(String::new(), |nearest| {
            format!("Did you mean {nearest:?}? ")
        });
        anyhow::anyhow!(
            "{name}: no such model\n\n{nearest}Use \"starter\" (the built-in model), a model's folder, \
             or a name from `phototag model list`."
        )
    }
}
