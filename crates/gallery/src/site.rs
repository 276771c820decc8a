//! A whole site from a photo folder: renders what changed, then writes the pages around it.
//!
//! Several workers render one photo each at a time; the caller's thread keeps the ledger. An interrupted run keeps what
//! is rendered and leaves the pages unchanged.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{RecvTimeoutError, bounded};

use crate::caption::Metadata;
use crate::folder::SiteFolder;
use crate::ledger::{Ledger, PICTURES, Rendered};
use crate::lock::Lock;
use crate::page::{self, Snippets};
use crate::photo::SitePhoto;
use crate::{categories, data, feed, render};

pub use crate::error::SiteError;
pub use crate::folder::FolderError;
pub use crate::ledger::LedgerError;
pub use crate::render::RenderError;

use phototag_core::catalog::Catalog;
use phototag_core::embed::read_file;
use phototag_core::paths::slashed;
use phototag_core::photo::Unreadable;
use phototag_core::progress::{Event, Interrupted, PULSE, Watch};
use phototag_core::scan::{self, KeyStyle, PhotoFile, Refused, Scan};
use phototag_core::tags::Tags;

/// The parts of a site that are the same for everyone.
const PARTS: &[(&str, &[u8])] = &[
    ("site.js", include_bytes!("../web/dist/site.js")),
    ("site.css", include_bytes!("../web/dist/site.css")),
    ("photoswipe.js", include_bytes!("../web/dist/photoswipe.js")),
    (
        "photoswipe-LICENSE.txt",
        include_bytes!("../web/dist/photoswipe-LICENSE.txt"),
    ),
    ("icon.svg", include_bytes!("../web/site/icon.svg")),
];

/// What a site is made of.
pub struct Job {
    /// The photo folder.
    pub photos: PathBuf,
    /// The site's folder.
    pub out: PathBuf,
    /// The categories, and the texts of the pages.
    pub catalog: Catalog,
    /// The folder that the file names under `[gallery]` are relative to.
    pub catalog_folder: PathBuf,
    /// The photos' tags.
    pub tags: Tags,
    /// How many photos are rendered at a time.
    pub jobs: usize,
    /// Whether rendered photos keep their GPS position.
    pub keep_gps: bool,
}

/// The tags of photos, to look up.
type TagsByKey<'a> = HashMap<&'a str, &'a BTreeSet<String>>;

/// What a run did.
pub struct Report {
    /// Photos on the site.
    pub photos: usize,
    /// Photos that the tags name.
    pub named: usize,
    /// Photos that this run rendered.
    pub rendered: usize,
    /// Photos that were removed from the site.
    pub removed: usize,
    /// Photos that could not be read.
    pub refused: Vec<Refused>,
    /// Photos that could be read but not rendered.
    pub unrendered: Vec<(PathBuf, RenderError)>,
    /// How long it took.
    pub took: Duration,
}

