//! A scan: the roots are checked, a walker reads them, and the snapshot is built and written.

mod audit;
mod base_lookup;
mod collector;
mod hint_places;
mod hint_plan;
mod inode_plan;
mod linked_files;
mod missed_hints;
mod mount_names;
mod options;
mod outcome;
mod own_files;
mod run;
mod scope;

use std::path::Path;

pub(crate) use self::hint_plan::are_proved;
pub use self::options::{Hints, ScanOptions, SourceChoice};
pub use self::outcome::{HintsUse, ScanOutcome};
use self::run::ScanRun;
pub(crate) use self::scope::{fingerprint, scope_of};
use crate::Result;
use crate::monitor::Monitor;
use crate::snapshot::Snapshot;
use crate::sys::durable::{Access, AtomicFile};

/// Scans the roots and writes a snapshot to `output`, which is replaced whole or not at all.
///
/// `base` is an earlier snapshot of the same roots and filters. What cannot be read is then carried over from there and
/// marked unknown; without a base it is recorded as unknown.
///
/// Entries that cannot be read are warnings to the `monitor` and counted. They are not errors.
///
/// Costs two system calls per directory beside its listing, and one per other entry. With a base, directories that
/// provably did not change are not listed; with hints or inode tables, only what they name is read. Memory: at most
/// 24 MB of finished directories, some 90 bytes for each directory, and the entries of one directory per thread; with
/// inode tables also 16 bytes for each entry.
///
/// # Errors
/// - [`Error::Root`](crate::Error::Root) for a root that is missing, not a directory, not readable, or inside of
///   another.
/// - [`Error::Pattern`](crate::Error::Pattern) and [`Error::Unsupported`](crate::Error::Unsupported) for options.
/// - [`Error::Incomparable`](crate::Error::Incomparable) for a base of other roots or filters.
/// - [`Error::Hints`](crate::Error::Hints) for hints that cannot be read, [`Error::Source`](crate::Error::Source) for
///   inode tables that must be used and cannot be.
/// - [`Error::Output`](crate::Error::Output) and [`Error::Io`](crate::Error::Io) if the snapshot cannot be written.
/// - [`Error::Interrupted`](crate::Error::Interrupted).
pub fn scan(
    options: &ScanOptions,
    base: Option<&Snapshot>,
    output: &Path,
    monitor: &dyn Monitor,
) -> Result<ScanOutcome> {
    let run = ScanRun::prepare(options, base, output, monitor)?;
    let mut plan = run.plan_hints()?;
    run.plan_inodes(&mut plan)?;
    let file = AtomicFile::create(output, Access::Private)?;
    let tree = run.walk(&mut plan)?;
    let header = run.write(tree, &plan, file)?;
    Ok(run.outcome(&header, plan))
}
