//! What changes of the things that a site is made of, as the system reports it.
//!
//! While nothing changes, nothing is looked at. Where the system reports nothing (network folders) or cannot (too many
//! folders), files are asked for their times of change now and then instead.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use notify::{Config, Event, EventKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};

use super::TICK;
use super::remote::is_remote;

/// A rebuild starts after so long without a change: programs write a file in pieces.
const QUIET: Duration = Duration::from_millis(200);
/// It starts after so long in any case.
const LONGEST: Duration = Duration::from_secs(3);
/// How often files are asked where nothing is reported.
const POLL: Duration = Duration::from_secs(2);

/// What a site is made of.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The photo folder; everything in it but hidden files.
    pub photos: PathBuf,
    /// Files anywhere, whether they exist or not.
    pub files: Vec<PathBuf>,
    /// The site's own folder, whose changes are phototag's.
    pub site: PathBuf,
}

/// A watch over a site's sources.
pub struct Changes {
    sources: Sources,
    watcher: Box<dyn Watcher>,
    /// Why files are polled, if they are.
    polled: Option<String>,
    watched: BTreeSet<PathBuf>,
    sender: Sender<notify::Result<Event>>,
    reports: Receiver<notify::Result<Event>>,
}

impl Changes {
    /// Starts to watch. Changes from now on are seen.
    pub fn of(sources: Sources) -> Result<Self> {
        let mut changes = Self::unwatched(sources);
        let remote = changes
            .folders()
            .into_iter()
            .find(|folder| is_remote(folder));
        let reason = remote.map(|folder| format!("{}: this is a network folder", folder.display()));
        match reason {
            Some(reason) => changes.poll(reason)?,
            None => match RecommendedWatcher::new(changes.sender.clone(), Config::default()) {
                Ok(watcher) => {
                    changes.watcher = Box::new(watcher);
                    changes.update()?;
                }
                Err(error) => changes.poll(error.to_string())?,
            },
        }
        Ok(changes)
    }

    fn unwatched(sources: Sources) -> Self {
        let (sender, reports) = channel();
        Self {
            sources: resolved(sources),
            watcher: Box::new(notify::NullWatcher),
            polled: None,
            watched: BTreeSet::new(),
            sender,
            reports,
        }
    }

    /// Why the system's own reports are not used, if they are not.
    pub fn polled(&self) -> Option<&str> {
        self.polled.as_deref()
    }

    /// Watches other sources from now on.
    pub fn follow(&mut self, sources: Sources) -> Result<()> {
        self.sources = resolved(sources);
        self.update()
    }

