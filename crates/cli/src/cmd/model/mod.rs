//! `phototag model`: lists, downloads, imports, checks and deletes models.

mod check;
mod import;
mod list;
mod pull;
mod remove;

use std::io::Write;

use anyhow::Result;

use super::Outcome;
use crate::cli::ModelCommand;
use crate::console::Console;
use phototag_core::models::Models;

pub fn model(command: &ModelCommand, console: &Console) -> Result<Outcome> {
    let models = Models::open()?;
    match command {
        ModelCommand::List => list::list(&models),
        ModelCommand::Check(args) => check::check(args, &models, console),
        ModelCommand::Pull(args) => pull::pull(args, &models, console),
        ModelCommand::Import(args) => import::import(args, &models),
        ModelCommand::Remove(args) => remove::remove(args, &models),
        ModelCommand::Where(args) => {
            let folder = match &args.name {
                Some(name) => {
                    models
                        .find(name)
                        .ok_or_else(|| models.missing(name))?
                        .folder
                }
                None => models.own,
            };
            writeln!(std::io::stdout().lock(), "{}", folder.display())?;
            Ok(Outcome::Done)
        }
    }
}
