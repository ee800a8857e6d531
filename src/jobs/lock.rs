//! The lock that keeps two runs of one job apart. The kernel releases it when the process dies.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::store::Job;
use crate::sys::{
    self,
    private::{How, PrivateDir},
};
use crate::{Error, JobProblem, Result};

/// A lock that is held, and the directory of its job.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    dir: PrivateDir,
}

impl Drop for Lock {
    /// Closing the file alone may come too late: another thread that is starting a process holds a copy of each
    /// descriptor until that process runs its program.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock of a job at once or not at all. The job's directory is made.
    pub(super) fn take(job: &Job) -> Result<Self> {
        loop {
            let dir = job.make_dir()?;
            let path = dir.path().join("lock");
            let file = dir.file_or_new("lock", How::ReadWrite)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Error::job(job.name(), JobProblem::Locked)),
                Err(TryLockError::Error(e)) => {
                    return Err(Error::job(job.name(), JobProblem::Unlockable { file: path, reason: e.to_string() }));
                }
            }
            // Another process may have removed the job, and this file, before it released the lock.
            if is_at(&file, &path) {
                return Ok(Self { file, dir });
            }
        }
    }

    /// The directory of the job.
    pub(super) fn dir(&self) -> &PrivateDir {
        &self.dir
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    match (sys::stat_file(file), sys::stat(path)) {
        // Without inode numbers the name has to do.
        (Ok(open), Ok(named)) => open.is_same(&named) || open.stat.ino == 0 && named.stat.ino == 0,
        _ => false,
    }
}
