//! `phototag init`: the built-in catalog as a file to edit.

use std::io::{ErrorKind, Write};

use anyhow::{Context, Result, bail};

use super::Outcome;
use crate::cli::InitArgs;
use phototag_core::catalog::{BUILTIN, FILE_NAME};
use phototag_core::replace::{create, replace};

pub fn init(args: &InitArgs) -> Result<Outcome> {
    let path = args.folder.join(FILE_NAME);
    if !args.folder.is_dir() {
        bail!("{}: no such folder", args.folder.display());
    }
    let written = if args.force {
        replace(&path, BUILTIN.as_bytes())
    } else {
        create(&path, BUILTIN.as_bytes())
    };
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(
            "{}: already exists\n\nUse --force to overwrite it.",
            path.display()
        ),
        written => written.with_context(|| format!("{}: cannot write the file", path.display()))?,
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "Wrote {}", path.display())?;
    writeln!(
        out,
        "Next: edit the prompts, then run: phototag tag {}",
        args.folder.display()
    )?;
    Ok(Outcome::Done)
}