/// Brings the site up to date. `waiting` is called if another run is at work on it, which has to end first.
///
/// # Errors
/// [`SiteError::Interrupted`] if `watch` breaks: what is rendered is kept, and the pages are unchanged.
pub fn build(job: &Job, watch: &mut Watch, waiting: impl FnOnce()) -> Result<Report, SiteError> {
    let started = Instant::now();
    let snippets = snippets(job)?;
    let folder = SiteFolder::open(&job.out)?;
    let _lock = Lock::take(&folder, watch, waiting)?;
    folder.sweep(&[".", PICTURES, "data", "pages"])?;
    let mut ledger = Ledger::open(&folder)?;
    let scan = scan(job, &ledger, watch)?;
    let tags: TagsByKey = job
        .tags
        .iter()
        .map(|(key, tags)| (key.as_str(), tags))
        .collect();
    check_tags(job, &tags, &scan.photos)?;
    let todo = outdated(job, &scan.photos, &ledger)?;
    let mut report = Report {
        photos: 0,
        named: 0,
        rendered: 0,
        removed: 0,
        refused: scan.refused,
        unrendered: Vec::new(),
        took: Duration::ZERO,
    };
    render_all(job, &todo, &mut ledger, &mut report, watch)?;

    let refused = report.refused.iter().map(|refused| &refused.path);
    let unrendered = report.unrendered.iter().map(|(path, _)| path);
    let left_out: HashSet<&PathBuf> = refused.chain(unrendered).collect();
    let on_site: Vec<&PhotoFile> = scan
        .photos
        .iter()
        .filter(|photo| !left_out.contains(&photo.path))
        .collect();
    let photos = in_order(job, &tags, &on_site, &ledger);
    report.photos = photos.len();
    let is_named = |photo: &&SitePhoto| tags.contains_key(photo.key.as_str());
    report.named = photos.iter().filter(is_named).count();
    let pages = pages(job, &photos, &snippets)?;
    ledger.write(&pages)?;
    let sources = photos.iter().map(|photo| photo.rendered.source.as_str());
    let pages = pages.iter().map(|(page, _)| page.as_str());
    report.removed = ledger.clean(&sources.collect(), &pages.collect())?;
    report.took = started.elapsed();
    Ok(report)
}

fn scan(job: &Job, ledger: &Ledger, watch: &mut Watch) -> Result<Scan, SiteError> {
    let mut is_stopped = false;
    let scanned = scan::scan(
        std::slice::from_ref(&job.photos),
        &job.catalog.photos,
        |path, stamp| {
            let known = ledger.photos.get(&slashed(path, &job.photos))?;
            let is_same = (known.size, known.modified) == (stamp.size, stamp.modified);
            is_same.then_some(true)
        },
        &mut |event| {
            let flow = watch(event);
            is_stopped |= flow.is_break();
            flow
        },
    );
    scanned.map_err(|error| match is_stopped {
        true => Interrupted { done: None }.into(),
        false => SiteError::Scan(error.into()),
    })
}

/// Refuses tags that name the photos in another way: no page would have a filter.
fn check_tags(job: &Job, tags: &TagsByKey, photos: &[PhotoFile]) -> Result<(), SiteError> {
    let is_named = |keys| {
        let mut keys = photos
            .iter()
            .filter_map(|photo| scan::key(&photo.path, &job.photos, keys));
        keys.any(|key| tags.contains_key(key.as_str()))
    };
    let Some(first) = photos.first() else {
        return Ok(());
    };
    if tags.is_empty() || is_named(job.catalog.photos.keys) {
        return Ok(());
    }
    let fitting = KeyStyle::ALL.into_iter().find(|(keys, _)| is_named(*keys));
    fitting.map_or(Ok(()), |(_, key)| {
        Err(SiteError::OtherKey {
            photos: photos.len(),
            example: first.key.clone(),
            key,
        })
    })
}

/// The photos that are new, changed, or rendered differently now.
fn outdated<'a>(
    job: &Job,
    photos: &'a [PhotoFile],
    ledger: &Ledger,
) -> Result<Vec<&'a PhotoFile>, SiteError> {
    let there = ledger.pictures()?;
    let is_rendered = |photo: &PhotoFile| {
        let known = ledger.photos.get(&slashed(&photo.path, &job.photos));
        known.is_some_and(|known| {
            (known.size, known.modified) == (photo.stamp.size, photo.stamp.modified)
                && (known.version, known.keeps_gps) == (render::VERSION, job.keep_gps)
                && known.files().all(|file| there.contains(&file))
        })
    };
    Ok(photos.iter().filter(|photo| !is_rendered(photo)).collect())
}

