//! What systems other than Linux tell of file systems: little. On Windows a volume is known.
#![expect(clippy::unnecessary_wraps, reason = "the signatures of other systems")]

use std::path::{Path, PathBuf};

#[cfg(not(windows))]
use super::Marks;
use super::{FileSystem, FsType, Mark, MountFacts, NameRule};
#[cfg(windows)]
use crate::sys::windows::volume;
use crate::sys::{StatAt, native};

/// Describes the file system that a directory lies on.
#[cfg(windows)]
pub(crate) fn describe(dir: &Path, _mount: u64) -> FileSystem {
    volume::describe(dir)
}

/// Describes the file system that a directory lies on: nothing is known of it here.
#[cfg(not(windows))]
pub(crate) fn describe(_dir: &Path, _mount: u64) -> FileSystem {
    FileSystem::default()
}

/// Which names are one in a directory, as far as its file system tells.
pub(crate) fn name_rule(dir: &Path) -> NameRule {
    NameRule::new(&describe(dir, 0).kind, None)
}

/// Whether the file system that a directory lies on has this identity. Also true if nothing is known of it.
pub(crate) fn is_known_as(dir: &Path, mount: u64, identity: &str) -> bool {
    let now = describe(dir, mount).identity;
    now.is_empty() || now == identity
}

/// Nothing is known of it here.
pub(crate) fn origin(_dir: &Path) -> std::io::Result<Option<String>> {
    Ok(None)
}

/// Nothing is known of it here.
pub(crate) fn have_one_origin(_a: &str, _b: &str) -> bool {
    false
}

/// Windows has no mounts that show a file system in another way than another; elsewhere nothing is known.
pub(crate) fn mount_facts(_mount: u64) -> Option<MountFacts> {
    cfg!(windows).then(MountFacts::default)
}

/// There is no such call here.
pub(crate) fn write_back(_dir: &Path) -> std::io::Result<()> {
    Err(std::io::Error::from(std::io::ErrorKind::Unsupported))
}

#[cfg(windows)]
pub(crate) use crate::sys::windows::volume::marks;

/// No file system counts its transactions here.
#[cfg(not(windows))]
pub(crate) fn marks(_dirs: &[PathBuf]) -> Marks {
    Marks::default()
}

/// No file system counts its transactions here.
pub(crate) fn mark(_dir: &native::Dir) -> Option<Mark> {
    None
}

/// No file system tells that here.
pub(crate) fn changed_inodes(
    _dir: &native::Dir,
    _since: u64,
    _only: Option<u64>,
    _most: usize,
) -> std::io::Result<Option<rustc_hash::FxHashSet<u64>>> {
    Ok(None)
}

/// Nothing is known of mounts here.
pub(crate) fn is_automount(_mount: u64) -> bool {
    false
}

/// Whether a directory lies on a server.
pub(crate) fn is_remote(dir: &Path, mount: u64) -> bool {
    FsType(&describe(dir, mount).kind).is_remote()
}

/// Nothing is known of mounts here.
pub(crate) fn foreign_mounts() -> Vec<(PathBuf, u64)> {
    Vec::new()
}

/// Nothing is known of automounts here.
pub(crate) fn has_automounts(_roots: &[PathBuf]) -> bool {
    false
}

/// There are no such directories here.
pub(crate) fn is_subvolume_stub(_above: &StatAt, _child: &StatAt) -> bool {
    false
}

/// Describes the file system of an open directory.
#[cfg(windows)]
pub(crate) fn describe_open(dir: &native::Dir, _mount: u64) -> FileSystem {
    volume::describe_open(dir)
}

/// Describes the file system of an open directory: there is none here.
#[cfg(not(windows))]
pub(crate) fn describe_open(dir: &native::Dir, _mount: u64) -> FileSystem {
    match *dir {}
}
