//! `phototag gallery`: the tags as pages.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::Ending;
use crate::catalog::{self, Catalog};
use crate::cli::GalleryArgs;
use crate::console::Console;
use crate::gallery::site::{self, Job, Report};
use crate::gallery::{drop_in, serve};
use crate::tags::{self, Tags};

/// So many unreadable photos are listed; the rest is counted.
const LISTED: usize = 20;

pub fn gallery(args: &GalleryArgs, console: &Console) -> Result<Ending> {
    if !args.folder.is_dir() {
        bail!("{}: no such folder", args.folder.display());
    }
    if let Some(folder) = &args.drop_in {
        let tags = tags(args, console)?;
        return write_drop_in(folder, &catalog(args)?, &tags_path(args), tags.as_ref());
    }
    let Some(out) = &args.out else {
        bail!("say where to write: --out FOLDER for a site, --drop-in FOLDER for filter buttons");
    };
    let report = site::build(&job(args, out, console)?, console)?;
    let mut unreadable = tell(&report, out, console)?;
    if report.interrupted {
        return Ok(Ending::Interrupted);
    }
    if let Some(port) = args.serve {
        let watched = [tags_path(args), catalog_path(args), args.folder.clone()];
        let ready = |address: &str| {
            writeln!(std::io::stdout(), "Serving {address} (Ctrl-C stops)")?;
            Ok(())
        };
        serve::serve(out, port, &watched, ready, || {
            // A catalog that is being edited may be wrong for a while: say so, and go on.
            let again = job(args, out, console)
                .and_then(|job| site::build(&job, console))
                .and_then(|report| tell(&report, out, console));
            match again {
                Ok(refused) => unreadable = refused,
                Err(error) => console.warn(&format!("{error:#}")),
            }
        })?;
    }
    Ok(if unreadable && args.strict {
        Ending::Unreadable
    } else {
        Ending::Done
    })
}

fn job(args: &GalleryArgs, out: &Path, console: &Console) -> Result<Job> {
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    Ok(Job {
        photos: args.folder.clone(),
        out: out.to_owned(),
        catalog: catalog(args)?,
        catalog_folder: catalog_path(args)
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default(),
        tags: tags(args, console)?.unwrap_or_default(),
        keys: args.key,
        jobs: args.jobs.map_or_else(cores, NonZeroUsize::get),
        keep_gps: args.keep_gps,
    })
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
            "{}: no tags yet; write them with: phototag tag {}",
            path.display(),
            args.folder.display()
        ));
    }
    Ok(tags)
}

fn catalog_path(args: &GalleryArgs) -> PathBuf {
    let default = || args.folder.join(catalog::FILE_NAME);
    args.config.clone().unwrap_or_else(default)
}

fn catalog(args: &GalleryArgs) -> Result<Catalog> {
    let path = catalog_path(args);
    if args.config.is_some() || path.exists() {
        Catalog::parse(&catalog::text(&path)?, &path.display().to_string())
    } else {
        Catalog::builtin()
    }
}

/// Says what was done, and whether photos could not be read.
fn tell(report: &Report, out: &Path, console: &Console) -> Result<bool> {
    for refused in report.refused.iter().take(LISTED) {
        console.warn(&format!("{}: {}", refused.path.display(), refused.reason));
    }
    if report.refused.len() > LISTED {
        console.warn(&format!("and {} more", report.refused.len() - LISTED));
    }
    if report.interrupted {
        console.note(&format!(
            "Stopped. {} photos are rendered and kept; run again to go on.",
            report.rendered
        ));
        return Ok(true);
    }
    let mut stdout = std::io::stdout().lock();
    write!(
        stdout,
        "{} photos: {} rendered",
        report.photos, report.rendered
    )?;
    if report.removed > 0 {
        write!(stdout, ", {} removed", report.removed)?;
    }
    let seconds = report.took.as_secs_f64();
    if report.rendered > 0 {
        write!(
            stdout,
            ", {:.1} photos a second",
            report.rendered as f64 / seconds
        )?;
    }
    writeln!(stdout, "\nWrote {}", out.join("index.html").display())?;
    Ok(!report.refused.is_empty())
}

fn write_drop_in(
    folder: &Path,
    catalog: &Catalog,
    tags_path: &Path,
    tags: Option<&Tags>,
) -> Result<Ending> {
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
    Ok(Ending::Done)
}
