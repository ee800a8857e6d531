//! The lock that keeps two runs of one job apart. The kernel releases it when the process dies.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::path::Path;

use crate::error::Context as _;
use crate::{Error, JobProblem, Result};

/// A lock that is held.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
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
    pub(super) fn take(job: &str, dir: &Path) -> Result<Self> {
        let path = dir.join("lock");
        loop {
            make_private(dir)?;
            let file = open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Error::job(job, JobProblem::Locked)),
                Err(TryLockError::Error(e)) => {
                    return Err(Error::job(job, JobProblem::Unlockable { file: path, reason: e.to_string() }));
                }
            }
            // Another process may have removed the job, and this file, before it released the lock.
            if is_at(&file, &path) {
                return Ok(Self { file });
            }
        }
    }
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    options.open(path).context("open the lock", path)
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

/// Makes a directory that only its owner can read, with those above it. One that exists is left as it is.
pub(super) fn make_private(dir: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(dir).context("make the directory", dir)
}
