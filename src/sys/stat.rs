//! Stat by path, for the portable walker and for roots.

use std::io;
use std::path::Path;

use super::StatAt;

/// The metadata of `path` itself.
pub(crate) fn stat(path: &Path) -> io::Result<StatAt> {
    implementation::stat(path, false)
}

/// The metadata of what `path` leads to.
pub(crate) fn stat_following(path: &Path) -> io::Result<StatAt> {
    implementation::stat(path, true)
}

#[cfg(target_os = "linux")]
mod implementation {
    use super::{Path, StatAt, io};
    use crate::sys::native;

    pub(super) fn stat(path: &Path, follow: bool) -> io::Result<StatAt> {
        native::stat_path(path, follow)
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
mod implementation {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use super::{Path, StatAt, io};
    use crate::metadata::{Stat, Time};

    pub(super) fn stat(path: &Path, follow: bool) -> io::Result<StatAt> {
        let m = if follow { fs::metadata(path)? } else { fs::symlink_metadata(path)? };
        Ok(StatAt {
            stat: Stat {
                mode: m.mode() as u16,
                nlink: m.nlink() as u32,
                uid: m.uid(),
                gid: m.gid(),
                ino: m.ino(),
                size: m.size(),
                mtime: Time::new(m.mtime(), m.mtime_nsec() as u32),
                ctime: Time::new(m.ctime(), m.ctime_nsec() as u32),
                birth: 0,
            },
            dev: m.dev(),
            mount: 0,
            automount: false,
        })
    }
}

#[cfg(not(unix))]
mod implementation {
    use std::fs;
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::{Path, StatAt, io};
    use crate::metadata::{Kind, Stat, Time};

    /// Without inode and ctime: only size and mtime show a change. See the README's platform table.
    pub(super) fn stat(path: &Path, follow: bool) -> io::Result<StatAt> {
        let m = if follow { fs::metadata(path)? } else { fs::symlink_metadata(path)? };
        let kind = if m.is_dir() {
            Kind::Dir
        } else if m.is_symlink() {
            Kind::Symlink
        } else {
            Kind::File
        };
        let mtime = m.modified().map_or(Time::default(), time);
        let mode = kind.mode_bits() | if m.permissions().readonly() { 0o444 } else { 0o644 };
        let stat = Stat { mode, nlink: 1, size: m.len(), mtime, ctime: mtime, ..Stat::default() };
        Ok(StatAt { stat, dev: 0, mount: 0, automount: false })
    }

    fn time(t: SystemTime) -> Time {
        match t.duration_since(UNIX_EPOCH) {
            Ok(d) => Time::new(d.as_secs() as i64, d.subsec_nanos()),
            Err(e) => Time::default().saturating_sub(e.duration()),
        }
    }
}
