//! Everything that goes to stderr: progress and warnings.
//!
//! A bar on a terminal, a line now and then elsewhere, nothing with `--quiet`. Results go to stdout
//! and are the commands' own business; errors end in `main`.

mod download;

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

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

    /// Says something that does not stop the run.
    pub fn warn(&self, message: &str) {
        if !self.quiet {
            self.line(&format!("warning: {message}"));
        }
    }

    /// Says what is going on.
    pub fn note(&self, message: &str) {
        if !self.quiet {
            self.line(message);
        }
    }

    /// Starts showing progress over `total` photos.
    pub fn progress(&self, total: usize) -> Progress<'_> {
        let bar = (!self.quiet && std::io::stderr().is_terminal()).then(|| {
            let style =
                ProgressStyle::with_template("{bar:30} {pos}/{len} photos  {per_sec}  {eta} left")
                    .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar =
                ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr())
                    .with_style(style);
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
        let write = || {
            // Nobody to tell if stderr is gone.
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        };
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
pub struct Progress<'a> {
    console: &'a Console,
    bar: Option<ProgressBar>,
    total: usize,
    done: usize,
    started: Instant,
    last_line: Instant,
}

impl Progress<'_> {
    pub fn advance(&mut self, by: usize) {
        self.done += by;
        match &self.bar {
            Some(bar) => bar.inc(by as u64),
            None if self.last_line.elapsed() >= BETWEEN_LINES => {
                self.last_line = Instant::now();
                let seconds = self.started.elapsed().as_secs_f64();
                let left = seconds / self.done.max(1) as f64
                    * (self.total - self.done.min(self.total)) as f64;
                self.console.note(&format!(
                    "{} of {} photos, about {} left",
                    self.done,
                    self.total,
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

/// A duration as one would say it.
fn spoken(seconds: f64) -> String {
    match seconds.round() as u64 {
        s @ ..120 => format!("{s} s"),
        s @ 120..7200 => format!("{} min", s / 60),
        s => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::spoken;

    #[test]
    fn durations_are_spoken() {
        assert_eq!(
            [spoken(0.4), spoken(119.0), spoken(600.0), spoken(9000.0)],
            ["0 s", "119 s", "10 min", "2 h 30 min"]
        );
    }
}
