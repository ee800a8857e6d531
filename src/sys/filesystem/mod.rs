//! Which file system something lies on: a name for it that outlives reboots. What its type is good for is in [`facts`].

#[cfg(target_os = "linux")]
mod btrfs;
mod facts;
#[cfg(target_os = "linux")]
mod linux;
mod mark;
mod mounts;
#[cfg(target_os = "linux")]
mod subvolume;
#[cfg(target_os = "linux")]
mod xfs;
#[cfg(not(target_os = "linux"))]
#[path = "no_xfs.rs"]
mod xfs;

pub(crate) use facts::{FsType, NameRule, are_subvolumes_of_one};
pub(crate) use mark::{Mark, Marks};
pub(crate) use mounts::{MountView, mount_points, mounts};

pub(crate) use xfs::{BulkInode, BulkReader};

use std::path::{Path, PathBuf};

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

/// Describes the file system that a directory lies on.
#[cfg(target_os = "linux")]
pub(crate) fn describe(dir: &Path, mount: u64) -> FileSystem {
    match rustix::fs::open(
        dir,
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    ) {
        Ok(dir) => linux::describe(&dir, mount),
        Err(_) => linux::from_mount_table(mount).0,
    }
}

/// Describes the file system that a directory lies on: nothing is known of it here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn describe(_dir: &Path, _mount: u64) -> FileSystem {
    FileSystem::default()
}

/// Which names are one in a directory.
#[cfg(target_os = "linux")]
pub(crate) fn name_rule(dir: &Path) -> NameRule {
    linux::name_rule(dir)
}

/// Nothing is known of file systems here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn name_rule(_dir: &Path) -> NameRule {
    NameRule::new("", None)
}

/// Whether the file system that a directory lies on has this identity. Without a UUID it is named after one of its
/// mounts; then the name of any of them counts. Also true if nothing is known of it.
#[cfg(target_os = "linux")]
pub(crate) fn is_known_as(dir: &Path, mount: u64, identity: &str) -> bool {
    let now = describe(dir, mount).identity;
    now.is_empty() || now == identity || linux::names_by_mounts(mount).any(|name| name == identity)
}

/// Nothing is known of file systems here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_known_as(_dir: &Path, _mount: u64, _identity: &str) -> bool {
    true
}

/// What a directory's file system is a snapshot of, as far as the system tells: only btrfs does. To be compared with
/// [`have_one_origin`].
#[cfg(target_os = "linux")]
pub(crate) fn origin(dir: &Path) -> std::io::Result<Option<String>> {
    let dir = crate::sys::native::open_root(dir)?;
    Ok(subvolume::Subvolume::of(&dir).map(|subvolume| subvolume.origin()))
}

/// Nothing is known of it here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn origin(_dir: &Path) -> std::io::Result<Option<String>> {
    Ok(None)
}

#[cfg(target_os = "linux")]
pub(crate) use subvolume::have_one_origin;

/// Nothing is known of it here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn have_one_origin(_a: &str, _b: &str) -> bool {
    false
}

/// What the mount table says of a mount, for whoever reads the device below it.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// What the mount table says of a mount; none if the mount is not in it.
#[cfg(target_os = "linux")]
pub(crate) fn mount_facts(mount: u64) -> Option<MountFacts> {
    linux::mount_facts(&linux::mount_table()?, mount)
}

/// Nothing is known of mounts here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn mount_facts(_mount: u64) -> Option<MountFacts> {
    None
}

/// Writes back what the file system of a directory holds in memory. Takes as long as that takes.
#[cfg(target_os = "linux")]
pub(crate) fn write_back(dir: &Path) -> std::io::Result<()> {
    crate::sys::native::sync_filesystem(&crate::sys::native::open_root(dir)?)
}

/// There is no such call here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn write_back(_dir: &Path) -> std::io::Result<()> {
    Err(std::io::Error::from(std::io::ErrorKind::Unsupported))
}

#[cfg(target_os = "linux")]
pub(crate) use btrfs::{changed_inodes, mark, marks};

/// No file system counts its transactions here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn marks(_dirs: &[PathBuf]) -> Marks {
    Marks::default()
}

/// No file system counts its transactions here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn mark(dir: &crate::sys::native::Dir) -> Option<Mark> {
    match *dir {}
}

/// No file system tells that here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn changed_inodes(
    dir: &crate::sys::native::Dir,
    _since: u64,
    _only: Option<u64>,
    _most: usize,
) -> std::io::Result<Option<rustc_hash::FxHashSet<u64>>> {
    match *dir {}
}

/// Whether this process sees owners as the system itself does: it lives in the first user namespace.
pub(crate) fn sees_real_owners() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

/// Whether a mount only waits for something to be mounted in its place.
#[cfg(target_os = "linux")]
pub(crate) fn is_automount(mount: u64) -> bool {
    linux::from_mount_table(mount).0.kind == "autofs"
}

/// Nothing is known of mounts here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_automount(_mount: u64) -> bool {
    false
}

/// Whether a mount shows what lies on a server.
#[cfg(target_os = "linux")]
pub(crate) fn is_remote(mount: u64) -> bool {
    FsType(&linux::from_mount_table(mount).0.kind).is_remote()
}

/// Nothing is known of mounts here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_remote(_mount: u64) -> bool {
    false
}

/// Where another file system is mounted than the one around it, by the mount table alone: the path, and the number of
/// the mount that the directory lies on which holds it.
#[cfg(target_os = "linux")]
pub(crate) fn foreign_mounts() -> Vec<(PathBuf, u64)> {
    linux::foreign_mounts(&linux::mount_table().unwrap_or_default())
}

/// Nothing is known of mounts here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn foreign_mounts() -> Vec<(PathBuf, u64)> {
    Vec::new()
}

/// Whether something waits to be mounted by autofs somewhere at or below one of `roots`.
#[cfg(target_os = "linux")]
pub(crate) fn has_automounts(roots: &[PathBuf]) -> bool {
    linux::mount_table().is_none_or(|table| {
        table.iter().any(|m| m.fs_type == "autofs" && roots.iter().any(|r| m.mount_point.starts_with(r)))
    })
}

/// Nothing is known of automounts here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn has_automounts(_roots: &[PathBuf]) -> bool {
    false
}

/// The inode number of a directory that stands for a btrfs subvolume.
pub(crate) const STUB_INODE: u64 = 2;

#[cfg(target_os = "linux")]
pub(crate) use linux::{describe as describe_open, is_subvolume_stub};

/// There are no such directories here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_subvolume_stub(_above: &crate::sys::StatAt, _child: &crate::sys::StatAt) -> bool {
    false
}

/// Describes the file system of an open directory: there is none here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn describe_open(dir: &crate::sys::native::Dir, _mount: u64) -> FileSystem {
    match *dir {}
}
