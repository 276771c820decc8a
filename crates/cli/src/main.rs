//! `phototag`: tags a folder of photos with the owner's own categories.
//!
//! `main` maps outcomes to exit codes, and `run` is the table of commands. What they do is in `phototag-core`
//! and `phototag-gallery`; here is what is typed and what is printed.

mod cli;
mod cmd;
mod console;
mod html;
mod interrupt;
mod panics;
mod serve;
mod summary;
mod unreadable;
mod wording;

use std::process::ExitCode;

use clap::Parser;
use phototag_clip::hub::HubError;
use phototag_core::progress::Interrupted;

use cli::{Cli, Command};
use cmd::Outcome;
use console::Console;

fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(cli::arguments()) {
        Ok(cli) => cli,
        Err(error) => match cli::path_typed_as_command(&error) {
            Some(path) => {
                console::error(&format!(
                    "{path}: not a command\n\nTo tag photos, run: phototag tag {path}"
                ));
                return ExitCode::from(2);
            }
            None => error.exit(),
        },
    };
    let console = Console::new(cli.quiet);
    let result = panics::reported(|| run(cli.command, &console))
        .unwrap_or_else(|report| Err(anyhow::anyhow!(report)));
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Unreadable) => ExitCode::from(1),
        Err(error) if is_interrupt(&error) => {
            console.note(&chain(&error));
            ExitCode::from(interrupt::EXIT_CODE)
        }
        // The program that reads our output has read enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            console::error(&chain(&error));
            ExitCode::from(2)
        }
    }
}

fn run(command: Command, console: &Console) -> anyhow::Result<Outcome> {
    interrupt::listen()?;
    match command {
        Command::Init(args) => cmd::init::init(&args),
        Command::Tag(args) => cmd::tag::tag(args, console),
        Command::Scores(args) => cmd::scores::scores(args, console),
        Command::Embed(args) => cmd::embed::embed(&args, console),
        Command::Learn(args) => cmd::learn::learn(args, console),
        Command::Search(args) => cmd::search::search(args, console),
        Command::Tune(args) => cmd::tune::tune(args, console),
        Command::Eval(args) => cmd::eval::eval(args, console),
        Command::Explain(args) => cmd::explain::explain(args, console),
        Command::Gallery(args) => cmd::gallery::gallery(&args, console),
        Command::Model { command } => cmd::model::model(&command, console),
    }
}

fn is_interrupt(error: &anyhow::Error) -> bool {
    error.is::<Interrupted>() || matches!(error.downcast_ref(), Some(HubError::Interrupted))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// What happened and where first, causes after it, the way out last: in a message, a hint follows a blank
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
