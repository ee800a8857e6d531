//! The calls of the native walker on Windows. A directory is opened relative to the one that holds it; its listing
//! gives all metadata of its entries but the number of their names.

use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::{AsHandle as _, BorrowedHandle, OwnedHandle};
use std::path::Path;

use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_NO_RECALL, FILE_FLAG_OPEN_REPARSE_POINT, FILE_LIST_DIRECTORY,
    FILE_READ_ATTRIBUTES,
};

use super::handle::{self, OpenAs};
use super::listing::{self, REPARSE_POINT, records};
use crate::metadata::{Kind, Stat};
use crate::path::wtf8;
use crate::sys::StatAt;

/// Room for some 400 entries a call.
pub(crate) const LISTING_BUFFER: usize = 64 * 1024;

/// Opening it would fetch it from elsewhere (`FILE_ATTRIBUTE_RECALL_ON_OPEN`).
const RECALL_ON_OPEN: u32 = 0x4_0000;

/// `IO_REPARSE_TAG_CLOUD`, of which there are sixteen.
const CLOUD: u32 = 0x9000_001a;
const CLOUD_MASK: u32 = 0xffff_0fff;

/// An open directory.
pub(crate) type Dir = OwnedHandle;

fn open(path: &Path, access: u32, flags: u32) -> io::Result<File> {
    let flags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_NO_RECALL | flags;
    OpenOptions::new().access_mode(access).custom_flags(flags).open(path).map_err(handle::of_path)
}

/// Opens a root; a link is followed.
pub(crate) fn open_root(path: &Path) -> io::Result<Dir> {
    let dir = open(path, FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES, 0)?;
    if dir.metadata()?.is_dir() { Ok(dir.into()) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

/// The units of a name that came from a listing or a snapshot.
fn wide(name: &CStr) -> io::Result<Vec<u16>> {
    match name.to_bytes() {
        // The directory itself: the system has no name for it.
        b"." => Ok(Vec::new()),
        name => wtf8::to_wide(name).ok_or_else(|| io::ErrorKind::InvalidFilename.into()),
    }
}

/// Opens a directory below an open one. Never follows a link.
pub(crate) fn open_child(parent: &Dir, name: &CStr) -> io::Result<Dir> {
    let dir = handle::open_in(parent.as_handle(), &wide(name)?, OpenAs::Directory)?;
    // A link to a directory can be listed as well, and then shows what it leads to.
    if stat_handle(dir.as_handle())?.stat.kind() == Kind::Dir {
        Ok(dir)
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    }
}

/// Calls `each` with the name of every entry but `.` and `..`, its kind, and its metadata as the directory knows it.
///
/// # Errors
/// Those of the system; a name with a slash, a backslash or a NUL in it.
pub(crate) fn list(
    dir: &Dir,
    buffer: &mut [MaybeUninit<u8>],
    mut each: impl FnMut(&CStr, Option<Kind>, Option<&Stat>),
) -> io::Result<()> {
    let mut name = Vec::new();
    let mut is_strange = false;
    let mut is_first = true;
    while let Some(bytes) = handle::listing(dir.as_handle(), buffer, is_first)? {
        is_first = false;
        records(bytes, |record| {
            name.clear();
            wtf8::push_wide(&mut name, record.name());
            // In a path it would be another one. No file system of Windows has such names; a server may send any.
            is_strange |= name.iter().any(|byte| matches!(byte, b'/' | b'\\' | 0)) || name.is_empty();
            name.push(0);
            if let Ok(name) = CStr::from_bytes_with_nul(&name) {
                each(name, Some(record.stat.kind()), Some(&record.stat));
            }
        })?;
    }
    if is_strange { Err(io::Error::other("it holds a name that Windows does not have")) } else { Ok(()) }
}

/// The metadata of an entry of an open directory; of a link itself.
pub(crate) fn stat_child(dir: &Dir, name: &CStr) -> io::Result<StatAt> {
    stat_handle(handle::open_in(dir.as_handle(), &wide(name)?, OpenAs::Metadata)?.as_handle())
}

/// The metadata of an open directory.
pub(crate) fn stat_open(dir: &Dir) -> io::Result<StatAt> {
    stat_handle(dir.as_handle())
}

/// The metadata of an open file of any kind.
pub(crate) fn stat_file(file: &File) -> io::Result<StatAt> {
    stat_handle(file.as_handle())
}

/// The metadata of a path.
pub(crate) fn stat_path(path: &Path, follow: bool) -> io::Result<StatAt> {
    let flags = if follow { 0 } else { FILE_FLAG_OPEN_REPARSE_POINT };
    stat_handle(open(path, FILE_READ_ATTRIBUTES, flags)?.as_handle())
}

fn stat_handle(file: BorrowedHandle<'_>) -> io::Result<StatAt> {
    let (info, times) = (handle::information(file)?, handle::times(file)?);
    let attributes = info.dwFileAttributes;
    let tag = if attributes & REPARSE_POINT == 0 { 0 } else { handle::tag(file)? };
    let kind = listing::kind(attributes, tag);
    let both = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
    Ok(StatAt {
        stat: Stat {
            mode: listing::mode(kind, attributes),
            nlink: info.nNumberOfLinks,
            uid: 0,
            gid: 0,
            ino: listing::number(both(info.nFileIndexHigh, info.nFileIndexLow)),
            size: if kind == Kind::File { both(info.nFileSizeHigh, info.nFileSizeLow) } else { 0 },
            mtime: listing::time(times.LastWriteTime),
            ctime: listing::time(times.ChangeTime),
            birth: listing::birth(times.CreationTime),
        },
        dev: info.dwVolumeSerialNumber.into(),
        mount: 0,
        automount: kind == Kind::Dir && attributes & RECALL_ON_OPEN != 0 && tag & CLOUD_MASK == CLOUD,
    })
}

/// Not to be had: writing back a volume needs its administrator.
pub(crate) fn sync_filesystem(_dir: &Dir) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The first bytes of a regular file of an open directory, at most `N`. Anything else gives none.
pub(crate) fn read_start<const N: usize>(dir: &Dir, name: &CStr) -> io::Result<Vec<u8>> {
    let name = wide(name)?;
    let found = stat_handle(handle::open_in(dir.as_handle(), &name, OpenAs::Metadata)?.as_handle())?;
    let mut start = Vec::new();
    if found.stat.kind() == Kind::File {
        let file = File::from(handle::open_in(dir.as_handle(), &name, OpenAs::File)?);
        io::Read::read_to_end(&mut io::Read::take(file, N as u64), &mut start)?;
    }
    Ok(start)
}

/// How many files this process may hold open: the system's limit is far above.
pub(crate) fn open_file_limit() -> u64 {
    1 << 20
}
