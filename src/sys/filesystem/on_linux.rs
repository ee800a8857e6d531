//! What Linux tells of file systems.

use std::path::{Path, PathBuf};

use super::{FileSystem, FsType, MountFacts, NameRule, linux, subvolume};

pub(crate) use super::btrfs::{changed_inodes, mark, marks};
pub(crate) use super::linux::{describe as describe_open, is_subvolume_stub};
pub(crate) use super::subvolume::have_one_origin;

/// Describes the file system that a directory lies on.
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

/// Which names are one in a directory.
pub(crate) fn name_rule(dir: &Path) -> NameRule {
    linux::name_rule(dir)
}

/// Whether the file system that a directory lies on has this identity. Without a UUID it is named after one of its
/// mounts; then the name of any of them counts. Also true if nothing is known of it.
pub(crate) fn is_known_as(dir: &Path, mount: u64, identity: &str) -> bool {
    let now = describe(dir, mount).identity;
    now.is_empty() || now == identity || linux::names_by_mounts(mount).any(|name| name == identity)
}

/// What a directory's file system is a snapshot of, as far as the system tells: only btrfs does. To be compared with
/// [`have_one_origin`].
pub(crate) fn origin(dir: &Path) -> std::io::Result<Option<String>> {
    let dir = crate::sys::native::open_root(dir)?;
    Ok(subvolume::Subvolume::of(&dir).map(|subvolume| subvolume.origin()))
}

/// What the mount table says of a mount; none if the mount is not in it.
pub(crate) fn mount_facts(mount: u64) -> Option<MountFacts> {
    linux::mount_facts(&linux::mount_table()?, mount)
}

/// Writes back what the file system of a directory holds in memory. Takes as long as that takes.
pub(crate) fn write_back(dir: &Path) -> std::io::Result<()> {
    crate::sys::native::sync_filesystem(&crate::sys::native::open_root(dir)?)
}

/// Whether a mount only waits for something to be mounted in its place.
pub(crate) fn is_automount(mount: u64) -> bool {
    linux::from_mount_table(mount).0.kind == "autofs"
}

/// Whether a directory, by its mount, lies on a server.
pub(crate) fn is_remote(_dir: &Path, mount: u64) -> bool {
    FsType(&linux::from_mount_table(mount).0.kind).is_remote()
}

/// Where another file system is mounted than the one around it, by the mount table alone: the path, and the number of
/// the mount that the directory lies on which holds it.
pub(crate) fn foreign_mounts() -> Vec<(PathBuf, u64)> {
    linux::foreign_mounts(&linux::mount_table().unwrap_or_default())
}

/// Whether something waits to be mounted by autofs somewhere at or below one of `roots`.
pub(crate) fn has_automounts(roots: &[PathBuf]) -> bool {
    linux::mount_table().is_none_or(|table| {
        table.iter().any(|m| m.fs_type == "autofs" && roots.iter().any(|r| m.mount_point.starts_with(r)))
    })
}
