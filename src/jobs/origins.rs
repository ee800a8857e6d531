//! Where the roots come from, if they lie on snapshots: whether a new one was made of the same subvolume (btrfs).

use std::collections::BTreeMap;
use std::path::Path;

use super::plan::RunPlan;
use crate::path::{PathExt as _, to_path};
use crate::snapshot::{Device, Snapshot};
use crate::sys::filesystem::{self, have_one_origin};
use crate::walk::with_timeout;
use crate::{Error, Result, RootChange};

/// What each root is a snapshot of, by its path as shown. Roots of which the system does not tell are left out.
pub(super) type Origins = BTreeMap<String, String>;

/// How it is checked that a root that lies on a snapshot belongs to the same file system as the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotCheck {
    /// By what the subvolume was made of (btrfs).
    Origin,
    /// By the UUID of the file system, which a snapshot of its device shares.
    Uuid,
    /// Not at all, on a file system of this type (empty if the system does not tell).
    None(String),
}

impl SnapshotCheck {
    /// How a root is checked where it lies now.
    ///
    /// # Errors
    /// Those of the system.
    pub fn of(root: &Path) -> std::io::Result<Self> {
        let mount = crate::sys::stat_following(root)?.mount;
        let described = filesystem::describe(root, mount);
        let device = Device { kind: described.kind, identity: described.identity, boundary: (0, 0), mark: None };
        Ok(if filesystem::origin(root)?.is_some() {
            Self::Origin
        } else if device.has_uuid() {
            Self::Uuid
        } else {
            Self::None(device.kind)
        })
    }
}

impl RunPlan<'_> {
    /// Asks the system about the roots. One that does not answer in time has no origin.
    pub(super) fn origins(&self, roots: &[Vec<u8>]) -> Origins {
        let ask = |root: &Vec<u8>| {
            let path = to_path(root).into_owned();
            let asked = path.clone();
            let timeout = self.request.scan.io_timeout;
            let origin = with_timeout(&path, timeout, self.monitor, move || filesystem::origin(&asked));
            Some((path.shown().to_string(), origin.ok().flatten()?))
        };
        roots.iter().filter_map(ask).collect()
    }

    /// Makes sure that each root that lies on another btrfs subvolume than in the baseline was made of the same one.
    ///
    /// # Errors
    /// [`Error::RootChanged`].
    pub(super) fn check_origins(&self, now: &Origins, old: &Snapshot, new: &Snapshot) -> Result<()> {
        if !self.request.diff.snapshot_roots || self.request.diff.allow_root_change {
            return Ok(());
        }
        let none = Origins::new();
        let before = self.state.committed.as_ref().map_or(&none, |committed| &committed.origins);
        for root in &new.meta().roots {
            let device = |snapshot: &'_ Snapshot| -> Result<Option<Device>> {
                let row = snapshot.find_node(root)?.and_then(|node| node.row);
                Ok(row.and_then(|row| snapshot.device_of(row)).cloned())
            };
            let (Some(was), Some(is)) = (device(old)?, device(new)?) else { continue };
            let name = to_path(root).shown().to_string();
            let is_known = || before.get(&name).zip(now.get(&name)).is_some_and(|(a, b)| have_one_origin(a, b));
            if was.kind == "btrfs" && is.kind == "btrfs" && was.identity != is.identity && !is_known() {
                return Err(Error::RootChanged { path: to_path(root).into_owned(), change: RootChange::OtherOrigin });
            }
        }
        Ok(())
    }
}
