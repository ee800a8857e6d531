//! The walk of `fastdiff job add`: what its first run would complain about, said at once.

use fastdiff::{Error, ScanOptions, Snapshot, scan};

use super::super::filter::{leave_out_all, tell_of_unmatched};
use super::super::start_run::{watched, ways_out_of};
use super::super::{Failure, print_message, unread};

/// Walks once, and warns of patterns that matched nothing and of what could not be read.
pub(super) fn walk(options: &ScanOptions, anyway: bool) -> Result<(), Failure> {
    let scratch = tempfile::Builder::new().prefix("fastdiff-").tempdir().map_err(|e| {
        Failure::Other(format!(
            "cannot make a temporary directory: {e}; set TMPDIR to a directory that can be written, or pass --no-check"
        ))
    })?;
    let output = scratch.path().join("check.snap");
    let outcome = watched(false, |monitor| scan(options, None, &output, monitor)).inspect_err(|error| {
        if matches!(error, Error::Interrupted) {
            print_message("note", "the job is not added; --no-check adds it without this walk");
        }
    })?;
    if leave_out_all(&outcome, options) {
        let what = "the exclude patterns leave out everything below the roots, so that nothing would be backed up";
        return Err(Failure::Other(format!("{what}; change them, or pass --no-check if this is intended")));
    }
    tell_of_unmatched(&outcome, options);
    if !outcome.is_complete() {
        let unread = unread(outcome.counts.unknown, "in no list");
        let effect = if anyway { "" } else { ", and `fastdiff run` does not start the command then" };
        let ways = ways_out_of(&Snapshot::open(&output)?);
        print_message("warning", format_args!("{unread}{effect}; {ways}"));
    }
    Ok(())
}
