//! Jobs: the snapshot of the last successful backup, and how it moves (promise 3). Lists are not written here, but by
//! [`consumers`](crate::consumers).
//!
//! A [`JobStore`] is a directory with the state of all jobs of a user. A [`Job`] is locked while it runs.
//! [`LockedJob::begin`] walks, compares with the baseline and leaves the new snapshot *pending*. When the consumer of
//! the list has succeeded, [`LockedJob::commit`] makes that snapshot the baseline. Until then every list holds the same
//! changes again, whatever crashes.
//!
//! The way of a run: `store` finds the job, `lock` and `locked_job` take it, `plan` and `bases` find what to compare
//! with, `start` walks and compares, `state` and `log` keep what became of it.
//!
//! ```
//! use fastdiff::jobs::{Commit, JobStore, RunRequest};
//! use fastdiff::{NoMonitor, ScanOptions};
//!
//! # fn backup(_: &fastdiff::Diff<'_>) -> bool { true }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let (tree, state) = (dir.path().join("tree"), dir.path().join("state.json"));
//! # std::fs::create_dir(&tree)?;
//! let job = JobStore::open(&state)?.job("documents")?;
//! let locked = job.lock()?;
//! let request = RunRequest::new(ScanOptions::new([&tree]), "my-backup-tool");
//!
//! let started = locked.begin(&request, &NoMonitor)?;
//! if let Some(reason) = &started.full {
//!     // The list holds everything, and names nothing that was deleted.
//!     println!("a full backup: {reason}");
//! }
//! if started.is_complete() && backup(started.diff()) {
//!     locked.commit(&Commit::run(started.run))?;
//! }
//! # drop(started);
//! std::fs::write(tree.join("letter.txt"), "Dear reader")?;
//! let started = locked.begin(&request, &NoMonitor)?;
//! assert!(started.full.is_none());
//! assert!(started.diff().changes().any(|change| change.is_ok_and(|change| change.path.ends_with(b"letter.txt"))));
//! # Ok(())
//! # }
//! ```

mod bases;
mod clean_up;
mod command;
mod commit;
mod compared;
mod destination;
mod distrusted;
mod full_reason;
mod lists;
mod lock;
mod locked_job;
mod log;
mod machine;
mod mount_check;
mod open;
mod origins;
mod plan;
mod request;
mod start;
mod state;
mod store;
mod unconfirmed;

pub use commit::{ClosedRun, Commit};
pub use destination::{LocalDestination, WalkedDestination};
pub use full_reason::FullReason;
pub use lists::ListsDir;
pub use locked_job::LockedJob;
pub use log::{LoggedRun, RunCounts, RunResult, RunStatus};
pub use mount_check::MountCheck;
pub use origins::SnapshotCheck;
pub use request::{RunRequest, StartedRun};
pub use state::{JobState, RunNote, RunRecord, Unconfirmed};
pub use store::{Job, JobStore, check_definitions, check_name};