    /// Waits for changes until they pause; false if `is_over` says so first.
    pub fn wait(&mut self, is_over: impl Fn() -> bool) -> bool {
        loop {
            if is_over() {
                return false;
            }
            match self.reports.recv_timeout(TICK) {
                Ok(report) => {
                    if self.matters(report) {
                        break;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        let start = Instant::now();
        let mut last = start;
        while last.elapsed() < QUIET && start.elapsed() < LONGEST {
            let left = QUIET.saturating_sub(last.elapsed());
            if let Ok(report) = self.reports.recv_timeout(left)
                && self.matters(report)
            {
                last = Instant::now();
            }
        }
        !is_over()
    }

    /// Whether the site may look different now.
    fn matters(&mut self, report: notify::Result<Event>) -> bool {
        match report {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            // Reports were lost.
            Ok(event) if event.need_rescan() || event.paths.is_empty() => true,
            Ok(event) => event.paths.iter().any(|path| self.is_source(path)),
            // A new folder that cannot be watched. What else fails is looked at by the rebuild.
            Err(error) => {
                if self.polled.is_none() {
                    let _ = self.poll(error.to_string());
                }
                true
            }
        }
    }

    fn is_source(&self, path: &Path) -> bool {
        let Sources {
            photos,
            files,
            site,
        } = &self.sources;
        // A folder on the way to a file may have been created or renamed.
        if files.iter().any(|file| file.starts_with(path)) {
            return true;
        }
        let is_visible = path.strip_prefix(photos).is_ok_and(|below| {
            let mut names = below.iter();
            names.all(|name| !name.as_encoded_bytes().starts_with(b"."))
        });
        is_visible && !path.starts_with(site) && !resolve(path).starts_with(resolve(site))
    }

    /// The folders to watch, the photo folder first.
    fn folders(&self) -> Vec<PathBuf> {
        let photos = &self.sources.photos;
        let mut folders = vec![photos.clone()];
        for file in &self.sources.files {
            // A missing folder is noticed in the one that it will be in.
            let folder = file.ancestors().skip(1).find(|folder| folder.is_dir());
            folders.extend(
                folder
                    .filter(|it| !it.starts_with(photos))
                    .map(Path::to_owned),
            );
        }
        folders
    }

    /// Watches the sources' folders, and no others. Polls if the system does not let it.
    fn update(&mut self) -> Result<()> {
        match self.try_update() {
            Err(error) if self.polled.is_none() => self.poll(error.to_string()),
            ended => ended.context("changes cannot be watched"),
        }
    }

    fn try_update(&mut self) -> notify::Result<()> {
        let wanted: BTreeSet<PathBuf> = self.folders().into_iter().collect();
        for old in self.watched.difference(&wanted) {
            // It may be gone, and then its watch is too.
            let _ = self.watcher.unwatch(old);
        }
        for new in wanted.difference(&self.watched) {
            let mode = if *new == self.sources.photos {
                RecursiveMode::Recursive
            } else {
                RecursiveMode::NonRecursive
            };
            self.watcher.watch(new, mode)?;
        }
        self.watched = wanted;
        Ok(())
    }

    fn poll(&mut self, reason: String) -> Result<()> {
        let config = Config::default().with_poll_interval(POLL);
        let watcher = PollWatcher::new(self.sender.clone(), config);
        self.watcher = Box::new(watcher.context("changes cannot be watched")?);
        self.polled = Some(reason);
        self.watched.clear();
        self.update()
    }
}

/// Absolute paths, as reports have them. A file that is a link counts twice: as the link, and as what it leads to.
fn resolved(sources: Sources) -> Sources {
    let links = sources.files.iter().map(|file| resolve(file));
    let targets = sources
        .files
        .iter()
        .filter_map(|file| file.canonicalize().ok());
    Sources {
        photos: sources.photos.canonicalize().unwrap_or(sources.photos),
        files: links.chain(targets).collect(),
        site: std::path::absolute(&sources.site).unwrap_or(sources.site),
    }
}

/// A path whose existing folders are resolved; its last name is not.
fn resolve(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let known = path.ancestors().skip(1).find_map(|folder| {
        let real = folder.canonicalize().ok()?;
        let below = path.strip_prefix(folder).ok()?;
        Some(real.join(below))
    });
    known.unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Only what would change the site starts a rebuild; what phototag writes itself does not.
    #[test]
    fn sources_are_told_apart_from_what_phototag_writes() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        let photos = base.join("photos");
        fs::create_dir_all(photos.join("site/img")).unwrap();
        let changes = Changes::of(Sources {
            photos: photos.clone(),
            files: vec![photos.join("tags.json"), base.join("own/my.css")],
            site: photos.join("site"),
        })
        .unwrap();
        for path in [
            "photos/a.jpg",
            "photos/2019/a.jpg",
            "photos/new",
            "own/my.css",
            "own",
        ] {
            assert!(changes.is_source(&base.join(path)), "{path}");
        }
        for path in [
            "photos/site",
            "photos/site/index.html",
            "photos/site/img/a.jpg",
            "photos/.phototag/index.sqlite",
            "photos/2019/.phototag-a1B2c3",
            "own/other.css",
            "elsewhere",
        ] {
            assert!(!changes.is_source(&base.join(path)), "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_site_behind_a_link_is_known_as_the_site() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        fs::create_dir_all(base.join("photos")).unwrap();
        fs::create_dir_all(base.join("www/img")).unwrap();
        std::os::unix::fs::symlink(base.join("www"), base.join("photos/site")).unwrap();
        for site in ["photos/site", "www"] {
            let changes = Changes::of(Sources {
                photos: base.join("photos"),
                files: Vec::new(),
                site: base.join(site),
            })
            .unwrap();
            for path in ["photos/site/index.html", "photos/site/img/a.jpg"] {
                assert!(!changes.is_source(&base.join(path)), "{site} {path}");
            }
        }
    }

    #[test]
    fn polling_sees_a_photo_in_a_subfolder() {
        let base = tempfile::tempdir().unwrap();
        let photos = base.path().join("photos");
        fs::create_dir_all(photos.join("2019")).unwrap();
        let sources = Sources {
            photos: photos.clone(),
            files: vec![photos.join("tags.json")],
            site: base.path().join("site"),
        };
        let mut changes = Changes::unwatched(sources);
        changes.poll("a test".to_owned()).unwrap();
        fs::write(photos.join("2019/a.jpg"), "").unwrap();
        assert!(changes.wait(|| false));
    }
}
