//! The lists of the run in progress: private files for its command.

use std::fs::{self, File};
use std::path::Path;

use super::command;
use crate::Result;
use crate::error::Context as _;
use crate::sys::private::PrivateDir;

/// Their directory in that of the job.
const LISTS: &str = "lists";

/// The directory with the lists of the run in progress. Only its owner can read it.
#[derive(Debug)]
pub struct ListsDir(PrivateDir);

impl ListsDir {
    /// An empty one.
    pub(super) fn make(job: &PrivateDir) -> Result<Self> {
        remove(job)?;
        Ok(Self(job.make_in(LISTS)?))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A new file in it that only its owner can read, whatever the umask.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), also if there is one of that name.
    pub fn new_file(&self, name: &str) -> Result<File> {
        self.0.new_file(name)
    }
}

/// Removes the lists, unless the command of a run that was killed still reads them.
pub(super) fn remove(job: &PrivateDir) -> Result<()> {
    if command::left(job).is_some() {
        return Ok(());
    }
    let dir = job.path().join(LISTS);
    match fs::remove_dir_all(&dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.context("remove", &dir),
    }
}
