//! Promise 8 below the roots: refuses a list if what was mounted there is not any more, if something else is, or if
//! something covers what was there.
//!
//! Two things are compared. A *file system* that began at a place has an identity. The *mount table* knows the other
//! mounts: binds of the same file system, and what is made anew at each mount (tmpfs, overlay), which has none.

use crate::metadata::{Flags, Kind};
use crate::path::{parent, to_path};
use crate::snapshot::{Device, Node, Snapshot};
use crate::sys::filesystem::{FsType, are_subvolumes_of_one};
use crate::{Error, Result, RootChange};

/// Compares the mount points below the roots.
///
/// # Errors
/// [`Error::RootChanged`] for one that is gone, lies on another file system, or covers what was there.
pub(super) fn mounts(old: &Snapshot, new: &Snapshot) -> Result<()> {
    file_systems(old, new)?;
    places(old, new)
}

/// Refuses directories that held entries and became stubs of subvolumes.
///
/// # Errors
/// [`Error::RootChanged`] for the first.
pub(super) fn stubs(old: &Snapshot, paths: &[Vec<u8>]) -> Result<()> {
    for path in paths {
        if let Some(was) = old.find_node(path)?.filter(|was| was.row.is_some())
            && !is_empty(old, &was)?
        {
            return Err(changed(path, RootChange::NestedSubvolume));
        }
    }
    Ok(())
}

fn changed(path: &[u8], change: RootChange) -> Error {
    Error::RootChanged { path: to_path(path).into_owned(), change }
}

/// Compares the file systems that began somewhere below the roots.
fn file_systems(old: &Snapshot, new: &Snapshot) -> Result<()> {
    for row in old.mount_rows() {
        let Some(before) = old.mounted_at(row).filter(|d| !FsType(&d.kind).is_volatile()) else { continue };
        let path = old.path_of(row)?;
        if old.meta().roots.contains(&path) {
            continue;
        }
        let Some(is) = new.find_node(&path)? else {
            if is_gone(old, new, row, &path)? {
                return Err(changed(&path, RootChange::MountGone { before: before.identity.clone() }));
            }
            continue;
        };
        if is.child.flags.contains(Flags::NOT_ENTERED) {
            continue;
        }
        if !matches!(is.child.kind(), Kind::Dir | Kind::Unknown) {
            let change = RootChange::MountReplaced { before: before.identity.clone(), now: is.child.kind() };
            return Err(changed(&path, change));
        }
        if let Some(after) = device(new, &is)
            && differ(before, after)
        {
            let change = RootChange::MountMoved { before: before.identity.clone(), now: after.identity.clone() };
            return Err(changed(&path, change));
        }
    }
    Ok(())
}

/// Whether a mount point is gone. Desktops remove a mount point below /media when they unmount the disk. False if a
/// directory above could not be read, and for a btrfs subvolume that was not mounted: it is removed like a directory.
fn is_gone(old: &Snapshot, new: &Snapshot, row: u32, path: &[u8]) -> Result<bool> {
    let holder = parent(path).map(|above| old.find_node(above)).transpose()?.flatten();
    let kinds = (holder.and_then(|node| device(old, &node)), old.mounted_at(row));
    if let (Some(above), Some(own)) = kinds
        && are_subvolumes_of_one((&own.kind, &own.identity), (&above.kind, &above.identity))
        && !is_mounted(old, path)
    {
        return Ok(false);
    }
    let mut above = parent(path);
    while let Some(dir) = above {
        if let Some(node) = new.find_node(dir)? {
            return Ok(!node.child.flags.intersects(Flags::UNLISTED | Flags::NOT_ENTERED | Flags::UNKNOWN));
        }
        above = parent(dir);
    }
    Ok(false)
}

/// Compares the places of the mount table.
///
/// A place that is gone together with its directory says nothing here: whoever removed the directory had to unmount
/// first and meant it, as containers and logins do. An unmounted disk, bind mount or tmpfs leaves its directory behind.
fn places(old: &Snapshot, new: &Snapshot) -> Result<()> {
    if !knows_mounts(old) || !knows_mounts(new) {
        return Ok(());
    }
    let all = old.meta().mount_points.iter().chain(&new.meta().mount_points);
    for path in all.filter(|path| !old.meta().roots.contains(path)) {
        let (Some(was), Some(is)) = (entered(old, path)?, entered(new, path)?) else { continue };
        // A sandbox mounts directories onto themselves.
        let (before, now) = (device(old, &was), device(new, &is));
        let is_same = was.child.stat.ino == is.child.stat.ino
            && !before.zip(now).is_some_and(|(before, now)| differ(before, now));
        if is_same || is_empty(old, &was)? {
            continue;
        }
        let identity = |device: Option<&Device>| device.map(|device| device.identity.clone()).unwrap_or_default();
        let change = match (is_mounted(old, path), is_mounted(new, path)) {
            (true, false) => RootChange::Unmounted { before: identity(before) },
            (false, true) => RootChange::Covered { now: identity(now) },
            _ if !before.is_some_and(|device| FsType(&device.kind).is_volatile()) && is_empty(new, &is)? => {
                RootChange::Emptied
            }
            _ => continue,
        };
        return Err(changed(path, change));
    }
    Ok(())
}

/// Whether the mount table could be read: it gives each file system its type.
fn knows_mounts(snapshot: &Snapshot) -> bool {
    snapshot.meta().devices.iter().any(|device| !device.kind.is_empty())
}

/// Whether something was mounted at a place when the scan began.
fn is_mounted(snapshot: &Snapshot, path: &[u8]) -> bool {
    snapshot.meta().mount_points.iter().any(|point| point == path)
}

/// The directory at a path, if it was entered.
fn entered<'a>(snapshot: &'a Snapshot, path: &[u8]) -> Result<Option<Node<'a>>> {
    let closed = Flags::UNLISTED | Flags::NOT_ENTERED | Flags::UNKNOWN;
    let node = snapshot.find_node(path)?;
    Ok(node.filter(|node| node.row.is_some() && !node.child.flags.intersects(closed)))
}

/// Whether two file systems are known to be different ones.
pub(super) fn differ(a: &Device, b: &Device) -> bool {
    a.identity != b.identity && !a.identity.is_empty() && !b.identity.is_empty()
}

/// The file system of a directory.
pub(super) fn device<'a>(snapshot: &'a Snapshot, node: &Node<'_>) -> Option<&'a Device> {
    snapshot.device_of(node.row?)
}

/// Whether a directory was listed to its end and held nothing.
pub(super) fn is_empty(snapshot: &Snapshot, node: &Node<'_>) -> Result<bool> {
    if node.child.flags.intersects(Flags::UNLISTED | Flags::NOT_ENTERED | Flags::UNKNOWN) {
        return Ok(false);
    }
    match node.row {
        Some(row) => Ok(snapshot.listing(row)?.next().is_none()),
        None => Ok(false),
    }
}
