//! The state directory: where the state of all jobs lies, a directory for each.

use std::fs;
use std::path::{Path, PathBuf};

use super::log::{self, LoggedRun};
use super::state::JobState;
use crate::error::Context as _;
use crate::path::absolute;
use crate::sys::private::{PrivateDir, check_place};
use crate::{Error, JobProblem, PlaceProblem, Result};

/// The longest name of a job.
const LONGEST_NAME: usize = 100;

/// The directory with a directory for each job.
const JOBS: &str = "jobs";

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
    /// [`Error::Place`] if the directory exists and is not the user's alone, or if root would make it in another user's
    /// directory; [`Error::Io`] if a relative path cannot be made absolute, or the directory cannot be opened.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        let current = if dir.is_absolute() {
            PathBuf::new()
        } else {
            std::env::current_dir().context("find the current directory, for", dir)?
        };
        let dir = absolute(dir, &current);
        if PrivateDir::open(&dir)?.is_none() {
            check_place(&dir)?;
        }
        Ok(Self { dir, machine: None })
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
        Ok(Job { store: self.clone(), name: name.to_owned(), dir: self.dir.join(JOBS).join(name) })
    }

    /// The names of the jobs that have any state, sorted.
    ///
    /// # Errors
    /// [`Error::Place`] if it is not the user's alone, [`Error::Io`] if it exists and cannot be listed.
    pub fn jobs(&self) -> Result<Vec<String>> {
        let dir = self.dir.join(JOBS);
        let Some(store) = PrivateDir::open(&self.dir)? else { return Ok(Vec::new()) };
        if store.open_in(JOBS)?.is_none() {
            return Ok(Vec::new());
        }
        let entries = fs::read_dir(&dir).context("list", &dir)?;
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

/// Refuses, for root, a file with definitions that is another user's, or that lies in another user's directory: that
/// user could not change them any more, or could have root run any command.
///
/// # Errors
/// [`Error::Place`], [`Error::Io`].
pub fn check_definitions(file: &Path) -> Result<()> {
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    check_place(&file)?;
    match file.parent().map_or(Ok(()), check_place) {
        Err(Error::Place { path, problem: PlaceProblem::Owner { owner, user } }) => {
            Err(Error::place(file, PlaceProblem::InDirectoryOf { dir: path, owner, user }))
        }
        other => other,
    }
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

    /// Opens the directory of its state; none before the first run.
    ///
    /// # Errors
    /// [`Error::Place`] if it is not the user's alone, [`Error::Io`].
    pub(super) fn open_dir(&self) -> Result<Option<PrivateDir>> {
        let Some(store) = PrivateDir::open(&self.store.dir)? else { return Ok(None) };
        let Some(jobs) = store.open_in(JOBS)? else { return Ok(None) };
        jobs.open_in(&self.name)
    }

    /// The same, but what does not exist is made.
    pub(super) fn make_dir(&self) -> Result<PrivateDir> {
        PrivateDir::make(&self.store.dir)?.make_in(JOBS)?.make_in(&self.name)
    }

    /// Reads the state without a lock: another process may be about to replace it. None before the first run.
    ///
    /// # Errors
    /// [`JobProblem::State`] and [`JobProblem::StateVersion`] for a file that cannot be used, [`Error::Place`],
    /// [`Error::Io`].
    pub fn state(&self) -> Result<Option<JobState>> {
        match self.open_dir()? {
            Some(dir) => JobState::read(&dir, &self.name),
            None => Ok(None),
        }
    }

    /// The runs so far, oldest first.
    ///
    /// # Errors
    /// [`Error::Place`], [`Error::Io`] if the log exists and cannot be read.
    pub fn log(&self) -> Result<Vec<LoggedRun>> {
        let Some(dir) = self.open_dir()? else { return Ok(Vec::new()) };
        let state = JobState::read(&dir, &self.name).unwrap_or_default();
        log::read(&dir, state.as_ref().and_then(|state| Some(state.pending.as_ref()?.run)))
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
