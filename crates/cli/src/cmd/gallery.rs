//! `phototag gallery`: a site, or filter buttons for an existing page.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use phototag_core::catalog::{self, Catalog};
use phototag_core::paths::folder_of;
use phototag_core::tags::{self, Tags};
use phototag_gallery::drop_in;
use phototag_gallery::site::{self, Job, Report, SiteError};

use super::{Outcome, print, warn_of_unreadable};
use crate::cli::GalleryArgs;
use crate::console::Console;
use crate::serve::{self, Changes, Sources};
use crate::wording::photos;

pub fn gallery(args: &GalleryArgs, console: &Console) -> Result<Outcome> {
    if !args.folder.is_dir() {
        bail!("{}: no such folder", args.folder.display());
    }
    if let Some(folder) = &args.drop_in {
        let tags = tags(args, console)?;
        return write_drop_in(folder, &catalog(args)?, &tags_path(args), tags.as_ref());
    }
    let Some(out) = &args.out else {
        bail!(
            "nothing to write: give --out FOLDER for a site, or --drop-in FOLDER for filter buttons"
        );
    };
    // Watch before the first build, so that no change is missed.
    let changes = args.serve.map(|_| Changes::of(sources(args, out)));
    let mut changes = changes.transpose()?;
    let mut unreadable = build(args, out, console)?;
    if let (Some(port), Some(changes)) = (args.serve, &mut changes) {
        warn_of_polling(changes, console);
        let ready = |address: &str| {
            writeln!(std::io::stdout(), "Serving {address} (Ctrl-C stops)")?;
            Ok(())
        };
        serve::serve(out, port, changes, ready, |changes| {
            let was_polled = changes.polled().is_some();
            let built = changes
                .follow(sources(args, out))
                .and_then(|()| build(args, out, console));
            if !was_polled {
                warn_of_polling(changes, console);
            }
            // A catalog that is being edited may have mistakes for a while: warn, and go on.
            match built {
                Ok(refused) => unreadable = refused,
                Err(error) => console.warn(&format!("{error:#}")),
            }
        })?;
    }
    Ok(if unreadable && args.strict {
        Outcome::Unreadable
    } else {
        Outcome::Done
    })
}

/// The files to watch. Without the catalog's own if it cannot be read.
fn sources(args: &GalleryArgs, out: &Path) -> Sources {
    let catalog = catalog(args).ok();
    let gallery = catalog.as_ref().map(|catalog| &catalog.gallery);
    let named = gallery.map(|gallery| [&gallery.css, &gallery.header_html, &gallery.footer_html]);
    let named = named.into_iter().flatten().flatten();
    let folder = folder_of(&catalog_path(args));
    let files = [tags_path(args), catalog_path(args)].into_iter();
    Sources {
        photos: args.folder.clone(),
        files: files.chain(named.map(|name| folder.join(name))).collect(),
        site: out.to_owned(),
    }
}

fn warn_of_polling(changes: &Changes, console: &Console) {
    if let Some(reason) = changes.polled() {
        console.warn(&format!(
            "{reason}; phototag looks for changes every few seconds instead of being notified"
        ));
    }
}

/// Builds the site. Returns whether photos had to be left out.
fn build(args: &GalleryArgs, out: &Path, console: &Console) -> Result<bool> {
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let job = Job {
        photos: args.folder.clone(),
        out: out.to_owned(),
        catalog: catalog(args)?,
        catalog_folder: folder_of(&catalog_path(args)),
        tags: tags(args, console)?.unwrap_or_default(),
        jobs: args.jobs.map_or_else(cores, NonZeroUsize::get),
        keep_gps: args.keep_gps,
    };
    let waiting = || {
        console.note(&format!(
            "{}: another phototag is writing this site; waiting for it",
            out.display()
        ));
    };
    let report = match console.watching(|watch| site::build(&job, watch, waiting)) {
        Err(SiteError::Interrupted(interrupted)) => return Err(interrupted.into()),
        built => built?,
    };
    warn_of_unreadable(&report.refused, console);
    for (path, reason) in &report.unrendered {
        console.warn(&format!("{}: {reason}", path.display()));
    }
    if report.named == 0 && report.photos > 0 && !job.tags.is_empty() {
        console.warn(&format!(
            "{}: names none of the photos, so the site has no filters; to tag them, run: phototag tag {}",
            tags_path(args).display(),
            args.folder.display()
        ));
    }
    print(&describe(&report, out))?;
    Ok(!report.refused.is_empty() || !report.unrendered.is_empty())
}

fn tags_path(args: &GalleryArgs) -> PathBuf {
    let default = || args.folder.join(tags::FILE_NAME);
    args.tags.clone().unwrap_or_else(default)
}

fn tags(args: &GalleryArgs, console: &Console) -> Result<Option<Tags>> {
    let path = tags_path(args);
    let tags = tags::read(&path)?;
    if tags.is_none() {
        console.warn(&format!(
            "{}: no tags yet; to write them, run: phototag tag {}",
            path.display(),
            args.folder.display()
        ));
    }
    Ok(tags)
}

fn catalog_path(args: &GalleryArgs) -> PathBuf {
    let default = || args.folder.join(catalog::FILE_NAME);
    args.catalog.config.clone().unwrap_or_else(default)
}

fn catalog(args: &GalleryArgs) -> Result<Catalog> {
    let path = catalog_path(args);
    let mut catalog = if args.catalog.config.is_some() || path.exists() {
        Catalog::parse(&catalog::text(&path)?, &path.display().to_string())?
    } else {
        Catalog::builtin()?
    };
    catalog
        .photos
        .choose(args.naming.keys(), args.naming.follow);
    Ok(catalog)
}

fn describe(report: &Report, out: &Path) -> String {
    let mut text = format!("{}: {} rendered", photos(report.photos), report.rendered);
    if report.removed > 0 {
        text += &format!(", {} removed", report.removed);
    }
    if report.rendered > 0 {
        let speed = report.rendered as f64 / report.took.as_secs_f64();
        text += &format!(", {speed:.1} photos a second");
    }
    text + &format!("\nWrote {}\n", out.join("index.html").display())
}

fn write_drop_in(
    folder: &Path,
    catalog: &Catalog,
    tags_path: &Path,
    tags: Option<&Tags>,
) -> Result<Outcome> {
    let target = folder.join(tags::FILE_NAME).canonicalize().ok();
    let is_there = target.is_some() && target == tags_path.canonicalize().ok();
    let written = drop_in::write(folder, catalog, tags.filter(|_| !is_there))?;
    let mut out = std::io::stdout().lock();
    for path in written {
        writeln!(out, "Wrote {}", path.display())?;
    }
    let name = folder.file_name().map_or_else(
        || ".".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    writeln!(
        out,
        "\nIn your page, with addresses as seen from there:\n\n{}\nItems are named by their picture's or link's file name, or by data-key.",
        drop_in::html(&name)
    )?;
    Ok(Outcome::Done)
}
