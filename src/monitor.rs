//! Who is told of progress and warnings, and may ask to stop. The library itself prints nothing.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use crate::Warning;

/// Told of a scan's progress, from many threads at once. Every method does nothing by default.
pub trait Monitor: Sync {
    /// A directory was read. `path` builds its path, which costs time: call it seldom.
    fn directory(&self, path: &dyn Fn() -> PathBuf, entries: u64) {
        let _ = (path, entries);
    }

    /// Something was not read, or not as asked.
    fn warning(&self, warning: Warning) {
        let _ = warning;
    }

    /// The system has not answered for so long when asked about `path`; told after ten seconds, and again
    /// whenever that has doubled.
    fn waiting(&self, path: &Path, since: Duration) {
        let _ = (path, since);
    }

    /// A snapshot is about to be mapped. For whoever handles the signal that comes when a mapped file is truncated.
    fn mapping(&self, path: &Path) {
        let _ = path;
    }

    /// It is mapped at these addresses; none if it could not be.
    fn mapped(&self, path: &Path, addresses: Option<Range<usize>>) {
        let _ = (path, addresses);
    }

    /// Whether to stop soon; asked once a directory. The scan then ends with
    /// [`Error::Interrupted`](crate::Error::Interrupted) and leaves nothing behind.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Nobody.
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
    /// The warnings so far, ordered by path.
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
