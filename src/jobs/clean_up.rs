//! Removes what the state does not name: old snapshots, and what a crash left.

use std::fs;

use super::lists;
use super::state::JobState;
use crate::error::Context as _;
use crate::sys::private::PrivateDir;
use crate::{Result, sys};

/// Removes the files of a job that the state does not name. The caller holds the lock, and no list is in use, except by
/// the command of a run that was killed.
pub(super) fn remove_unnamed(dir: &PrivateDir, state: &JobState) -> Result<()> {
    lists::remove(dir)?;
    for entry in fs::read_dir(dir.path()).context("list", dir.path())?.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let is_named = state.snapshots().any(|file| file == name);
        let is_named = is_named || state.unconfirmed.as_ref().is_some_and(|unconfirmed| unconfirmed.file == name);
        let is_of_run = |suffix| {
            let run = name.strip_suffix(suffix).map(|run| run.strip_suffix(".after").unwrap_or(run));
            run.is_some_and(|run| run.parse::<u64>().is_ok())
        };
        let is_temporary = sys::durable::is_temporary(name);
        if ((is_of_run(".snap") || is_of_run(".again")) && !is_named) || is_temporary {
            match dir.remove(name) {
                // Another program may read it: the next run removes it.
                Err(_) if cfg!(windows) => {}
                removed => removed?,
            }
        }
    }
    Ok(())
}
