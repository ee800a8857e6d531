//! Opens the snapshots of a job, and says what is wrong with one.

use std::path::Path;

use super::state::{RunRecord, hex};
use crate::monitor::Monitor;
use crate::snapshot::Snapshot;
use crate::{Error, Result};

/// Opens a snapshot, and tells the monitor.
pub(super) fn open(path: &Path, monitor: &dyn Monitor) -> Result<Snapshot> {
    monitor.mapping(path);
    let snapshot = Snapshot::open(path);
    monitor.mapped(path, snapshot.as_ref().ok().map(Snapshot::mapped_range));
    snapshot
}

/// Opens the snapshot of a run. The file must be the very one that the run left.
pub(super) fn open_run(dir: &Path, record: &RunRecord, monitor: &dyn Monitor) -> Result<Snapshot> {
    let path = dir.join(&record.file);
    let snapshot = open(&path, monitor)?;
    if hex(&snapshot.header().identity) != record.identity {
        return Err(Error::damaged(&path, "it is not the one that the state file names"));
    }
    Ok(snapshot)
}

/// What is wrong with a snapshot of a job, by its file name alone: its directory is the job's.
pub(super) fn describe(error: &Error) -> String {
    match error {
        Error::Snapshot { path, problem } => {
            format!("{} {problem}", path.file_name().unwrap_or_default().to_string_lossy())
        }
        other => other.to_string(),
    }
}
