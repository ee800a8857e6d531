//! What differs between two snapshots: compared lazily in tree order, skipping equal subtrees, with
//! renames found in a first pass over what was added and removed.

mod cached_changes;
mod change;
mod changes;
mod compare;
mod dir_pair;
mod first_pass;
mod guard;
mod inodes;
mod mount_guard;
mod raw_change;
mod relist;
mod renames;
mod summary;

pub use change::{Change, ChangeKind, Side};
pub use changes::Changes;
pub use guard::EntryLimit;
pub(crate) use guard::check_roots;
pub(crate) use relist::Relist;
pub use summary::{Summary, Tally};

use std::sync::Arc;

use self::cached_changes::CachedChanges;
use self::changes::RawChanges;
use self::compare::{Compare, TreePart};
use self::first_pass::FirstPass;
use self::renames::Renames;
use crate::snapshot::{Device, Snapshot, same_scope};
use crate::{Error, Result};

/// How to compare.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DiffOptions {
    /// Find renames by file system, inode and birth time. If not set, a renamed entry is removed and added.
    pub renames: bool,
    /// Accept a root that is empty now, that is another directory, or that lies on another file system, and a
    /// mount point below a root that is gone (promise 8).
    pub allow_root_change: bool,
    /// The roots lie on snapshots of their file systems, a new one each time. A root that lies on another file system
    /// is then accepted if it may be a snapshot of the same one: on btrfs another subvolume, elsewhere what has no
    /// UUID. A [`Job`](crate::jobs::Job) also checks what the subvolume was made of.
    pub snapshot_roots: bool,
    /// Refuse to report more removed entries than this (promise 8).
    pub max_removed: Option<EntryLimit>,
    /// Refuse to report more changed entries than this: added, modified, removed, renamed and of another kind, but not
    /// suspect ones (promise 8). Costs a pass over the changes.
    pub max_changed: Option<EntryLimit>,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self { renames: true, allow_root_change: false, snapshot_roots: false, max_removed: None, max_changed: None }
    }
}

/// The differences between two snapshots.
///
/// Making one goes over all differences once. So everything that the list relies on is checked before
/// the first change is handed out, and no list is cut short by damage found in the middle.
#[derive(Debug)]
pub struct Diff<'a> {
    older: &'a Snapshot,
    newer: &'a Snapshot,
    renames: Renames,
    removed: u64,
    unknown: u64,
    renumbered: Arc<[&'a Device]>,
    /// The changes, if there are few. Else each list compares the snapshots again.
    cached: Option<CachedChanges>,
    /// Nothing is compared: every entry counts as added.
    everything: bool,
    /// What is listed again, whether it differs or not, in tree order.
    relisted: Vec<Change>,
}

impl<'a> Diff<'a> {
    /// Compares two snapshots. Costs time in proportion to the directories that differ or hold racy
    /// entries. With renames, costs memory in proportion to the entries that were added or removed.
    ///
    /// # Errors
    /// [`Error::Incomparable`], [`Error::StaleBase`], [`Error::RootChanged`], [`Error::TooManyRemoved`],
    /// [`Error::TooManyChanged`], and [`Error::Snapshot`] for a damaged snapshot.
    pub fn new(older: &'a Snapshot, newer: &'a Snapshot, options: &DiffOptions) -> Result<Self> {
        if older.header().scan_fingerprint != newer.header().scan_fingerprint {
            same_scope(older.meta(), newer.meta())?;
        }
        guard::base(older, newer)?;
        if !options.allow_root_change {
            guard::check_roots(older, newer, options.snapshot_roots)?;
            mount_guard::mounts(older, newer)?;
        }
        let mut renumbered: Arc<[&Device]> = Arc::default();
        let mut pass = FirstPass::all(older, newer, &renumbered, options.renames)?;
        if !options.allow_root_change {
            mount_guard::stubs(older, &pass.stubs)?;
        }
        let found = pass.renumbered.devices(older)?;
        if !found.is_empty() {
            renumbered = found.into();
            // Renames cannot be found without inodes.
            pass = FirstPass::all(older, newer, &renumbered, false)?;
        }
        let FirstPass { mut removed, unknown, finder, cached, .. } = pass;
        let renames = finder.finish();
        removed -= renames.len() as u64;
        if let Some(limit) = options.max_removed
            && removed > limit.entries(older.header().counts.entries)
        {
            return Err(Error::TooManyRemoved { removed, limit: limit.to_string() });
        }
        let relisted = Vec::new();
        let diff = Self { older, newer, renames, removed, unknown, renumbered, cached, everything: false, relisted };
        if let Some(limit) = options.max_changed {
            let changed = diff.count_changed()?;
            if changed > limit.entries(older.header().counts.entries) {
                return Err(Error::TooManyChanged { changed, limit: limit.to_string() });
            }
        }
        diff.check_unchanged()?;
        Ok(diff)
    }

