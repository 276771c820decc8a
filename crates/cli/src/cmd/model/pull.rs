//! `phototag model pull`: the only command that uses the network.

use std::io::Write;
use std::ops::ControlFlow;

use anyhow::{Context, Result};
use phototag_clip::Source;
use phototag_clip::hub::{Event, HubError};

use super::Outcome;
use crate::cli::PullArgs;
use crate::console::Console;
use crate::interrupt;
use phototag_core::models::Models;

pub fn pull(args: &PullArgs, models: &Models, console: &Console) -> Result<Outcome> {
    let repository = models
        .repository(&args.name)
        .ok_or_else(|| models.missing(&args.name))?;
    let mut bar = console.download(&args.name);
    let pulled = models.hub.pull(&repository, &mut |event| {
        match event {
            Event::Progress { done, total } => bar.set(done, total),
            Event::Retry { error, wait } => {
                let reason = first_part(error);
                console.warn(&format!(
                    "{reason}; retrying in {:.1} s",
                    wait.as_secs_f64()
                ));
            }
            Event::FromCache { error } => {
                let reason = match error {
                    HubError::Offline(_) => "HF_HUB_OFFLINE is set".to_owned(),
                    error => first_part(error),
                };
                console.warn(&format!(
                    "{reason}; using the cached model, which may be out of date"
                ));
            }
            Event::Other => {
                console.note("Another program is downloading this file; waiting for it.")
            }
            _ => {}
        }
        if interrupt::requested() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    drop(bar);
    let pulled = pulled?;
    Source::folder(&pulled.folder)
        .with_context(|| format!("{repository}: downloaded, but not usable"))?;
    let mut out = std::io::stdout().lock();
    if pulled.fetched == 0 {
        writeln!(
            out,
            "{} is already installed: {}",
            args.name,
            pulled.folder.display()
        )?;
    } else {
        writeln!(
            out,
            "Installed {} in {}",
            args.name,
            pulled.folder.display()
        )?;
    }
    writeln!(out, "Next: phototag tag DIR --model {}", args.name)?;
    Ok(Outcome::Done)
}

/// What happened, without the way out.
fn first_part(error: &HubError) -> String {
    let text = error.to_string();
    text.split("\n\n").next().unwrap_or_default().to_owned()
}