/// Renders photos. One that cannot be read or rendered goes into the report and does not stop the rest.
fn render_all(
    job: &Job,
    todo: &[&PhotoFile],
    ledger: &mut Ledger,
    report: &mut Report,
    watch: &mut Watch,
) -> Result<(), SiteError> {
    let (mut done, total) = (0, todo.len());
    let folder = &ledger.folder().clone();
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let ledger = Mutex::new(ledger);
    std::thread::scope(|scope| {
        let (sender, receiver) = bounded(job.jobs);
        for _ in 0..job.jobs.min(todo.len()) {
            let (sender, next, stop, ledger) = (sender.clone(), &next, &stop, &ledger);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let Some(photo) = todo.get(next.fetch_add(1, Ordering::Relaxed)) else {
                        return;
                    };
                    // The receiver is gone once the run has failed.
                    if sender
                        .send((photo, render_one(job, folder, photo, ledger)))
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
        drop(sender);
        loop {
            let event = match receiver.recv_timeout(PULSE) {
                Ok((photo, result)) => {
                    match result {
                        Ok(photo) => {
                            lock(&ledger)?.keep(photo)?;
                            report.rendered += 1;
                        }
                        Err(Failure::Photo(reason)) => report.refused.push(Refused {
                            path: photo.path.clone(),
                            reason,
                        }),
                        Err(Failure::Rendering(reason)) => {
                            report.unrendered.push((photo.path.clone(), reason));
                        }
                        Err(Failure::Site(error)) => return Err(error),
                    }
                    done += 1;
                    Event::Photos { done, total }
                }
                Err(RecvTimeoutError::Timeout) => Event::Waiting,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if watch(event).is_break() {
                stop.store(true, Ordering::Relaxed);
            }
        }
        if stop.load(Ordering::Relaxed) {
            let done = Some(report.rendered);
            return Err(Interrupted { done }.into());
        }
        Ok(())
    })
}

enum Failure {
    Photo(Unreadable),
    Rendering(RenderError),
    Site(SiteError),
}

fn render_one(
    job: &Job,
    folder: &SiteFolder,
    file: &PhotoFile,
    ledger: &Mutex<&mut Ledger>,
) -> Result<Rendered, Failure> {
    let bytes =
        read_file(&file.path).map_err(|error| Failure::Photo(Unreadable::Io(error.to_string())))?;
    let photo = render::decode(&bytes).map_err(Failure::Photo)?;
    let metadata = Metadata::read(&bytes);
    let source = slashed(&file.path, &job.photos);
    let name = name(&file.path, &source, &bytes);
    drop(bytes);
    let exif = metadata.exported(job.keep_gps);
    let rendering = render::render(photo, exif.as_deref()).map_err(Failure::Rendering)?;
    let path =
        |(width, ending, _): &(u32, &str, Vec<u8>)| format!("{PICTURES}/{name}-{width}.{ending}");
    let paths: Vec<String> = rendering.files.iter().map(path).collect();
    let added = {
        let mut ledger = lock(ledger).map_err(Failure::Site)?;
        let begun = ledger.begin(&name, &paths);
        begun.map_err(|error| Failure::Site(error.into()))?;
        ledger.photos.get(&source).map(|known| known.added)
    };
    for (path, (_, _, content)) in paths.iter().zip(&rendering.files) {
        let written = folder.write(path, content);
        written.map_err(|error| Failure::Site(error.into()))?;
    }
    Ok(Rendered {
        source,
        size: file.stamp.size,
        modified: file.stamp.modified,
        version: render::VERSION,
        keeps_gps: job.keep_gps,
        name,
        width: rendering.size.0,
        height: rendering.size.1,
        placeholder: rendering.placeholder,
        caption: metadata.caption(),
        added: added.unwrap_or_else(now),
    })
}

fn lock<'a, 'b>(
    ledger: &'a Mutex<&'b mut Ledger>,
) -> Result<std::sync::MutexGuard<'a, &'b mut Ledger>, SiteError> {
    ledger.lock().map_err(|_| SiteError::Worker)
}

/// What a photo's files are called: readable, safe in any address and on any system, and different when the content or
/// the rendering changes, so that no browser shows an old copy.
fn name(path: &Path, source: &str, bytes: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(source.as_bytes()).update(&[0]).update(bytes);
    hasher.update(&render::VERSION.to_le_bytes());
    let hash = hasher.finalize().to_hex();
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let words: Vec<&str> = stem
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let mut name = words.join("-");
    name.truncate(48);
    let name = name.trim_matches('-');
    if name.is_empty() {
        format!("photo-{}", &hash[..12])
    } else {
        format!("{name}-{}", &hash[..12])
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The site's photos, the newest first; those without a date come last, by name.
fn in_order(job: &Job, tags: &TagsByKey, files: &[&PhotoFile], ledger: &Ledger) -> Vec<SitePhoto> {
    let mut photos: Vec<SitePhoto> = files
        .iter()
        .filter_map(|file| {
            Some(SitePhoto {
                key: file.key.clone(),
                tags: tags
                    .get(file.key.as_str())
                    .map(|&tags| tags.clone())
                    .unwrap_or_default(),
                rendered: ledger
                    .photos
                    .get(&slashed(&file.path, &job.photos))?
                    .clone(),
            })
        })
        .collect();
    // Stable: the scan's order is by name.
    photos.sort_by(|a, b| b.rendered.caption.date.cmp(&a.rendered.caption.date));
    photos
}

/// Paths and contents of everything but photos, in the order in which they are written.
fn pages(
    job: &Job,
    photos: &[SitePhoto],
    snippets: &Snippets,
) -> Result<Vec<(String, Vec<u8>)>, SiteError> {
    let gallery = &job.catalog.gallery;
    let folder_name = job.photos.canonicalize().ok();
    let folder_name = folder_name
        .as_deref()
        .and_then(Path::file_name)
        .map_or("Photos".into(), |name| name.to_string_lossy());
    let buttons = categories::of(&job.catalog);
    let block = data::block(photos, &buttons);
    let parts = PARTS.iter();
    let mut pages: Vec<(String, Vec<u8>)> = parts
        .map(|(name, content)| ((*name).to_owned(), content.to_vec()))
        .collect();
    if let Some(css) = &snippets.css {
        pages.push(("custom.css".to_owned(), css.as_bytes().to_vec()));
    }
    for (number, chunk) in data::chunks(photos, &buttons).enumerate() {
        pages.push((format!("data/{number}.js"), chunk.into_bytes()));
    }
    pages.push(("data/words.js".to_owned(), data::words(photos).into_bytes()));
    let feed = feed::feed(gallery, &folder_name, photos)?;
    pages.push(("feed.xml".to_owned(), feed.into_bytes()));
    // The first page last, after the files that it names.
    let html = page::pages(gallery, &folder_name, snippets, photos, &buttons, &block)?;
    let html = html.into_iter().rev();
    pages.extend(html.map(|(page, html)| (page, html.into_bytes())));
    Ok(pages)
}

fn snippets(job: &Job) -> Result<Snippets, SiteError> {
    let gallery = &job.catalog.gallery;
    let read = |name: &Option<String>, setting: &'static str| {
        let Some(name) = name else { return Ok(None) };
        let path = job.catalog_folder.join(name);
        std::fs::read_to_string(&path)
            .map(Some)
            .map_err(|source| SiteError::Snippet {
                path,
                setting,
                source,
            })
    };
    Ok(Snippets {
        css: read(&gallery.css, "css")?,
        header: read(&gallery.header_html, "header_html")?.unwrap_or_default(),
        footer: read(&gallery.footer_html, "footer_html")?.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::name;
    use std::path::Path;

    #[test]
    fn names_are_safe_whatever_the_photo_is_called() {
        let of = |path: &str| name(Path::new(path), path, b"x");
        assert!(of("River Otter.JPG").starts_with("river-otter-"));
        assert!(of("🦦.jpg").starts_with("photo-"));
        assert!(of("<img onerror=\"x\">#?%.jpg").starts_with("img-onerror-x-"));
        assert!(of(&"x".repeat(250)).len() < 64);
        assert_ne!(of("a/1.jpg"), of("b/1.jpg"));
    }
}
