//! Opens and maps a file that may be anything.

use std::fs::{File, Metadata, OpenOptions};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use memmap2::Mmap;

use crate::error::Context as _;
use crate::{Error, Result, SnapshotProblem};

/// Opens a file for reading without waiting for the other end of a fifo.
pub(super) fn open_regular(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let problem = |what| Error::Snapshot { path: path.to_owned(), problem: SnapshotProblem::NotAFile(what) };
    let kind = match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::Snapshot { path: path.to_owned(), problem: SnapshotProblem::Missing });
        }
        other => other.context("open snapshot", path)?.file_type(),
    };
    if kind.is_dir() {
        return Err(problem("a directory"));
    }
    if !kind.is_file() {
        return Err(problem("not a regular file"));
    }
    let file = options.open(path).context("open snapshot", path)?;
    if !file.metadata().context("open snapshot", path)?.is_file() {
        return Err(problem("not a regular file"));
    }
    Ok(file)
}

/// The file behind a mapping, as it was before anything was read of it: whoever writes into it moves its time.
#[derive(Debug)]
pub(super) struct OpenedFile {
    file: File,
    len: u64,
    /// None where the file system has no such time. The time of the last change would not do: a new name or
    /// none, as by the snapshot that replaces this one, changes that too.
    modified: Mutex<Option<SystemTime>>,
}

impl OpenedFile {
    pub(super) fn new(file: File, metadata: &Metadata) -> Self {
        Self { file, len: metadata.len(), modified: Mutex::new(metadata.modified().ok()) }
    }

    /// Whether nobody wrote into the file since, or what is there then passes the check: a time alone may be set by anybody.
    pub(super) fn is_as_it_was(&self, passes: impl FnOnce() -> bool) -> std::io::Result<bool> {
        let now = self.file.metadata()?;
        if now.len() != self.len {
            return Ok(false);
        }
        let mut modified = self.modified.lock().unwrap_or_else(PoisonError::into_inner);
        let moved = now.modified().ok();
        if moved != *modified {
            if !passes() {
                return Ok(false);
            }
            *modified = moved;
        }
        Ok(true)
    }
}

#[expect(unsafe_code, reason = "mapping a file is unsafe because others may change it")]
pub(super) fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: Snapshots are never written in place, only replaced by a rename. A foreign program that
    // changes the bytes cannot break memory safety: every access is bounds-checked against lengths
    // fixed at mapping time, the view found its columns once, no pointer is read from the mapping
    // again, all types in it accept any bytes, and no reference to UTF-8 or enums is handed out. One
    // that truncates the file causes SIGBUS: see `Snapshot`.
    unsafe { Mmap::map(file) }
}
