//! Finds out what changed in a big directory tree, fast and without a watcher.

mod diff;
pub mod emit;
mod entry;
mod error;
mod filter;
mod monitor;
pub mod path;
mod scan;
mod snapshot;
mod sys;
mod walk;

pub use diff::{Change, ChangeKind, Changes, Diff, DiffOptions, RemovalLimit, Side, Summary, Tally};
pub use entry::{Fields, Flags, Kind, Stat, Time};
pub use error::{Cause, Error, Result, SnapshotProblem, Warning};
pub use filter::{FilterOptions, Pattern};
pub use monitor::{Collected, Monitor, NoMonitor};
pub use scan::{ScanOptions, ScanOutcome, scan};
pub use snapshot::{
    Child, Counts, Device, Digest, Entries, Entry, FORMAT_VERSION, Header, MAGIC, Meta, Snapshot, Verified, WalkerKind,
};
