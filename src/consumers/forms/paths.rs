//! `paths`: what to look at, for programs that take a list of names.

use std::io::Write;

use super::super::{Emitted, PathStyle, for_each_change, put, written};
use crate::diff::{ChangeKind, Diff};
use crate::{Error, Result};

/// Writes the paths of what was added, modified, renamed (the new path), changed its kind or is
/// suspect; never of what was removed or is unknown. Each once, ended by a newline, or with `nul` by
/// NUL.
///
/// # Errors
/// [`Error::Refused`] for a name with a newline without `nul`, before anything is written; a damaged
/// snapshot; what writing gives.
pub fn paths(diff: &Diff<'_>, style: &PathStyle, nul: bool, out: &mut dyn Write) -> Result<Emitted> {
    let wanted = |kind| !matches!(kind, ChangeKind::Removed | ChangeKind::Unknown);
    if !nul {
        for change in diff.changes() {
            let change = change?;
            if wanted(change.kind) && change.path.contains(&b'\n') {
                let name = String::from_utf8_lossy(&super::super::quote(&change.path)).into_owned();
                return Err(Error::Refused {
                    consumer: "paths",
                    reason: format!("a name with a newline cannot stand on a line: {name}; use -z, or the form json"),
                });
            }
        }
    }
    let mut last = Vec::new();
    let emitted = for_each_change(diff, |change| {
        // A renamed and edited entry comes twice in a row.
        if wanted(change.kind) && change.path != last {
            put(out, &style.shown(&change.path), if nul { 0 } else { b'\n' })?;
            last.clone_from(&change.path);
        }
        Ok(())
    })?;
    written(out.flush())?;
    Ok(emitted)
}
