//! Finds out what changed in a big directory tree, fast and without a watcher.
//!
//! [`scan`] reads the metadata of whole trees in parallel and writes a snapshot; [`Snapshot::open`]
//! maps one; [`Diff`] compares two; [`consumers`] writes the differences in the form that a backup program
//! takes; [`jobs`] keeps the snapshot of the last successful backup. Nothing here prints, exits or keeps global state.
//!
//! ```
//! use fastdiff::{ChangeKind, Diff, DiffOptions, NoMonitor, ScanOptions, Snapshot, scan};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let (tree, old, new) = (dir.path().join("tree"), dir.path().join("old.snap"), dir.path().join("new.snap"));
//! # std::fs::create_dir(&tree)?;
//! let options = ScanOptions::new([&tree]);
//! scan(&options, None, &old, &NoMonitor)?;
//!
//! std::fs::write(tree.join("letter.txt"), "Dear reader")?;
//! let outcome = scan(&options, None, &new, &NoMonitor)?;
//! assert!(outcome.is_complete());
//!
//! let (old, new) = (Snapshot::open(&old)?, Snapshot::open(&new)?);
//! let diff = Diff::new(&old, &new, &DiffOptions::default())?;
//! let added: Vec<_> = diff.changes().filter(|c| c.as_ref().is_ok_and(|c| c.kind == ChangeKind::Added)).collect();
//! assert_eq!(added.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What a caller has to know
//!
//! - A change list is complete only if [`ScanOutcome::is_complete`] was true and [`Diff::unknown`] is 0.
//! - Replace the old snapshot by the new one only after the consumer of the list has succeeded: changes
//!   that went into a failed backup then come again.
//! - Snapshots are mapped: see [`Snapshot`] for what happens if something else truncates one.
//! - [`Change`]s of kind [`Suspect`](ChangeKind::Suspect) have to be treated as changed.

pub mod consumers;
mod diff;
mod error;
mod filter;
pub mod jobs;
mod metadata;
mod monitor;
pub mod path;
mod scan;
mod snapshot;
mod sources;
mod sys;
pub mod terminal;
mod units;
mod walk;

pub use diff::{Change, ChangeKind, Changes, Diff, DiffOptions, RemovalLimit, Side, Summary, Tally};
pub use error::{
    Cause, Error, JobProblem, OutputProblem, Refusal, Result, RootChange, RootProblem, ScopeDifference, ScopePart,
    SnapshotProblem, StateDamage, Unsupported, Warning,
};
pub use filter::{FilterOptions, Pattern};
pub use metadata::{Fields, Flags, Kind, Stat, Time};
pub use monitor::{Collected, Monitor, NoMonitor};
pub use scan::{HintsSource, HintsUse, ScanOptions, ScanOutcome, scan};
pub use snapshot::{
    Counts, Device, Digest, Entries, Entry, FORMAT_VERSION, Header, MAGIC, Meta, Snapshot, Verified, WalkerKind,
};
pub use sources::HintsProblem;
pub use sys::{lower_cpu_priority, lower_io_priority};