    /// How many changes are certain, as the list has them: with renames, what lies below a renamed directory does not
    /// count.
    fn count_changed(&self) -> Result<u64> {
        use ChangeKind::{Added, Modified, Removed, Renamed, TypeChanged};
        let mut count = 0;
        for change in self.changes() {
            let kind = change?.kind;
            count += u64::from(matches!(kind, Added | Modified | Removed | Renamed | TypeChanged));
        }
        Ok(count)
    }

    /// Every entry of a snapshot as added, the roots included: the list of a first run, or of one with other roots or
    /// filters than before.
    ///
    /// Costs nothing by itself, and checks nothing in advance. If a directory is damaged, [`changes`](Self::changes)
    /// gives an error when it comes to it; what was written of the list until then must not be used.
    pub fn everything(newer: &'a Snapshot) -> Self {
        Self {
            older: newer,
            newer,
            renames: Renames::default(),
            removed: 0,
            unknown: newer.header().counts.unknown,
            renumbered: Arc::default(),
            cached: None,
            everything: true,
            relisted: Vec::new(),
        }
    }

    /// Lists these paths too: as suspect if nothing differs there, as removed if neither snapshot has them.
    ///
    /// # Errors
    /// [`Error::Snapshot`] for a damaged snapshot.
    pub(crate) fn list_again(&mut self, again: &Relist) -> Result<()> {
        self.relisted = again.changes(self.older, self.newer)?;
        Ok(())
    }

    /// Checks that no other program has written into the snapshots since they were opened. [`changes`](Self::changes)
    /// does this before it ends. Call it yourself before you pass on a part of a list.
    ///
    /// # Errors
    /// [`Error::Snapshot`] if one has.
    pub fn check_unchanged(&self) -> Result<()> {
        self.older.check_unchanged()?;
        self.newer.check_unchanged()
    }

    /// The older snapshot. In a list of [everything](Self::everything) both are the same.
    pub fn older(&self) -> &'a Snapshot {
        self.older
    }

    /// The newer snapshot.
    pub fn newer(&self) -> &'a Snapshot {
        self.newer
    }

    /// How many entries were removed. Renamed ones do not count.
    pub fn removed(&self) -> u64 {
        self.removed
    }

    /// How many entries could not be read. If there are any, the list is incomplete (promise 2).
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// The file systems that gave most entries another inode number since the older snapshot. Some do so at each
    /// mount. There a changed inode alone does not count as a change, and no renames are found.
    pub fn renumbered(&self) -> &[&'a Device] {
        &self.renumbered
    }

    /// The changes in tree order. A rename is listed at its new path.
    ///
    /// # Errors
    /// An item is an error if another program changed a snapshot since it was checked. That is noticed at the last item
    /// at the latest.
    pub fn changes(&self) -> Changes<'a, '_> {
        self.changes_as(Some(&self.renames))
    }

    /// The changes in tree order, for consumers that know no renames: a renamed entry is removed and added.
    ///
    /// # Errors
    /// As [`changes`](Self::changes).
    pub fn changes_without_renames(&self) -> Changes<'a, '_> {
        self.changes_as(None)
    }

    fn changes_as<'d>(&'d self, renames: Option<&'d Renames>) -> Changes<'a, 'd> {
        let source = if self.everything {
            RawChanges::Everything(Box::new(self.newer.entries()))
        } else if let Some(cached) = &self.cached {
            RawChanges::cached(cached)
        } else {
            let whole = TreePart::default();
            RawChanges::compared(Compare::new(self.older, self.newer, whole, &self.renumbered))
        };
        Changes::new(self, renames, source, &self.relisted)
    }
}
