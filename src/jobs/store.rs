//! The state directory: where the state of all jobs lies, a directory for each.

use std::fs;
use std::path::{Path, PathBuf};

use super::log::{self, LoggedRun};
use super::state::JobState;
use crate::error::Context as _;
use crate::path::absolute;
use crate::{Error, JobProblem, Result};

/// The longest name of a job.
const LONGEST_NAME: usize = 100;

/// The state of all jobs of a user: `jobs/NAME` below one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobStore {
    dir: PathBuf,
    /// The name of this machine, if the caller gave one.
    pub(super) machine: Option<String>,
}

/// A job's place in a [`JobStore`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    store: JobStore,
    name: String,
    dir: PathBuf,
}

impl JobStore {
    /// The store in a directory, which need not exist: it is made, for its owner alone, when a job is locked.
    ///
    /// # Errors
    /// [`Error::Io`] if a relative path cannot be made absolute.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        let current = if dir.is_absolute() {
            PathBuf::new()
        } else {
            std::env::current_dir().context("find the current directory, for", dir)?
        };
        Ok(Self { dir: absolute(dir, &current), machine: None })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The place of a job, which need not exist.
    ///
    /// # Errors
    /// [`JobProblem::Name`].
    pub fn job(&self, name: &str) -> Result<Job> {
        check_name(name)?;
        Ok(Job { store: self.clone(), name: name.to_owned(), dir: self.dir.join("jobs").join(name) })
    }

    /// The names of the jobs that have any state, sorted.
    ///
    /// # Errors
    /// [`Error::Io`] if the directory exists and cannot be listed.
    pub fn jobs(&self) -> Result<Vec<String>> {
        let dir = self.dir.join("jobs");
        let entries = match fs::read_dir(&dir) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.context("list", &dir)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.context("list", &dir)?.file_name();
            names.extend(name.to_str().filter(|name| check_name(name).is_ok()).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }
}

/// Checks a name: it must be that of a directory on any system, and must not look like an option on a command line.
///
/// # Errors
/// [`JobProblem::Name`].
pub fn check_name(name: &str) -> Result<()> {
    let is_fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > LONGEST_NAME || name.starts_with(['.', '-']) || !name.bytes().all(is_fine) {
        return Err(Error::job(name, JobProblem::Name));
    }
    Ok(())
}

impl Job {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store that it lies in.
    pub fn store(&self) -> &JobStore {
        &self.store
    }

    /// The directory of its state.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn state_path(&self) -> PathBuf {
        self.dir.join("state.json")
    }

    /// Reads the state without a lock: another process may be about to replace it. None before the first run.
    ///
    /// # Errors
    /// [`JobProblem::State`] and [`JobProblem::StateVersion`] for a file that cannot be used, [`Error::Io`].
    pub fn state(&self) -> Result<Option<JobState>> {
        JobState::read(&self.state_path(), &self.name)
    }

    /// The runs so far, oldest first.
    ///
    /// # Errors
    /// [`Error::Io`] if the log exists and cannot be read.
    pub fn log(&self) -> Result<Vec<LoggedRun>> {
        let state = self.state().unwrap_or_default();
        log::read(&self.dir, state.as_ref().and_then(|state| Some(state.pending.as_ref()?.run)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_directories_everywhere_and_not_options() {
        for name in ["a", "Documents", "a.b_c-d", "1", &"x".repeat(100)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", ".a", "-a", "a/b", "a b", "ä", "a\n", "a\0", "a:b", "a\\b", &"x".repeat(101)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
