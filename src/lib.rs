//! Finds what changed in a big directory tree, fast and without a watcher.
//!
//! The way from a tree to a backup has five steps. Each needs only those before it.
//!
//! 1. **Scan.** [`scan`] reads the metadata of whole trees in parallel. It writes a snapshot file.
//! 2. **Snapshot.** [`Snapshot::open`] maps such a file. Opening takes no longer for more entries.
//!    [`Snapshot::entries`] goes over them, [`Snapshot::verify`] checks every byte.
//! 3. **Diff.** [`Diff::new`] compares two snapshots of the same roots. [`Diff::changes`] hands out one [`Change`]
//!    after the other, in the order of the tree.
//! 4. **Consumers.** A [`Consumer`](consumers::Consumer) writes the changes in the form that a backup program takes, or
//!    refuses a list that the program would misread. Your own program can be one.
//! 5. **Jobs.** A [`Job`](jobs::Job) keeps the snapshot of the last successful backup, and moves on only when you say
//!    that the next one succeeded.
//!
//! Two snapshots and their differences:
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
//! The directory `examples` of the source has more: `scan_and_diff`, `backup_loop` for jobs, `own_consumer` for
//! a form of your own.
//!
//! # What you have to know
//!
//! - A list is complete only if [`ScanOutcome::is_complete`] was true and [`Diff::unknown`] is 0. What could not be
//!   read is reported as unknown, never as removed.
//! - Treat a change of kind [`Suspect`](ChangeKind::Suspect) as changed: its file was written so shortly before the
//!   older snapshot that a later change may have left no trace.
//! - Replace the older snapshot only after the backup has succeeded. Otherwise the changes that went into a failed
//!   backup are lost. A job does this for you.
//! - Snapshots are mapped. See [`Snapshot`] for what happens if another program truncates one.
//!
//! # Options and errors
//!
//! Options are values with public fields: change them on what `new` or `default` gives. They, the outcomes and
//! the enums are `#[non_exhaustive]`, so that a later version can add to them. Every error is an [`Error`],
//! which says what happened and to what. The library does not print, does not end the process and keeps no
//! global state. Progress and warnings go to the [`Monitor`] that you pass.
//!
//! # Cargo features
//!
//! - `cli` (default): the program `fastdiff`. The library does not need it.
//! - `duplicati` (default): the consumer Duplicati, which reads its job database. It builds `SQLite` and needs a C
//!   compiler.
//! - `serde` (default): `Serialize` for [`Change`], [`Entry`], [`Summary`] and [`Tally`], in the form of the JSON
//!   lists.
//!
//! With `default-features = false` the library takes at most 70 crates and no C compiler.

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

pub use diff::{Change, ChangeKind, Changes, Diff, DiffOptions, EntryLimit, Side, Summary, Tally};
pub use error::{
    Cause, Error, JobProblem, OutputProblem, PatternProblem, PlaceProblem, Refusal, Result, RootChange, RootProblem,
    ScopeDifference, ScopePart, SnapshotProblem, SourceProblem, StateDamage, Unsupported, Warning,
};
pub use filter::{FilterOptions, Pattern, PatternSlip, SuspectPattern};
pub use metadata::{Fields, Flags, Kind, Stat, Time};
pub use monitor::{Collected, Monitor, NoMonitor};
pub use scan::{Hints, HintsUse, ScanOptions, ScanOutcome, SourceChoice, scan};
pub use snapshot::{
    Counts, Device, Digest, Entries, Entry, FORMAT_VERSION, Header, MAGIC, Meta, Snapshot, System, Verified, WalkerKind,
};
pub use sources::{HintsProblem, PartUse};
pub use sys::{lower_cpu_priority, lower_io_priority};
