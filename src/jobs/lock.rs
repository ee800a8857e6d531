//! The lock that keeps two runs of one job apart. The kernel lets go of it when the process dies.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::path::Path;

use super::store::Job;
use crate::error::Context as _;
use crate::path::PathExt as _;
use crate::{Error, JobProblem, Result};

/// A lock that is held.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Closing it would let go too, but for a moment later where another thread is starting a process meanwhile, which
    /// has all descriptors until it runs its program.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock of a job at once or not at all; its directory is made.
    pub(super) fn take(job: &Job) -> Result<Self> {
        make_private(job.store().dir())?;
        make_private(&job.store().dir().join("jobs"))?;
        let path = job.dir().join("lock");
        loop {
            make_private(job.dir())?;
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            #[cfg(unix)]
            {
                use std::os::unix::fs::OpenOptionsExt as _;
                options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
            }
            let file = options.open(&path).context("open the lock", &path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Error::job(job.name(), JobProblem::LockedJob)),
                Err(TryLockError::Error(e)) => {
                    let (file, reason) = (path.shown().to_string(), e.to_string());
                    return Err(Error::job(job.name(), JobProblem::Unlockable { file, reason }));
                }
            }
            // A process that removed the job may have removed the file before it let go of the lock.
            if is_at(&file, &path) {
                return Ok(Self { file });
            }
        }
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

/// Makes a directory for its owner alone, with those above it. One that exists is left as it is.
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
