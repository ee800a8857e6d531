//! xfs: not read in bulk on this system.
#![expect(clippy::unused_self, reason = "the signatures of other systems")]

use std::io;

use crate::metadata::Time;
use crate::sys::native::Dir;

/// An inode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BulkInode {
    pub(crate) number: u64,
    pub(crate) mode: u16,
    pub(crate) nlink: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    pub(crate) mtime: Time,
    pub(crate) ctime: Time,
}

/// Reads none.
#[derive(Debug)]
pub(crate) struct BulkReader;

impl BulkReader {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn group(&mut self, _dir: &Dir, _group: u32, _each: impl FnMut(BulkInode)) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn used(_dir: &Dir) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn inode(&mut self, _dir: &Dir, _number: u64) -> io::Result<Option<BulkInode>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
