//! The only place that knows the operating system: read a directory, stat, identify a file system, tell the time, write
//! a file durably, lower the priority. No policy lives here.

use crate::metadata::Stat;

#[cfg(target_os = "linux")]
pub(crate) mod block_device;
#[cfg(not(target_os = "linux"))]
#[path = "no_block_device.rs"]
pub(crate) mod block_device;
pub(crate) mod clock;
pub(crate) mod durable;
pub(crate) mod ext4;
pub(crate) mod filesystem;
pub(crate) mod load;
pub(crate) mod machine;
pub(crate) mod names;
#[cfg(target_os = "linux")]
pub(crate) mod native;
#[cfg(not(any(target_os = "linux", windows)))]
#[path = "no_native.rs"]
pub(crate) mod native;
#[cfg(unix)]
mod open_at;
#[cfg(not(unix))]
#[path = "no_open_at.rs"]
mod open_at;
mod priority;
pub(crate) mod private;
pub(crate) mod process;
mod stat;
pub(crate) mod timeout;
#[cfg(target_os = "linux")]
pub(crate) mod unnamed;
#[cfg(not(target_os = "linux"))]
#[path = "no_unnamed.rs"]
pub(crate) mod unnamed;
#[cfg(any(windows, test))]
mod windows;
mod writeback;

#[cfg(windows)]
pub(crate) use windows::{native, usn};

pub use priority::{lower_cpu_priority, lower_io_priority};
pub(crate) use stat::{stat, stat_file, stat_following};

/// A stat, and where the entry lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StatAt {
    pub(crate) stat: Stat,
    /// `st_dev`: can be compared within one run, and changes over reboots.
    pub(crate) dev: u64,
    /// The mount's number within this run; 0 if the system has none.
    pub(crate) mount: u64,
    /// Opening it would mount something.
    pub(crate) automount: bool,
}

impl StatAt {
    /// Whether both are provably one file or directory: an inode number that the system does not know (0) proves
    /// nothing.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.is_at(other.dev, other.stat.ino)
    }

    /// Whether it provably is the file or directory with this number on this device.
    pub(crate) fn is_at(&self, dev: u64, ino: u64) -> bool {
        ino != 0 && (self.dev, self.stat.ino) == (dev, ino)
    }
}

/// Whether the native walker exists on this system.
pub(crate) const HAS_NATIVE_WALKER: bool = cfg!(any(target_os = "linux", windows));
