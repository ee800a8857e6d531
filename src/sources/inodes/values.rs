//! What is compared: the values of an inode, as the base has them and as the file system has them now.

use std::hash::Hasher as _;

use rustc_hash::FxHasher;

use crate::metadata::{Stat, Time};
use crate::sys::ext4::RawInode;
use crate::sys::filesystem::BulkInode;

/// The values that are compared.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Values {
    mode: u16,
    nlink: u32,
    uid: u32,
    gid: u32,
    size: u64,
    mtime: Time,
    pub(super) ctime: Time,
}

impl From<&Stat> for Values {
    fn from(stat: &Stat) -> Self {
        let Stat { mode, nlink, uid, gid, size, mtime, ctime, .. } = *stat;
        Self { mode, nlink, uid, gid, size, mtime, ctime }
    }
}

impl From<&BulkInode> for Values {
    fn from(inode: &BulkInode) -> Self {
        let BulkInode { number: _, mode, nlink, uid, gid, size, mtime, ctime } = *inode;
        Self { mode, nlink, uid, gid, size, mtime, ctime }
    }
}

impl From<&RawInode> for Values {
    fn from(raw: &RawInode) -> Self {
        let RawInode { mode, uid, gid, nlink, size, mtime, ctime } = *raw;
        let time = |(sec, nsec)| Time::new(sec, nsec);
        Self { mode, nlink: nlink.into(), uid, gid, size, mtime: time(mtime), ctime: time(ctime) }
    }
}

/// A time as one number. The tables hold 34 bits of seconds and 30 of nanoseconds, so no two have the same.
pub(super) fn in_one(time: Time) -> u64 {
    time.sec.cast_unsigned() << 30 | u64::from(time.nsec)
}

impl Values {
    /// Of all but the ctime, which proves that nothing changed. This only notices what else is wrong.
    #[inline]
    pub(super) fn rest(&self) -> u32 {
        let mut hasher = FxHasher::default();
        let words = [
            u64::from(self.mode) << 32 | u64::from(self.nlink),
            u64::from(self.uid) << 32 | u64::from(self.gid),
            self.size,
            in_one(self.mtime),
        ];
        for word in words {
            hasher.write_u64(word);
        }
        hasher.finish() as u32
    }

    /// Whether two agree in all but the size, which a file system may know later.
    pub(super) fn agrees_but_for_size(&self, other: &Self) -> bool {
        let all = |v: &Self| (v.mode, v.nlink, v.uid, v.gid, v.mtime, v.ctime);
        all(self) == all(other)
    }
}
