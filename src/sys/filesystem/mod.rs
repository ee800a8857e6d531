//! Which file system something lies on: a name for it that outlives reboots. What its type is good for is in [`facts`].

#[cfg(target_os = "linux")]
mod btrfs;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
mod facts;
#[cfg(target_os = "linux")]
mod linux;
mod mark;
mod mounts;
#[cfg(target_os = "linux")]
mod on_linux;
#[cfg(target_os = "linux")]
mod subvolume;
#[cfg(target_os = "linux")]
mod xfs;
#[cfg(not(target_os = "linux"))]
#[path = "no_xfs.rs"]
mod xfs;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{
    changed_inodes, describe, describe_open, foreign_mounts, has_automounts, have_one_origin, is_automount,
    is_known_as, is_remote, is_subvolume_stub, mark, marks, mount_facts, name_rule, origin, write_back,
};
pub(crate) use facts::{FsType, NameRule, are_subvolumes_of_one};
#[cfg(windows)]
pub(crate) use mark::JOURNAL;
pub(crate) use mark::{Mark, Marks};
pub(crate) use mounts::{MountView, mount_points, mounts};
#[cfg(target_os = "linux")]
pub(crate) use on_linux::{
    changed_inodes, describe, describe_open, foreign_mounts, has_automounts, have_one_origin, is_automount,
    is_known_as, is_remote, is_subvolume_stub, mark, marks, mount_facts, name_rule, origin, write_back,
};
pub(crate) use xfs::{BulkInode, BulkReader};

use std::path::PathBuf;

use crate::metadata::Time;

/// A file system as the system describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FileSystem {
    /// The type, as mount(8) names it.
    pub(crate) kind: String,
    /// A name that stays the same over remounts and reboots as far as the system has one: the UUID,
    /// else the source and subtree of the mount.
    pub(crate) identity: String,
    /// The time by its own clock at this moment, where that is not simply the local clock.
    pub(crate) own_time: Option<Time>,
    /// When its content was frozen, if it is a snapshot and the system tells.
    pub(crate) frozen: Option<Time>,
    /// From where on it can tell what changes after this moment.
    pub(crate) mark: Option<Mark>,
}

/// What the mount table says of a mount, for whoever reads the device below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact about a mount")]
pub(crate) struct MountFacts {
    /// The type, as mount(8) names it.
    pub(crate) kind: String,
    /// What was mounted.
    pub(crate) source: PathBuf,
    /// Owners are shown as others than the file system stores.
    pub(crate) is_idmapped: bool,
    /// Times may stay in memory for long.
    pub(crate) is_lazytime: bool,
    /// The file system itself cannot be changed, whatever the mount says; an error of the file system makes it so, too.
    pub(crate) is_read_only: bool,
    /// Another superblock than the first was mounted.
    pub(crate) has_other_superblock: bool,
}

/// Whether this process sees owners as the system itself does: it lives in the first user namespace.
pub(crate) fn sees_real_owners() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

/// The inode number of a directory that stands for a btrfs subvolume.
pub(crate) const STUB_INODE: u64 = 2;
