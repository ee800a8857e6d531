//! `paths`: what to look at, for programs that take a list of names.

use std::io::Write;

use super::super::{Emitted, PathStyle, for_each_change, put, written};
use crate::diff::{ChangeKind, Diff};
use crate::path::to_path;
use crate::{Error, Refusal, Result};

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
                let refusal = Refusal::Newline(to_path(&change.path).into_owned());
                return Err(Error::Refused { consumer: "paths", refusal });
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
