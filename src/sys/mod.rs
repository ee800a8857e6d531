//! The only place that knows the operating system: read a directory, stat, name a file system, tell
//! the time, write a file durably, stand back. No policy lives here.

use crate::metadata::Stat;

pub(crate) mod clock;
pub(crate) mod durable;
pub(crate) mod filesystem;
pub(crate) mod load;
pub(crate) mod machine;
#[cfg(target_os = "linux")]
pub(crate) mod native;
#[cfg(not(target_os = "linux"))]
#[path = "no_native.rs"]
pub(crate) mod native;
mod priority;
pub(crate) mod process;
mod stat;
mod writeback;

pub use priority::{lower_cpu_priority, lower_io_priority};
pub(crate) use stat::{stat, stat_following};

/// A stat and where it was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StatAt {
    pub(crate) stat: Stat,
    /// `st_dev`: good for comparing within one run, no identity beyond it.
    pub(crate) dev: u64,
    /// The mount's number within this run, 0 where the system has none.
    pub(crate) mount: u64,
    /// Opening it would mount something.
    pub(crate) automount: bool,
}

/// Whether the native walker exists on this system.
pub(crate) const HAS_NATIVE_WALKER: bool = cfg!(target_os = "linux");
