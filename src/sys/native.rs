//! Linux system calls of the native walker, through rustix: open relative to a descriptor,
//! getdents64 into a reused buffer, statx.

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{self, AtFlags, CWD, Mode, OFlags, RawDir, Statx, StatxAttributes, StatxFlags};
use rustix::io::Errno;
use xxhash_rust::xxh3::xxh3_64;

use super::StatAt;
use crate::metadata::{Kind, Stat, Time};

/// Room for some 500 entries a call; measured to make no difference from 4 KiB to 1 MiB.
pub(crate) const LISTING_BUFFER: usize = 32 * 1024;

/// An open directory.
pub(crate) type Dir = OwnedFd;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens a root; a symlink is followed.
pub(crate) fn open_root(path: &Path) -> io::Result<Dir> {
    Ok(fs::open(path, DIRECTORY, Mode::empty())?)
}

/// Opens a directory below an open one. Never follows a symlink. Does not change the access time if the system allows
/// that (to owners and root).
pub(crate) fn open_child(parent: &Dir, name: &CStr) -> io::Result<Dir> {
    let flags = DIRECTORY | OFlags::NOFOLLOW;
    match fs::openat(parent, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => Ok(fs::openat(parent, name, flags, Mode::empty())?),
        other => Ok(other?),
    }
}

/// Calls `each` with the name of every entry but `.` and `..`, and with its kind if the file system gives it, in the
/// system's order. Other systems give its metadata, too.
pub(crate) fn list(
    dir: &Dir,
    buffer: &mut [MaybeUninit<u8>],
    mut each: impl FnMut(&CStr, Option<Kind>, Option<&Stat>),
) -> io::Result<()> {
    let mut entries = RawDir::new(dir, buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        each(name, kind(entry.file_type()), None);
    }
    Ok(())
}

fn kind(file_type: fs::FileType) -> Option<Kind> {
    Some(match file_type {
        fs::FileType::RegularFile => Kind::File,
        fs::FileType::Directory => Kind::Dir,
        fs::FileType::Symlink => Kind::Symlink,
        fs::FileType::Fifo => Kind::Fifo,
        fs::FileType::Socket => Kind::Socket,
        fs::FileType::CharacterDevice => Kind::CharDevice,
        fs::FileType::BlockDevice => Kind::BlockDevice,
        fs::FileType::Unknown => return None,
    })
}

const MASK: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::BTIME).union(StatxFlags::MNT_ID);

/// The metadata of an entry of an open directory; of a symlink itself, and without mounting anything.
pub(crate) fn stat_child(dir: &Dir, name: &CStr) -> io::Result<StatAt> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    Ok(stat_at(&fs::statx(dir, name, flags, MASK)?))
}

/// The metadata of an open file.
pub(crate) fn stat_open(file: &Dir) -> io::Result<StatAt> {
    Ok(stat_at(&fs::statx(file, c"", AtFlags::EMPTY_PATH, MASK)?))
}

/// The metadata of an open file of any kind.
pub(crate) fn stat_file(file: &std::fs::File) -> io::Result<StatAt> {
    Ok(stat_at(&fs::statx(file, c"", AtFlags::EMPTY_PATH, MASK)?))
}

/// The metadata of a path.
pub(crate) fn stat_path(path: &Path, follow: bool) -> io::Result<StatAt> {
    let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT };
    Ok(stat_at(&fs::statx(CWD, path, flags, MASK)?))
}

/// Writes back what the file system of an open file holds in memory.
pub(crate) fn sync_filesystem(file: &Dir) -> io::Result<()> {
    Ok(fs::syncfs(file)?)
}

fn stat_at(s: &Statx) -> StatAt {
    let time = |t: fs::StatxTimestamp| Time::new(t.tv_sec, t.tv_nsec);
    let birth = if s.stx_mask & StatxFlags::BTIME.bits() == 0 {
        0
    } else {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&s.stx_btime.tv_sec.to_le_bytes());
        bytes[8..].copy_from_slice(&s.stx_btime.tv_nsec.to_le_bytes());
        xxh3_64(&bytes) as u32
    };
    StatAt {
        stat: Stat {
            mode: s.stx_mode,
            nlink: s.stx_nlink,
            uid: s.stx_uid,
            gid: s.stx_gid,
            ino: s.stx_ino,
            size: s.stx_size,
            mtime: time(s.stx_mtime),
            ctime: time(s.stx_ctime),
            birth,
        },
        dev: u64::from(s.stx_dev_major) << 32 | u64::from(s.stx_dev_minor),
        mount: s.stx_mnt_id,
        automount: s.stx_attributes.contains(StatxAttributes::AUTOMOUNT),
    }
}

/// The first bytes of a regular file of an open directory, at most `N`. Anything else is not opened and gives none. If
/// it takes the file's place at that moment, it is closed unread.
pub(crate) fn read_start<const N: usize>(dir: &Dir, name: &CStr) -> io::Result<Vec<u8>> {
    if stat_child(dir, name)?.stat.kind() != Kind::File {
        return Ok(Vec::new());
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match fs::openat(dir, name, flags, Mode::empty()) {
        Ok(fd) => std::fs::File::from(fd),
        Err(Errno::LOOP) => return Ok(Vec::new()),
        Err(e) => return Err(e.into()),
    };
    let mut start = Vec::new();
    if file.metadata()?.is_file() {
        io::Read::read_to_end(&mut io::Read::take(file, N as u64), &mut start)?;
    }
    Ok(start)
}

/// How many files this process may hold open.
pub(crate) fn open_file_limit() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX)
}
