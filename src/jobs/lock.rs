//! The lock that keeps two runs of one job apart. The kernel releases it when the process dies.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use super::store::Job;
use crate::sys::private::{How, PrivateDir};
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

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |m: fs::Metadata| (m.dev(), m.ino());
    fs::symlink_metadata(path).map(identity).ok() == file.metadata().map(identity).ok()
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}
