//! Everything that goes to stderr: progress and warnings.
//!
//! A bar on a terminal, a line now and then elsewhere, nothing with `--quiet`. Results go to stdout
//! and are the commands' own business; errors end in `main`.

mod download;

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use phototag_core::Warning;
use phototag_core::progress::{Event, Watch};

use crate::interrupt;
use crate::wording::photos;

/// The way to the person at the terminal.
pub struct Console {
    quiet: bool,
    bar: Mutex<Option<ProgressBar>>,
}

/// How often a line is written where no bar can be drawn.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

impl Console {
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            bar: Mutex::new(None),
        }
    }

    /// Runs work that reports what it does: shows progress, and stops the work on Ctrl-C.
    pub fn watching<T>(&self, work: impl FnOnce(&mut Watch) -> T) -> T {
        let mut progress = None;
        work(&mut |event| {
            match event {
                Event::Photos { done, total } => progress
                    .get_or_insert_with(|| self.progress(total))
                    .set(done),
                Event::RoundedPrecision { mean, worst } => self.note(&format!(
                    "Large library: using int8, which is accurate enough here (cosine to f32 on a sample: mean \
                     {mean:.4}, worst {worst:.4}). Use --precision to choose another."
                )),
                _ => {}
            }
            if interrupt::requested() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
    }

    /// Prints warnings.
    pub fn warn_all(&self, warnings: &[Warning]) {
        for warning in warnings {
            self.warn(&warning.to_string());
        }
    }

    /// Prints a warning, unless --quiet.
    pub fn warn(&self, message: &str) {
        if !self.quiet {
            self.line(&format!("warning: {message}"));
        }
    }

    /// Prints what is going on, unless --quiet.
    pub fn note(&self, message: &str) {
        if !self.quiet {
            self.line(message);
        }
    }

    /// Starts showing progress over `total` photos.
    fn progress(&self, total: usize) -> Progress<'_> {
        let bar = (!self.quiet && std::io::stderr().is_terminal()).then(|| {
            let style =
                ProgressStyle::with_template("{bar:30} {pos} of {prefix}  {per_sec}  {eta} left")
                    .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar =
                ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr())
                    .with_style(style)
                    .with_prefix(photos(total));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        self.set_bar(bar.clone());
        Progress {
            console: self,
            bar,
            total,
            done: 0,
            started: Instant::now(),
            last_line: Instant::now(),
        }
    }

    fn line(&self, text: &str) {
        let write = || to_stderr(text);
        match self.bar.lock().ok().and_then(|bar| bar.clone()) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn set_bar(&self, bar: Option<ProgressBar>) {
        if let Ok(mut place) = self.bar.lock() {
            *place = bar;
        }
    }
}

/// Progress being shown; it goes away when dropped.
struct Progress<'a> {
    console: &'a Console,
    bar: Option<ProgressBar>,
    total: usize,
    done: usize,
    started: Instant,
    last_line: Instant,
}

impl Progress<'_> {
    /// This many photos are done.
    fn set(&mut self, done: usize) {
        self.done = done;
        match &self.bar {
            Some(bar) => bar.set_position(done as u64),
            None if self.last_line.elapsed() >= BETWEEN_LINES => {
                self.last_line = Instant::now();
                let seconds = self.started.elapsed().as_secs_f64();
                let left = seconds / self.done.max(1) as f64
                    * (self.total - self.done.min(self.total)) as f64;
                self.console.note(&format!(
                    "{} of {}, about {} left",
                    self.done,
                    photos(self.total),
                    spoken(left)
                ));
            }
            None => {}
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.console.set_bar(None);
    }
}

/// Prints the error that ends the program.
pub fn error(message: &str) {
    to_stderr(&format!("error: {message}"));
}

fn to_stderr(text: &str) {
    // `eprintln!` would panic if stderr is closed, and there is nowhere left to say so.
    let _ = writeln!(std::io::stderr().lock(), "{}", escaped(text));
}

/// The text without characters that command a terminal or reorder what it shows: file names and labels may hold them.
/// They become `\u001b` and the like, which leaves JSON the same JSON. Tabs and ends of lines stay.
pub fn escaped(text: &str) -> Cow<'_, str> {
    let commands = |c: char| {
        let reorders = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        reorders || (c.is_control() && !matches!(c, '\n' | '\t'))
    };
    if !text.contains(commands) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if commands(c) {
            safe += &format!("\\u{:04x}", u32::from(c));
        } else {
            safe.push(c);
        }
    }
    safe.into()
}

/// A duration with its unit.
fn spoken(seconds: f64) -> String {
    match seconds.round() as u64 {
        s @ ..120 => format!("{s} s"),
        s @ 120..7200 => format!("{} min", s / 60),
        s => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::{escaped, spoken};

    #[test]
    fn a_terminal_gets_no_commands() {
        assert_eq!(escaped("Otter 🦦\n\tעברית"), "Otter 🦦\n\tעברית");
        assert_eq!(
            escaped("\u{1b}[2J\u{9b}1m\r\u{7f}\u{202e}gpj.\u{2066}"),
            "\\u001b[2J\\u009b1m\\u000d\\u007f\\u202egpj.\\u2066"
        );
    }

    #[test]
    fn durations_are_spoken() {
        assert_eq!(
            [spoken(0.4), spoken(119.0), spoken(600.0), spoken(9000.0)],
            ["0 s", "119 s", "10 min", "2 h 30 min"]
        );
    }
}
