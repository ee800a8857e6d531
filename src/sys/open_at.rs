//! System calls relative to an open directory: look, open without following a symlink, make and remove.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, chmodat, mkdirat, openat, statat, unlinkat};

use super::private::{Found, How};
use crate::metadata::Kind;

/// The user that no permission stops.
pub(crate) const ROOT: u32 = 0;

const OWNERS_FILE: u32 = 0o600;
const OWNERS_DIRECTORY: u32 = 0o700;

/// The user who runs the program.
pub(crate) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The user whom files belong to whose owner does not exist in this user namespace.
pub(crate) fn nobody() -> Option<u32> {
    std::fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok()
}

fn of(metadata: &Metadata) -> Found {
    let kind = metadata.file_type();
    let kind = match (kind.is_file(), kind.is_dir(), kind.is_symlink()) {
        (true, ..) => Some(Kind::File),
        (_, true, _) => Some(Kind::Dir),
        (_, _, true) => Some(Kind::Symlink),
        _ => None,
    };
    Found { kind, owner: metadata.uid() }
}

/// What lies at a path; a symlink is not followed.
pub(crate) fn look(path: &Path) -> io::Result<Found> {
    path.symlink_metadata().map(|metadata| of(&metadata))
}

/// What lies behind a symlink.
pub(crate) fn look_behind(path: &Path) -> io::Result<Found> {
    path.metadata().map(|metadata| of(&metadata))
}

/// What is open.
pub(crate) fn found(file: &File) -> io::Result<Found> {
    file.metadata().map(|metadata| of(&metadata))
}

/// Makes a directory that only its owner can use. One that another process made meanwhile is fine.
pub(crate) fn make(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(OWNERS_DIRECTORY).create(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(e) => Err(e),
        Ok(()) => {
            // The umask may have closed it to its owner. Not every file system has modes.
            let _ = std::fs::set_permissions(path, Permissions::from_mode(OWNERS_DIRECTORY));
            Ok(())
        }
    }
}

/// An open directory.
#[derive(Debug)]
pub(crate) struct DirHandle(File);

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

/// Opens a directory by its path.
pub(crate) fn directory(path: &Path, may_be_link: bool) -> io::Result<DirHandle> {
    let flags = if may_be_link { DIRECTORY } else { DIRECTORY | OFlags::NOFOLLOW };
    Ok(DirHandle(File::from(openat(CWD, path, flags, Mode::empty())?)))
}

impl DirHandle {
    /// What it is itself.
    pub(crate) fn found(&self) -> io::Result<Found> {
        found(&self.0)
    }

    /// Its permission bits.
    pub(crate) fn mode(&self) -> io::Result<u32> {
        self.0.metadata().map(|metadata| metadata.mode() & 0o7777)
    }

    /// What lies at a name in it; a symlink is not followed.
    pub(crate) fn look(&self, name: &str) -> io::Result<Found> {
        let stat = statat(&self.0, plain(name)?, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Some(Kind::File),
            FileType::Directory => Some(Kind::Dir),
            FileType::Symlink => Some(Kind::Symlink),
            _ => None,
        };
        Ok(Found { kind, owner: stat.st_uid })
    }

    /// Opens a directory in it.
    pub(crate) fn directory(&self, name: &str) -> io::Result<Self> {
        Ok(Self(File::from(openat(&self.0, plain(name)?, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?)))
    }

    /// Makes a directory in it that only its owner can use. One that another process made meanwhile is fine.
    pub(crate) fn make(&self, name: &str) -> io::Result<()> {
        match mkdirat(&self.0, plain(name)?, mode(OWNERS_DIRECTORY)) {
            Err(rustix::io::Errno::EXIST) => Ok(()),
            Err(e) => Err(e.into()),
            Ok(()) => {
                // The umask may have closed it to its owner. Not every file system has modes.
                let _ = chmodat(&self.0, name, mode(OWNERS_DIRECTORY), AtFlags::empty());
                Ok(())
            }
        }
    }

    /// Opens a file in it.
    pub(crate) fn file(&self, name: &str, how: How) -> io::Result<File> {
        let access = match how {
            How::Read => OFlags::RDONLY,
            How::ReadWrite => OFlags::RDWR,
            How::Append => OFlags::RDWR | OFlags::APPEND,
        };
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(openat(&self.0, plain(name)?, flags, Mode::empty())?))
    }

    /// Makes a file in it that only its owner can read. Nothing may have that name.
    pub(crate) fn new_file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(openat(&self.0, plain(name)?, flags, mode(OWNERS_FILE))?);
        owners_alone(&file);
        Ok(file)
    }

    /// Removes the name of a file in it.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.0, plain(name)?, AtFlags::empty())?)
    }
}

/// Gives a new file back what the umask took from its owner. Not every file system has modes.
pub(crate) fn owners_alone(file: &File) {
    if file.metadata().is_ok_and(|metadata| metadata.mode() & OWNERS_FILE != OWNERS_FILE) {
        let _ = file.set_permissions(Permissions::from_mode(OWNERS_FILE));
    }
}

fn mode(bits: u32) -> Mode {
    Mode::from_bits_truncate(bits as rustix::fs::RawMode)
}

/// A name that leads nowhere else.
fn plain(name: &str) -> io::Result<&str> {
    let is_plain = !name.is_empty() && name != "." && name != ".." && !name.contains('/');
    if is_plain { Ok(name) } else { Err(io::ErrorKind::InvalidFilename.into()) }
}
