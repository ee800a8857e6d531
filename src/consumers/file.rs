//! A list that goes to a file, which appears whole or not at all.

use std::io::{self, Write};
use std::path::Path;

use crate::snapshot::Snapshot;
use crate::sys::durable::{Access, AtomicFile};
use crate::{Error, OutputProblem, Result, SnapshotProblem};

/// A list file that is being written. Dropped before [`commit`](Self::commit) it leaves nothing.
#[derive(Debug)]
pub struct ListFile(AtomicFile);

impl ListFile {
    /// Begins a list. Whatever lies at `destination` stays until [`commit`](Self::commit).
    ///
    /// # Errors
    /// A destination that is a snapshot or no regular file, or in a directory that cannot be written.
    pub fn create(destination: &Path) -> Result<Self> {
        let is_snapshot = !destination.is_symlink()
            && match Snapshot::open(destination) {
                Ok(_) => true,
                Err(Error::Snapshot { problem, .. }) => !matches!(
                    problem,
                    SnapshotProblem::NotASnapshot
                        | SnapshotProblem::Missing
                        | SnapshotProblem::Empty
                        | SnapshotProblem::NotAFile(_)
                ),
                Err(_) => false,
            };
        if is_snapshot {
            return Err(Error::output(destination, OutputProblem::Snapshot));
        }
        AtomicFile::create(destination, Access::Umask).map(Self)
    }

    /// Makes the list durable and gives it its name.
    ///
    /// # Errors
    /// What the system says.
    pub fn commit(self) -> Result<()> {
        self.0.commit()
    }
}

impl Write for ListFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
