//! A scan: the roots are checked, a walker reads them, and the snapshot is built and written.

mod audit;
mod base_lookup;
mod collector;
mod hint_places;
mod hint_plan;
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
pub use self::options::{Hints, ScanOptions};
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
/// provably did not change are not listed; with hints, only what they name is read. Memory: at most 24 MB of finished
/// directories, some 90 bytes for each directory, and the entries of one directory per thread.
///
/// # Errors
/// - [`Error::Root`](crate::Error::Root) for a root that is missing, not a directory, not readable, or inside of
///   another.
/// - [`Error::Pattern`](crate::Error::Pattern) and [`Error::Unsupported`](crate::Error::Unsupported) for options.
/// - [`Error::Incomparable`](crate::Error::Incomparable) for a base of other roots or filters.
/// - [`Error::Hints`](crate::Error::Hints) for hints that cannot be read.
/// - [`Error::Output`](crate::Error::Output) and [`Error::Io`](crate::Error::Io) if the snapshot cannot be written.
/// - [`Error::Interrupted`](crate::Error::Interrupted).
pub fn scan(
    options: &ScanOptions,
    base: Option<&Snapshot>,
    output: &Path,
    monitor: &dyn Monitor,
) -> Result<ScanOutcome> {
    let run = ScanRun::prepare(options, base, output, monitor)?;
    let mut hints = run.plan_hints()?;
    let file = AtomicFile::create(output, Access::Private)?;
    let tree = run.walk(hints.as_mut())?;
    let header = run.write(tree, hints.as_ref(), file)?;
    Ok(run.outcome(&header, hints))
}
