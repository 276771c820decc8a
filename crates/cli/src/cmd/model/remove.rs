//! `phototag model remove`: deletes an imported or downloaded model.

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
        bail!("{name}: not installed\n\nRun `phototag model list` to see what is.");
    };
    let folder = models.hub.folder(&repository);
    if !folder.is_dir() {
        bail!("{name}: not installed\n\nRun `phototag model list` to see what is.");
    }
    if !args.yes {
        bail!(
            "{}: Python programs share this cache and would lose the model too\n\n\
             Add --yes to delete it anyway.",
            folder.display()
        );
    }
    std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    writeln!(std::io::stdout().lock(), "Removed {}", folder.display())?;
    Ok(Outcome::Done)
}
