//! The roots of a run and the mount points below them: checked again after the backup, to see whether the consumer read
//! the same directories.

use std::path::PathBuf;
use std::time::Duration;

use crate::metadata::Flags;
use crate::monitor::Monitor;
use crate::path::{parent, to_path};
use crate::snapshot::{Device, Snapshot};
use crate::sys::filesystem::{self, FsType, are_subvolumes_of_one};
use crate::sys::{stat, stat_following};
use crate::walk::with_timeout;
use crate::{Error, Result, RootChange};

/// The roots of a walk and the mount points below them.
///
/// A consumer that finds a disk unmounted takes its files for deleted, and may still succeed. So they are checked once
/// more before the baseline moves.
#[derive(Debug, Clone)]
pub struct MountCheck(Vec<MountPlace>);

#[derive(Debug, Clone)]
struct MountPlace {
    path: PathBuf,
    is_root: bool,
    /// Its directory may go with it, as those of containers and logins do: then it was removed, and not unmounted.
    may_be_removed: bool,
    /// 0 if the file system does not keep inode numbers.
    inode: u64,
    /// Empty if the system does not tell.
    file_system: String,
}

impl MountCheck {
    /// Collects them from a snapshot. Costs a listing of each directory on the way to a mount point.
    ///
    /// # Errors
    /// A damaged snapshot.
    pub(super) fn of(snapshot: &Snapshot) -> Result<Self> {
        let mut paths: Vec<Vec<u8>> = snapshot.mount_rows().map(|row| snapshot.path_of(row)).collect::<Result<_>>()?;
        paths.extend(snapshot.meta().mount_points.iter().cloned());
        paths.sort();
        paths.dedup();
        let roots = &snapshot.meta().roots;
        paths.retain(|path| !path.is_empty() && !roots.contains(path));
        let places = roots.iter().map(|root| (root, true)).chain(paths.iter().map(|path| (path, false)));
        let places = places.map(|(path, is_root)| Self::place(snapshot, path, is_root));
        Ok(Self(places.filter_map(Result::transpose).collect::<Result<_>>()?))
    }

    /// What is known of a root or mount point; none if it was not walked, held nothing, or is a btrfs subvolume that is
    /// not mounted, which is removed like a directory.
    fn place(snapshot: &Snapshot, path: &[u8], is_root: bool) -> Result<Option<MountPlace>> {
        let Some(node) = snapshot.find_node(path)? else { return Ok(None) };
        let closed = Flags::UNKNOWN | Flags::UNLISTED | Flags::CARRIED | Flags::NOT_ENTERED;
        let Some(row) = node.row.filter(|_| !node.child.flags.intersects(closed)) else { return Ok(None) };
        let Some(device) = snapshot.device_of(row) else { return Ok(None) };
        let is_in_table = snapshot.meta().mount_points.iter().any(|point| point == path);
        let above = parent(path).map(|above| snapshot.find_node(above)).transpose()?.flatten();
        let above = above.and_then(|node| snapshot.device_of(node.row?));
        let is_part_of =
            |above: &Device| are_subvolumes_of_one((&device.kind, &device.identity), (&above.kind, &above.identity));
        let is_volatile = FsType(&device.kind).is_volatile();
        if !is_root {
            let is_plain_subvolume = !is_in_table && above.is_some_and(is_part_of);
            let is_unknown = !is_in_table && is_volatile;
            if is_plain_subvolume || is_unknown || snapshot.listing(row)?.next().is_none() {
                return Ok(None);
            }
        }
        Ok(Some(MountPlace {
            path: to_path(path).into_owned(),
            is_root,
            may_be_removed: !is_root && (is_volatile || above.is_some_and(|above| above == device)),
            inode: if FsType(&device.kind).keeps_inodes() { node.child.stat.ino } else { 0 },
            file_system: device.identity.clone(),
        }))
    }

    /// Makes sure that each is the directory that was walked. Waits for each answer no longer than `io_timeout`, if
    /// there is one.
    ///
    /// # Errors
    /// [`Error::RootChanged`] if one is gone, another directory, lies on another file system, or does not answer.
    pub fn check(&self, io_timeout: Option<Duration>, monitor: &dyn Monitor) -> Result<()> {
        self.0.iter().try_for_each(|place| {
            let asked = place.clone();
            let found = with_timeout(&place.path, io_timeout, monitor, move || asked.look());
            let change = found.unwrap_or_else(|e| Some(RootChange::Unseen(e)));
            change.map_or(Ok(()), |change| Err(Error::RootChanged { path: place.path.clone(), change }))
        })
    }
}

impl MountPlace {
    /// What changed since the walk.
    fn look(&self) -> std::io::Result<Option<RootChange>> {
        // A root may be a symlink. The stat of a mount point does not mount anything.
        let found = match if self.is_root { stat_following(&self.path) } else { stat(&self.path) } {
            Err(e) if self.may_be_removed && e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        let is_known =
            self.file_system.is_empty() || filesystem::is_known_as(&self.path, found.mount, &self.file_system);
        if !is_known {
            let now = filesystem::describe(&self.path, found.mount).identity;
            return Ok(Some(RootChange::FileSystem { before: self.file_system.clone(), now }));
        }
        let is_same = self.inode == 0 || found.stat.ino == 0 || found.stat.ino == self.inode;
        Ok((!is_same).then_some(RootChange::OtherDirectory))
    }
}
