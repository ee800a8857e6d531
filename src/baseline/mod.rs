//! Jobs: the snapshot of the last successful backup, and how it moves (law 3). No list is written here; what a consumer
//! takes is written by [`emit`](crate::emit).
//!
//! A [`Store`] is a directory with the state of all jobs of a user. A [`Job`] is locked while it is run. [`Locked::begin`]
//! walks, compares with the baseline and leaves the new snapshot *pending*; when the consumer of the list has succeeded,
//! [`Locked::commit`] makes that the baseline. Until then every list holds the same changes again, whatever crashes.
//!
//! ```
//! use fastdiff::baseline::{Ending, Request, Store};
//! use fastdiff::{NoMonitor, ScanOptions};
//!
//! # fn backup(_: &fastdiff::Diff<'_>) -> bool { true }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let (tree, state) = (dir.path().join("tree"), dir.path().join("state"));
//! # std::fs::create_dir(&tree)?;
//! let job = Store::open(&state)?.job("documents")?;
//! let locked = job.lock()?;
//! let request = Request::new(ScanOptions::new([&tree]), "my-backup-tool");
//!
//! let begun = locked.begin(&request, &NoMonitor)?;
//! if let Some(reason) = &begun.full {
//!     // The list holds everything, and names nothing that was deleted.
//!     println!("a full backup: {reason}");
//! }
//! if begun.is_complete() && backup(begun.diff()) {
//!     locked.commit(Some(begun.run), 1, &Ending::default())?;
//! }
//! # drop(begun);
//! std::fs::write(tree.join("letter.txt"), "Dear reader")?;
//! let begun = locked.begin(&request, &NoMonitor)?;
//! assert!(begun.full.is_none());
//! assert!(begun.diff().changes().any(|change| change.is_ok_and(|change| change.path.ends_with(b"letter.txt"))));
//! # Ok(())
//! # }
//! ```

mod begin;
mod collect;
mod command;
mod compared;
mod docket;
mod full;
mod lock;
mod locked;
mod log;
mod places;
mod store;
mod unsettled;

pub use begin::{Begun, Request};
pub use docket::{Docket, Generation, Note, Unsettled};
pub use full::FullReason;
pub use locked::{Ended, Locked};
pub use log::{Ending, Outcome, Run, Seen};
pub use places::Places;
pub use store::{Job, Store, check_name};
