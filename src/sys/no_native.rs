//! Stands in for the native walker's system calls on systems that have none. Nobody calls them there: see
//! [`HAS_NATIVE_WALKER`](super::HAS_NATIVE_WALKER).

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::path::Path;

use super::StatAt;
use crate::metadata::{Kind, Stat};

pub(crate) const LISTING_BUFFER: usize = 0;

/// An open directory.
#[derive(Debug)]
pub(crate) enum Dir {}

fn unsupported<T>() -> io::Result<T> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

pub(crate) fn open_root(_path: &Path) -> io::Result<Dir> {
    unsupported()
}

pub(crate) fn open_child(_parent: &Dir, _name: &CStr) -> io::Result<Dir> {
    unsupported()
}

pub(crate) fn list(
    _dir: &Dir,
    _buffer: &mut [MaybeUninit<u8>],
    _each: impl FnMut(&CStr, Option<Kind>, Option<&Stat>),
) -> io::Result<()> {
    unsupported()
}

pub(crate) fn stat_child(_dir: &Dir, _name: &CStr) -> io::Result<StatAt> {
    unsupported()
}

pub(crate) fn stat_open(_dir: &Dir) -> io::Result<StatAt> {
    unsupported()
}

pub(crate) fn sync_filesystem(_dir: &Dir) -> io::Result<()> {
    unsupported()
}

pub(crate) fn read_start<const N: usize>(_dir: &Dir, _name: &CStr) -> io::Result<Vec<u8>> {
    unsupported()
}

pub(crate) fn open_file_limit() -> u64 {
    0
}
