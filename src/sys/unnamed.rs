//! A file without a name: nothing of it is left when it is closed.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use crate::metadata::Stat;

/// An empty file that only its owner can use.
#[derive(Debug)]
pub(crate) struct UnnamedFile(File);

impl UnnamedFile {
    /// Makes one on the file system of a directory; none if that does not support it, or is read-only or full.
    pub(crate) fn new(dir: &Path) -> Option<Self> {
        let flags = OFlags::TMPFILE.bits().cast_signed();
        File::options().write(true).mode(0o600).custom_flags(flags).open(dir).ok().map(Self)
    }

    /// Replaces its beginning.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, 0)
    }

    /// Takes all rights from everybody.
    pub(crate) fn close_to_all(&self) -> io::Result<()> {
        self.0.set_permissions(Permissions::from_mode(0o000))
    }

    /// Its metadata.
    pub(crate) fn stat(&self) -> io::Result<Stat> {
        Ok(super::native::stat_file(&self.0)?.stat)
    }
}
