//! How a run is closed: what the caller says, and what it gets back.

use super::log::RunResult;
use crate::Error;

/// What a commit means: which run succeeded, how many former baselines stay, and what the log says.
///
/// ```
/// use fastdiff::jobs::Commit;
///
/// let commit = Commit::run(12).keep(3);
/// assert_eq!((commit.run, commit.keep), (Some(12), 3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Commit {
    /// The run that succeeded. Without a number it is the pending one, and it must be clear that no other is meant.
    pub run: Option<u64>,
    /// How many former baselines stay, the newest first.
    pub keep: usize,
    /// How the consumer ended.
    pub result: RunResult,
    /// Files that the consumer may not have read although it succeeded: the next run lists them again.
    pub again: Vec<Vec<u8>>,
}

impl Commit {
    /// This run succeeded. One former baseline stays.
    pub fn run(run: u64) -> Self {
        Self { run: Some(run), ..Self::pending() }
    }

    /// The pending run succeeded, whichever that is. One former baseline stays.
    pub fn pending() -> Self {
        Self { run: None, keep: 1, result: RunResult::default(), again: Vec::new() }
    }

    /// Keeps this number of former baselines.
    #[must_use]
    pub fn keep(self, keep: usize) -> Self {
        Self { keep, ..self }
    }

    /// How the consumer ended, for the log.
    #[must_use]
    pub fn result(self, result: RunResult) -> Self {
        Self { result, ..self }
    }

    /// The consumer may not have read these files although it succeeded: the next run lists them again, as suspect if
    /// nothing differs there. Their paths are absolute.
    #[must_use]
    pub fn again(self, again: Vec<Vec<u8>>) -> Self {
        Self { again, ..self }
    }
}

/// A run that was committed or aborted.
#[derive(Debug)]
#[non_exhaustive]
pub struct ClosedRun {
    /// Its number.
    pub run: u64,
    /// What could not be done afterwards: write a line of the log, or remove old snapshots. The next run removes
    /// those.
    pub leftover: Option<Error>,
}
