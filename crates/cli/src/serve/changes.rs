//! Watches the files that a site is made of.
//!
//! The operating system reports changes, so waiting costs nothing. Where it cannot (network file systems, too many
//! folders), the files' metadata is polled instead.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use notify::{Config, Event, EventKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};

use super::TICK;
use super::remote::is_remote;

/// A rebuild starts after this time without a change, because programs write files in several steps.
const QUIET: Duration = Duration::from_millis(200);
/// A rebuild starts this long after the first change in any case.
const LONGEST: Duration = Duration::from_secs(3);
/// How often metadata is polled.
const POLL: Duration = Duration::from_secs(2);

/// What a site is made of.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The photo folder; everything in it but hidden files.
    pub photos: PathBuf,
    /// Other files, inside the photo folder or not. They need not exist.
    pub files: Vec<PathBuf>,
    /// The site's own folder, which is not watched.
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
    /// Starts to watch.
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

    /// Waits until something changed and then pauses. Returns false if `is_over` does not wait for that.
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

    /// Whether the site may have to be rebuilt.
    fn matters(&mut self, report: notify::Result<Event>) -> bool {
        match report {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            // Reports were lost.
            Ok(event) if event.need_rescan() || event.paths.is_empty() => true,
            Ok(event) => event.paths.iter().any(|path| self.is_source(path)),
            // A new folder cannot be watched, for example.
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
        // A parent folder of the file may have been created or renamed.
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
            // A missing folder is watched for in its nearest existing parent.
            let folder = file.ancestors().skip(1).find(|folder| folder.is_dir());
            folders.extend(
                folder
                    .filter(|it| !it.starts_with(photos))
                    .map(Path::to_owned),
            );
        }
        folders
    }

    /// Watches the sources' folders and no others; polls if the system refuses.
    fn update(&mut self) -> Result<()> {
        match self.try_update() {
            Err(error) if self.polled.is_none() => self.poll(error.to_string()),
            ended => ended.context("changes cannot be watched"),
        }
    }

    fn try_update(&mut self) -> notify::Result<()> {
        let wanted: BTreeSet<PathBuf> = self.folders().into_iter().collect();
        for old in self.watched.difference(&wanted) {
            // Fails if the folder is gone, and its watch with it.
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

/// Absolute paths, as in reports. A file that is a link is listed twice: the link and its target.
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

/// The path with its existing parents resolved, but not its last component.
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

    /// Only changes of sources start a rebuild; phototag's own files do not.
    #[test]
    fn sources_count_and_files_of_phototag_do_not() {
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
        let start = Instant::now();
        assert!(changes.wait(|| start.elapsed() > Duration::from_secs(60)));
    }
}
