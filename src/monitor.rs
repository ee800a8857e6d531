//! Receives progress and warnings, and can stop a scan. The library itself prints nothing.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use crate::Warning;

/// Receives the progress of a scan, from many threads at once. Every method does nothing by default.
pub trait Monitor: Sync {
    /// A directory was read. `path` builds its path, which takes time: call it seldom.
    fn directory(&self, path: &dyn Fn() -> PathBuf, entries: u64) {
        let _ = (path, entries);
    }

    /// Something could not be read, or not as asked.
    fn warning(&self, warning: Warning) {
        let _ = warning;
    }

    /// A system call about `path` has not returned for this long. Called after ten seconds, and again each time that
    /// has doubled.
    fn waiting(&self, path: &Path, since: Duration) {
        let _ = (path, since);
    }

    /// A snapshot is about to be mapped. For programs that handle the signal that a truncated mapping raises.
    fn mapping(&self, path: &Path) {
        let _ = path;
    }

    /// The snapshot is mapped at these addresses; none if that failed.
    fn mapped(&self, path: &Path, addresses: Option<Range<usize>>) {
        let _ = (path, addresses);
    }

    /// Whether to stop; asked once per directory. If so, the scan ends with
    /// [`Error::Interrupted`](crate::Error::Interrupted) and leaves nothing behind.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMonitor;

impl Monitor for NoMonitor {}

/// Keeps the warnings.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Collected {
    warnings: Mutex<Vec<Warning>>,
}

impl Collected {
    /// The warnings, ordered by path.
    pub fn into_warnings(self) -> Vec<Warning> {
        let mut warnings = self.warnings.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        warnings.sort_by(|a, b| a.path.cmp(&b.path));
        warnings
    }
}

impl Monitor for Collected {
    fn warning(&self, warning: Warning) {
        self.warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(warning);
    }
}
