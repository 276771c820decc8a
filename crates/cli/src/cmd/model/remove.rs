//! `phototag model remove`: deletes what `import` or `pull` has put there.

use std::io::Write;

use anyhow::{Context, Result, bail};

use super::Outcome;
use crate::cli::RemoveArgs;
use phototag_core::models::{Models, own};

pub fn remove(args: &RemoveArgs, models: &Models) -> Result<Outcome> {
    let name = &args.name;
    if own::is_name(name)
        && let Some(path) = own::remove(&models.own, name)?
    {
        writeln!(std::io::stdout().lock(), "Removed {}", path.display())?;
        return Ok(Outcome::Done);
    }
    let Some(repository) = models.repository(name) else {
        bail!("{name}: not installed\n\n`phototag model list` prints what is.");
    };
    let folder = models.hub.folder(&repository);
    if !folder.is_dir() {
        bail!("{name}: not installed\n\n`phototag model list` prints what is.");
    }
    if !args.yes {
        bail!(
            "{}: is in the cache that Python programs use too, so they would lose it as well\n\n\
             Add --yes to delete it all the same.",
            folder.display()
        );
    }
    std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    writeln!(std::io::stdout().lock(), "Removed {}", folder.display())?;
    Ok(Outcome::Done)
}
