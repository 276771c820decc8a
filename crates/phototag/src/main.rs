//! `phototag`: tags a folder of photos with the owner's own categories.
//!
//! `main` only maps endings to exit codes; the flow is in ARCHITECTURE.md.

mod catalog;
mod cli;
mod cmd;
mod collection;
mod console;
mod decide;
mod encoder;
mod evaluate;
#[cfg(test)]
mod experiments;
mod explain;
mod gallery;
mod index;
mod interrupt;
mod labels;
mod learn;
mod learned;
mod models;
mod overrides;
mod page;
mod panics;
mod photo;
mod pipeline;
mod precision;
mod reading;
mod scan;
mod score;
mod statistics;
mod summary;
mod tags;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use cmd::Ending;
use console::Console;

fn main() -> ExitCode {
    let cli = Cli::parse_from(cli::arguments());
    let ended = panics::reported(|| run(cli)).unwrap_or_else(|report| Err(anyhow::anyhow!(report)));
    match ended {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Unreadable) => ExitCode::from(1),
        Ok(Ending::Interrupted) => ExitCode::from(interrupt::EXIT_CODE),
        // Whoever reads our output has read enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // `eprintln!` would panic if nobody reads it any more.
            let _ = writeln!(std::io::stderr(), "error: {}", chain(&error));
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<Ending> {
    let console = Console::new(cli.quiet);
    interrupt::listen()?;
    match cli.command {
        Command::Init(args) => cmd::init::init(&args),
        Command::Tag(args) => cmd::tag::tag(args, &console),
        Command::Scores(args) => cmd::scores::scores(args, &console),
        Command::Embed(args) => cmd::embed::embed(&args, &console),
        Command::Learn(args) => cmd::learn::learn(args, &console),
        Command::Search(args) => cmd::search::search(args, &console),
        Command::Tune(args) => cmd::tune::tune(args, &console),
        Command::Eval(args) => cmd::eval::eval(args, &console),
        Command::Explain(args) => cmd::explain::explain(args, &console),
        Command::Gallery(args) => cmd::gallery::gallery(&args, &console),
        Command::Model { command } => cmd::model::model(&command, &console),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// What and where first, causes behind it, the way out last: a hint stands in a message after a blank
/// line.
fn chain(error: &anyhow::Error) -> String {
    let mut what = Vec::new();
    let mut hints = Vec::new();
    for message in error.chain().map(ToString::to_string) {
        match message.split_once("\n\n") {
            Some((first, hint)) => {
                what.push(first.to_owned());
                hints.push(hint.trim_end().to_owned());
            }
            None => what.push(message),
        }
    }
    hints.insert(0, what.join(": "));
    hints.join("\n\n")
}
