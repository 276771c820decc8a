//! A whole site from a photo folder: renders what changed, then writes the pages around it.
//!
//! Photos are rendered by several workers, each with one photo in its hands; the caller's thread keeps
//! the ledger. An interrupted run keeps what is rendered and leaves the pages as they were.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use crossbeam_channel::{RecvTimeoutError, bounded};

use crate::caption::Metadata;
use crate::ledger::{Ledger, PICTURES, Rendered};
use crate::page::{self, Snippets};
use crate::{categories, data, feed, render};
use phototag_core::catalog::Catalog;
use phototag_core::embed::read_file;
use phototag_core::paths::slashed;
use phototag_core::photo::Unreadable;
use phototag_core::progress::{Event, Interrupted, PULSE, Watch};
use phototag_core::scan::{self, KeyStyle, PhotoFile, Refused};
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
    /// The categories, and what the pages say.
    pub catalog: Catalog,
    /// The folder that `[gallery]`'s files are named from.
    pub catalog_folder: PathBuf,
    /// The photos' tags.
    pub tags: Tags,
    /// How photos are named in the tags.
    pub keys: KeyStyle,
    /// How many photos are rendered at a time.
    pub jobs: usize,
    /// Whether rendered photos keep their GPS position.
    pub keep_gps: bool,
}

/// A photo on the site.
pub(crate) struct SitePhoto {
    pub key: String,
    pub tags: BTreeSet<String>,
    pub rendered: Rendered,
}

/// What a run did.
pub struct Report {
    /// Photos on the site.
    pub photos: usize,
    /// Photos that were rendered in this run.
    pub rendered: usize,
    /// Photos that were on the site before and are no more.
    pub removed: usize,
    /// Photos that could not be read.
    pub refused: Vec<Refused>,
    /// How long it took.
    pub took: Duration,
}

/// Brings the site up to date.
///
/// # Errors
/// [`Interrupted`] if `watch` breaks: what is rendered is kept, and the pages are unchanged.
pub fn build(job: &Job, watch: &mut Watch) -> Result<Report> {
    let started = Instant::now();
    let snippets = snippets(job)?;
    let mut ledger = Ledger::open(&job.out)?;
    let inputs = [job.photos.clone()];
    let scan = scan::scan(
        &inputs,
        &job.catalog.exclude,
        job.keys,
        |path, stamp| {
            let known = ledger.photos.get(&slashed(path, &job.photos))?;
            let is_same = (known.size, known.modified) == (stamp.size, stamp.modified);
            is_same.then_some(true)
        },
        watch,
    )?;
    let there = ledger.pictures()?;
    let is_rendered = |ledger: &Ledger, photo: &PhotoFile| {
        let known = ledger.photos.get(&slashed(&photo.path, &job.photos));
        known.is_some_and(|known| {
            (known.size, known.modified) == (photo.stamp.size, photo.stamp.modified)
                && (known.version, known.keeps_gps) == (render::VERSION, job.keep_gps)
                && known.files().all(|file| there.contains(&file))
        })
    };
    let todo: Vec<&PhotoFile> = scan
        .photos
        .iter()
        .filter(|photo| !is_rendered(&ledger, photo))
        .collect();
    let mut refused = scan.refused;
    let rendered = render_all(job, &todo, &mut ledger, &mut refused, watch)?;
    let mut report = Report {
        photos: scan.photos.len(),
        rendered,
        removed: 0,
        refused,
        took: started.elapsed(),
    };

    let gone: HashSet<&Path> = report
        .refused
        .iter()
        .map(|refused| refused.path.as_path())
        .collect();
    let on_site: Vec<&PhotoFile> = scan
        .photos
        .iter()
        .filter(|photo| !gone.contains(photo.path.as_path()))
        .collect();
    let photos = in_order(job, &on_site, &ledger);
    report.photos = photos.len();
    let pages = write_pages(job, &photos, &snippets, &mut ledger)?;
    let sources: HashSet<&str> = photos
        .iter()
        .map(|photo| photo.rendered.source.as_str())
        .collect();
    report.removed = ledger.clean(&sources, &pages)?;
    report.took = started.elapsed();
    Ok(report)
}

