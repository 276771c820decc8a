//! `phototag init`: the built-in catalog as a file to edit.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};

use anyhow::{Context, Result, bail};

use super::Outcome;
use crate::cli::InitArgs;
use phototag_core::catalog::{BUILTIN, FILE_NAME};

pub fn init(args: &InitArgs) -> Result<Outcome> {
    let path = args.folder.join(FILE_NAME);
    if !args.folder.is_dir() {
        bail!("{}: no such folder", args.folder.display());
    }
    let mut options = OpenOptions::new();
    options.write(true);
    if args.force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    match options.open(&path) {
        Ok(mut file) => file
            .write_all(BUILTIN.as_bytes())
            .with_context(|| format!("{}: cannot be written", path.display()))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!(
                "{}: there is a catalog already\n\nUse --force to overwrite it.",
                path.display()
            );
        }
        Err(error) => {
            return Err(error).with_context(|| format!("{}: cannot be written", path.display()));
        }
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "Wrote {}", path.display())?;
    writeln!(
        out,
        "Next: change its prompts, then run: phototag tag {}",
        args.folder.display()
    )?;
    Ok(Outcome::Done)
}
