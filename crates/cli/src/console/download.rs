//! Progress of a download: bytes, speed and time left; a line now and then where no bar can be drawn.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{BETWEEN_LINES, Console, spoken};

/// A download being shown; it goes away when dropped.
pub struct Download<'a> {
    console: &'a Console,
    name: String,
    bar: Option<ProgressBar>,
    /// When the first bytes were reported, and how many were there by then.
    start: Option<(Instant, u64)>,
    last_line: Instant,
}

impl Console {
    /// Starts showing a download; nothing appears before its size is known.
    pub fn download(&self, name: &str) -> Download<'_> {
        Download {
            console: self,
            name: name.to_owned(),
            bar: None,
            start: None,
            last_line: Instant::now(),
        }
    }
}

impl Download<'_> {
    /// So much is there, of so much.
    pub fn set(&mut self, done: u64, total: u64) {
        let (started, before) = *self.start.get_or_insert_with(|| (Instant::now(), done));
        if self.bar.is_none() && !self.console.quiet && std::io::stderr().is_terminal() {
            let template = "{prefix}  {bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
                .with_style(style)
                .with_prefix(self.name.clone())
                .with_position(done);
            bar.reset_eta();
            bar.enable_steady_tick(Duration::from_millis(200));
            self.console.set_bar(Some(bar.clone()));
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
        } else if self.last_line.elapsed() >= BETWEEN_LINES {
            self.last_line = Instant::now();
            let speed = done.saturating_sub(before) as f64 / started.elapsed().as_secs_f64();
            let left = total.saturating_sub(done) as f64 / speed.max(1.0);
            self.console.note(&format!(
                "{}: {:.0} of {:.0} MB, {:.1} MB/s, about {} left",
                self.name,
                done as f64 / 1e6,
                total as f64 / 1e6,
                speed / 1e6,
                spoken(left)
            ));
        }
    }
}

impl Drop for Download<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.console.set_bar(None);
    }
}
