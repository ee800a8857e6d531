//! Removes what the state does not name: old snapshots, and what a crash left.

use std::fs;
use std::path::Path;

use super::state::JobState;
use crate::error::Context as _;
use crate::{Result, sys};

/// The directory with the lists of the run in progress.
pub(super) const LISTS: &str = "lists";

/// Removes the files of a job that the state does not name. The caller holds the lock, and no list is in use.
pub(super) fn remove_unnamed(dir: &Path, state: &JobState) -> Result<()> {
    remove_lists(dir)?;
    for entry in fs::read_dir(dir).context("list", dir)?.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let is_named = state.records().any(|record| record.file == name);
        let is_named = is_named || state.unconfirmed.as_ref().is_some_and(|unconfirmed| unconfirmed.file == name);
        let is_of_run = |suffix| name.strip_suffix(suffix).is_some_and(|run: &str| run.parse::<u64>().is_ok());
        let is_temporary = sys::durable::is_temporary(name);
        if ((is_of_run(".snap") || is_of_run(".again")) && !is_named) || is_temporary {
            let path = entry.path();
            match fs::remove_file(&path) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                other => other.context("remove", &path)?,
            }
        }
    }
    Ok(())
}

/// Removes the lists.
pub(super) fn remove_lists(dir: &Path) -> Result<()> {
    let dir = dir.join(LISTS);
    match fs::remove_dir_all(&dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.context("remove", &dir),
    }
}
