//! Stat by path, for the portable walker and for roots; and of open files.

use std::fs::File;
use std::io;
use std::path::Path;

use super::StatAt;

/// The metadata of `path` itself.
pub(crate) fn stat(path: &Path) -> io::Result<StatAt> {
    implementation::stat_path(path, false)
}

/// The metadata of what `path` leads to.
pub(crate) fn stat_following(path: &Path) -> io::Result<StatAt> {
    implementation::stat_path(path, true)
}

/// The metadata of an open file.
pub(crate) fn stat_file(file: &File) -> io::Result<StatAt> {
    implementation::stat_file(file)
}

#[cfg(any(target_os = "linux", windows))]
use super::native as implementation;

#[cfg(all(unix, not(target_os = "linux")))]
mod implementation {
    use std::fs::{File, Metadata};
    use std::os::unix::fs::MetadataExt as _;

    use super::{Path, StatAt, io};
    use crate::metadata::{Stat, Time};

    pub(super) fn stat_path(path: &Path, follow: bool) -> io::Result<StatAt> {
        Ok(stat_at(&if follow { path.metadata()? } else { path.symlink_metadata()? }))
    }

    pub(super) fn stat_file(file: &File) -> io::Result<StatAt> {
        Ok(stat_at(&file.metadata()?))
    }

    fn time(sec: i64, nsec: i64) -> Time {
        Time::new(sec, nsec.clamp(0, 999_999_999).unsigned_abs() as u32)
    }

    fn stat_at(m: &Metadata) -> StatAt {
        StatAt {
            stat: Stat {
                mode: m.mode() as u16,
                nlink: m.nlink() as u32,
                uid: m.uid(),
                gid: m.gid(),
                ino: m.ino(),
                size: m.size(),
                mtime: time(m.mtime(), m.mtime_nsec()),
                ctime: time(m.ctime(), m.ctime_nsec()),
                birth: 0,
            },
            dev: m.dev(),
            mount: 0,
            automount: false,
        }
    }
}
