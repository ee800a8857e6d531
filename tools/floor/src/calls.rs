//! The system calls, with the flags, mask and buffer of fastdiff's own in `src/sys/native.rs`.

use std::cell::RefCell;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RawDir, StatxFlags};
use rustix::io::Errno;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const MASK: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::BTIME).union(StatxFlags::MNT_ID);

thread_local! {
    static BUFFER: RefCell<Vec<MaybeUninit<u8>>> = RefCell::new(vec![MaybeUninit::uninit(); 32 * 1024]);
}

/// Opens the root; a symlink is followed.
pub(crate) fn open_root(path: &Path) -> io::Result<OwnedFd> {
    Ok(fs::open(path, DIRECTORY, Mode::empty())?)
}

/// Opens a directory below an open one; only owners and root may leave its access time alone.
pub(crate) fn open_child(parent: &OwnedFd, name: &CStr) -> io::Result<OwnedFd> {
    let flags = DIRECTORY | OFlags::NOFOLLOW;
    match fs::openat(parent, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => Ok(fs::openat(parent, name, flags, Mode::empty())?),
        other => Ok(other?),
    }
}

/// Stats an open directory.
pub(crate) fn stat_open(dir: &OwnedFd) -> io::Result<()> {
    fs::statx(dir, c"", AtFlags::EMPTY_PATH, MASK)?;
    Ok(())
}

/// Stats an entry of an open directory.
pub(crate) fn stat_child(dir: &OwnedFd, name: &CStr) -> io::Result<()> {
    stat(dir, name)?;
    Ok(())
}

fn stat(dir: &OwnedFd, name: &CStr) -> io::Result<fs::Statx> {
    Ok(fs::statx(dir, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT, MASK)?)
}

/// Calls `each` with the name of every entry but `.` and `..` and whether it is a directory.
pub(crate) fn list(dir: &OwnedFd, mut each: impl FnMut(&CStr, bool) -> io::Result<()>) -> io::Result<()> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut entries = RawDir::new(dir, buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let is_dir = match entry.file_type() {
                FileType::Unknown => FileType::from_raw_mode(stat(dir, name)?.stx_mode.into()) == FileType::Directory,
                kind => kind == FileType::Directory,
            };
            each(name, is_dir)?;
        }
        Ok(())
    })
}
