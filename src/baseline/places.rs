//! Where a run walked: its roots and what is mounted below them, to see afterwards whether the consumer read the same.

use std::path::PathBuf;

use crate::diff::{is_volatile, keeps_inodes};
use crate::path::to_path;
use crate::snapshot::Snapshot;
use crate::sys::{filesystem, stat_following};
use crate::{Error, Result};

/// The roots of a walk and the mount points below them.
///
/// A consumer that finds a disk unmounted takes what is listed there for deleted and may still succeed. So whoever
/// starts it looks at them once more before the baseline moves.
#[derive(Debug, Clone)]
pub struct Places(Vec<Place>);

#[derive(Debug, Clone)]
struct Place {
    path: PathBuf,
    /// 0 where it may be another one at the next look.
    inode: u64,
    /// Empty where the system does not tell.
    file_system: String,
}

impl Places {
    /// Costs a listing of each directory on the way to a mount point.
    ///
    /// # Errors
    /// A damaged snapshot.
    pub(super) fn of(snapshot: &Snapshot) -> Result<Self> {
        let mut places = Vec::new();
        let roots = snapshot.listing(snapshot.top())?.filter_map(|node| node.row);
        let roots: Vec<_> = roots.collect();
        let is_nested = |row: &u32| !roots.contains(row) && *row != snapshot.top();
        for row in roots.iter().copied().chain(snapshot.mount_rows().filter(is_nested)) {
            let Some(device) = snapshot.device_of(row) else { continue };
            // Containers and packages come and go; a subvolume is removed like a directory.
            if is_nested(&row) && (is_volatile(device) || device.kind == "btrfs") {
                continue;
            }
            let path = snapshot.path_of(row)?;
            let node = snapshot.find_node(&path)?;
            let inode = node.map_or(0, |node| node.child.stat.ino);
            places.push(Place {
                path: to_path(&path).into_owned(),
                inode: if keeps_inodes(&device.kind) { inode } else { 0 },
                file_system: device.identity.clone(),
            });
        }
        Ok(Self(places))
    }

    /// Makes sure that each is the directory that was walked.
    ///
    /// # Errors
    /// [`Error::RootChanged`] if one is gone, another directory, or lies on another file system.
    pub fn check(&self) -> Result<()> {
        for place in &self.0 {
            let changed = |reason| Error::RootChanged { path: place.path.clone(), reason };
            let found = stat_following(&place.path).map_err(|e| changed(format!("was walked, but then: {e}")))?;
            let file_system = filesystem::describe(&place.path, found.mount).identity;
            if !place.file_system.is_empty() && !file_system.is_empty() && file_system != place.file_system {
                let was = &place.file_system;
                return Err(changed(format!("was walked on {was}, and lies on {file_system} now")));
            }
            if place.inode != 0 && found.stat.ino != 0 && found.stat.ino != place.inode {
                return Err(changed("is another directory than the one that was walked".to_owned()));
            }
        }
        Ok(())
    }
}
