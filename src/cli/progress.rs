//! Progress of a scan on a terminal: counts, rate and the directory being read; warnings as they come.

use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fastdiff::terminal::{PathExt as _, harmless};
use fastdiff::{Monitor, Warning};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::{print_message, signals};

/// How often the line is drawn again.
const REDRAW: Duration = Duration::from_millis(100);

/// Warnings past this number are only counted: a tree without permissions has one per directory.
const SHOWN_WARNINGS: u64 = 50;

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    began: Instant,
    entries: AtomicU64,
    /// Milliseconds since the beginning at which the line is drawn again.
    next: AtomicU64,
    drawing: Mutex<()>,
    warnings: AtomicU64,
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        // indicatif draws on a terminal only. The line is as wide as that. If the cursor stayed at its end, the `^C`
        // that the terminal shows would go to the next line, and only that one would be cleared.
        let bar = (!quiet).then(ProgressBar::new_spinner);
        if let Some(bar) = &bar
            && let Ok(style) = ProgressStyle::with_template(" {spinner} {wide_msg}\r")
        {
            bar.set_style(style);
        }
        Self {
            bar,
            began: Instant::now(),
            entries: AtomicU64::new(0),
            next: AtomicU64::new(200),
            drawing: Mutex::new(()),
            warnings: AtomicU64::new(0),
        }
    }

    /// Clears the line and says how many warnings were not shown.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let hidden = self.warnings.load(Ordering::Relaxed).saturating_sub(SHOWN_WARNINGS);
        if hidden > 0 {
            print_message("warning", format_args!("{} more warnings", HumanCount(hidden)));
        }
    }

    fn print_message(&self, what: &dyn Display) {
        let _one_at_a_time = self.drawing.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.bar {
            Some(bar) => bar.suspend(|| print_message("warning", what)),
            None => print_message("warning", what),
        }
    }

    #[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "a rate for people")]
    fn draw(&self, bar: &ProgressBar, path: &Path, entries: u64) {
        let rate = entries as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        let mut line = format!("{} entries, {} a second, ", HumanCount(entries), HumanCount(rate as u64));
        line.push_str(&harmless(&path.to_string_lossy()));
        bar.set_message(line);
        bar.tick();
    }
}

impl Monitor for Progress {
    fn directory(&self, path: &dyn Fn() -> PathBuf, entries: u64) {
        let entries = self.entries.fetch_add(entries, Ordering::Relaxed) + entries;
        let Some(bar) = self.bar.as_ref().filter(|b| !b.is_hidden()) else { return };
        let now = self.began.elapsed().as_millis() as u64;
        if now >= self.next.load(Ordering::Relaxed)
            && let Ok(_drawing) = self.drawing.try_lock()
        {
            self.next.store(now + REDRAW.as_millis() as u64, Ordering::Relaxed);
            self.draw(bar, &path(), entries);
        }
    }

    fn warning(&self, warning: Warning) {
        if self.warnings.fetch_add(1, Ordering::Relaxed) < SHOWN_WARNINGS {
            self.print_message(&warning);
        }
    }

    fn waiting(&self, path: &Path, since: Duration) {
        let seconds = since.as_secs();
        self.print_message(&format_args!(
            "still waiting for {}: no answer for {seconds} s (--io-timeout gives up on it)",
            path.shown()
        ));
    }

    fn mapping(&self, path: &Path) {
        signals::opening(path);
    }

    fn mapped(&self, path: &Path, addresses: Option<Range<usize>>) {
        match addresses {
            Some(addresses) => signals::guard(path, addresses),
            None => signals::opened(),
        }
    }

    fn cancelled(&self) -> bool {
        signals::interrupted()
    }
}
