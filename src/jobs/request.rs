//! The request for a run, and what the run has found once it is started.

use std::path::PathBuf;

use super::compared::Compared;
use super::full_reason::FullReason;
use super::log::{RunCounts, RunStatus};
use super::mount_check::MountCheck;
use super::state::RunNote;
use crate::Result;
use crate::diff::{Diff, DiffOptions, Relist, Summary};
use crate::scan::{ScanOptions, ScanOutcome};
use crate::snapshot::Snapshot;

/// The request for a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunRequest {
    /// The roots, the filters and how to walk. Overlays are not used: each snapshot of a job stands by itself.
    pub scan: ScanOptions,
    /// How to compare.
    pub diff: DiffOptions,
    /// The program that the list is for. If it is not that of the baseline, the list is a full one.
    pub consumer: String,
    /// What the consumer wants to remember with the run.
    pub note: RunNote,
    /// Why the list must be a full one, if the caller knows a reason.
    pub full: Option<String>,
}

impl RunRequest {
    /// A request with the default comparison, an empty note and no reason for a full list.
    pub fn new(scan: ScanOptions, consumer: impl Into<String>) -> Self {
        Self { scan, diff: DiffOptions::default(), consumer: consumer.into(), note: RunNote::new(), full: None }
    }
}

/// A run whose snapshot is taken, and whose list can be written.
#[derive(Debug)]
#[non_exhaustive]
pub struct StartedRun {
    /// Its number.
    pub run: u64,
    /// Why its list is a full one; none if it holds what changed since the baseline.
    pub full: Option<FullReason>,
    /// The run before it, if that did not succeed. What it listed is listed again.
    pub replaced: Option<u64>,
    /// What became of that run: it failed, was aborted, or is pending, so that nobody knows.
    pub previous: RunStatus,
    /// What the walk counted.
    pub outcome: ScanOutcome,
    /// The snapshot that saved the walk some work.
    pub base: Option<PathBuf>,
    pub(super) summary: Summary,
    pub(super) compared: Compared,
    pub(super) again: Relist,
}

impl StartedRun {
    /// What changed.
    pub fn diff(&self) -> &Diff<'_> {
        self.compared.diff()
    }

    /// Counts of the changes.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The baseline that it is compared with; none if the list is a full one.
    pub fn old(&self) -> Option<&Snapshot> {
        self.compared.old()
    }

    /// The new snapshot.
    pub fn new_snapshot(&self) -> &Snapshot {
        self.compared.new_snapshot()
    }

    /// The roots and mount points that were walked, to be checked again before a commit.
    ///
    /// # Errors
    /// [`Error::Snapshot`](crate::Error::Snapshot) for a damaged snapshot.
    pub fn mount_check(&self) -> Result<MountCheck> {
        MountCheck::of(self.new_snapshot())
    }

    /// Whether everything could be read. If not, the list lacks what is unknown.
    pub fn is_complete(&self) -> bool {
        self.outcome.is_complete() && self.diff().unknown() == 0
    }

    /// The counts that the log keeps.
    pub fn seen(&self) -> RunCounts {
        let full = self.full.as_ref().map(ToString::to_string);
        RunCounts::new(&self.summary, self.outcome.counts.entries, full)
    }
}
