//! Opens and maps a file that may hold anything.

use std::fs::{File, Metadata, OpenOptions};
use std::io::Read as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use memmap2::{Mmap, MmapMut};
use self_cell::self_cell;

use super::index::View;
use crate::error::Context as _;
use crate::{Error, Result, SnapshotProblem};

self_cell!(
    /// A mapping, and where the index and the blocks lie in it.
    pub(super) struct Mapped {
        owner: Mmap,
        #[covariant]
        dependent: View,
    }
);

/// Opens a regular file for reading. Does not wait if it is a fifo.
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
        return Err(problem("a special file"));
    }
    let file = options.open(path).context("open snapshot", path)?;
    if !file.metadata().context("open snapshot", path)?.is_file() {
        return Err(problem("a special file"));
    }
    Ok(file)
}

/// The file behind a mapping, as it was before it was read: a program that writes into it moves its time.
#[derive(Debug)]
pub(super) struct OpenedFile {
    file: File,
    len: u64,
    /// None if the file system has no modification time. Not the change time: that moves also when the file gets
    /// or loses a name, as it does when a new snapshot replaces this one.
    modified: Mutex<Option<SystemTime>>,
}

impl OpenedFile {
    pub(super) fn new(file: File, metadata: &Metadata) -> Self {
        Self { file, len: metadata.len(), modified: Mutex::new(metadata.modified().ok()) }
    }

    /// Whether nobody wrote into the file since. If only its time moved, `passes` decides: any program may set a time.
    pub(super) fn is_unchanged(&self, passes: impl FnOnce() -> bool) -> std::io::Result<bool> {
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

/// Reads a file of this length into memory that looks like a mapping of it.
pub(super) fn copy(mut file: &File, len: u64) -> std::io::Result<Mmap> {
    let len = usize::try_from(len).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
    let mut memory = MmapMut::map_anon(len)?;
    file.read_exact(&mut memory)?;
    memory.make_read_only()
}

#[expect(unsafe_code, reason = "mapping a file is unsafe because others may change it")]
pub(super) fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: Snapshots are never written in place, only replaced by a rename. Another program that
    // changes the bytes cannot break memory safety: every access is bounds-checked against lengths
    // fixed at mapping time, the view found its columns once, no pointer is read from the mapping
    // again, all types in it accept any bytes, and no reference to UTF-8 or enums is handed out. A
    // program that truncates the file causes SIGBUS: see `Snapshot`.
    unsafe { Mmap::map(file) }
}