/// Renders photos; returns how many. One that cannot be read is refused and does not stop the rest.
fn render_all(
    job: &Job,
    todo: &[&PhotoFile],
    ledger: &mut Ledger,
    refused: &mut Vec<Refused>,
    watch: &mut Watch,
) -> Result<usize> {
    if todo.is_empty() {
        return Ok(0);
    }
    let total = todo.len();
    let (mut rendered, mut done) = (0, 0);
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
                        .send((photo, render_one(job, photo, ledger)))
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
                            rendered += 1;
                        }
                        Err(Failure::Photo(reason)) => refused.push(Refused {
                            path: photo.path.clone(),
                            reason,
                        }),
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
            let done = Some(rendered);
            return Err(Interrupted { done }.into());
        }
        Ok(rendered)
    })
}

enum Failure {
    Photo(Unreadable),
    Site(anyhow::Error),
}

fn render_one(
    job: &Job,
    file: &PhotoFile,
    ledger: &Mutex<&mut Ledger>,
) -> Result<Rendered, Failure> {
    let bytes =
        read_file(&file.path).map_err(|error| Failure::Photo(Unreadable::Io(error.to_string())))?;
    let photo = render::decode(&bytes).map_err(Failure::Photo)?;
    let metadata = Metadata::read(&bytes);
    let source = slashed(&file.path, &job.photos);
    let name = name(&file.path, &source, &bytes);
    let (new, added) = {
        let mut ledger = lock(ledger).map_err(Failure::Site)?;
        let added = ledger.photos.get(&source).map(|known| known.added);
        (ledger.begin(&name).map_err(Failure::Site)?, added)
    };
    drop(bytes);
    let folder = job.out.join(PICTURES);
    let exif = metadata.exported(job.keep_gps);
    let rendering =
        render::write(photo, exif.as_deref(), &folder, &name, new).map_err(Failure::Site)?;
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
) -> Result<std::sync::MutexGuard<'a, &'b mut Ledger>> {
    ledger
        .lock()
        .map_err(|_| anyhow!("a worker failed while it wrote the ledger"))
}

/// What a photo's files are called: readable, safe in any address and on any system, and another
/// one when the content changes, so that no browser shows an old copy.
fn name(path: &Path, source: &str, bytes: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(source.as_bytes()).update(&[0]).update(bytes);
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
fn in_order(job: &Job, files: &[&PhotoFile], ledger: &Ledger) -> Vec<SitePhoto> {
    let tags: HashMap<&str, &BTreeSet<String>> = job
        .tags
        .iter()
        .map(|(key, tags)| (key.as_str(), tags))
        .collect();
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

/// Writes everything but photos, and returns the paths.
fn write_pages(
    job: &Job,
    photos: &[SitePhoto],
    snippets: &Snippets,
    ledger: &mut Ledger,
) -> Result<HashSet<String>> {
    let gallery = &job.catalog.gallery;
    let folder_name = job.photos.canonicalize().ok();
    let folder_name = folder_name
        .as_deref()
        .and_then(Path::file_name)
        .map_or("Photos".into(), |name| name.to_string_lossy());
    let buttons = categories::of(&job.catalog);
    let block = data::block(photos, &buttons);
    let mut written = HashSet::new();
    let mut write = |page: String, content: &[u8]| {
        ledger.write(&page, content)?;
        written.insert(page);
        anyhow::Ok(())
    };
    for (name, content) in PARTS {
        write((*name).to_owned(), content)?;
    }
    if let Some(css) = &snippets.css {
        write("custom.css".to_owned(), css.as_bytes())?;
    }
    for (number, chunk) in data::chunks(photos).enumerate() {
        write(format!("data/{number}.js"), chunk.as_bytes())?;
    }
    write("data/words.js".to_owned(), data::words(photos).as_bytes())?;
    write(
        "feed.xml".to_owned(),
        feed::feed(gallery, &folder_name, photos)?.as_bytes(),
    )?;
    // The page last: what it names is there by then.
    let pages = page::pages(gallery, &folder_name, snippets, photos, &buttons, &block)?;
    for (page, html) in pages.into_iter().rev() {
        write(page, html.as_bytes())?;
    }
    Ok(written)
}

fn snippets(job: &Job) -> Result<Snippets> {
    let gallery = &job.catalog.gallery;
    let read = |name: &Option<String>, what: &str| {
        let Some(name) = name else { return Ok(None) };
        let path = job.catalog_folder.join(name);
        let text = fs::read_to_string(&path);
        text.map(Some).with_context(|| {
            format!(
                "{}: cannot be read ({what} under [gallery])",
                path.display()
            )
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
