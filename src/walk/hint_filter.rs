//! What a walk reads if hints say where something changed (promise 4).
//!
//! - A directory that no hint names is taken from the base, with all below it, and not opened.
//! - A directory on the way to a hinted one is opened: its own times show whether a hint was lost.
//! - If the times of a directory are as before, its names are as before, and only the hinted entries are read.
//!
//! Some things are always read: what the base was not sure of (racy, unknown), the start of each file system, what lies
//! on one that others may change unseen, and the share that is audited.

use rustc_hash::FxHashMap;

use super::BaseDir;
use crate::metadata::Flags;
use crate::sources::{BlindSpots, Dirty, DirtyId, DirtyRows};

/// Flags of a directory whose names are unknown, may have changed without a trace, or are not all that it holds.
pub(super) const NAMES_UNPROVED: Flags = Flags::NEVER_SKIPPED.union(Flags::CARRIED).union(Flags::LEFT_OUT);

/// What has to be read in a directory and below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Everything.
    Whole,
    /// What hints name, if they name anything there, and what is always read.
    Hinted(Option<DirtyId>),
}

/// Where a walk has to read.
#[derive(Debug)]
pub(crate) struct HintFilter {
    pub(crate) dirty: Dirty,
    /// What the source of the hints cannot see.
    pub(crate) blind: BlindSpots,
    /// The directories that are audited: what differs there was lost by the source.
    pub(crate) audited: DirtyRows,
    /// Directories of the base, by row, on which another file system lies that has a tree of its own in `dirty`: its
    /// number there. What lies around them says nothing about them.
    pub(crate) parts: FxHashMap<u32, usize>,
}

impl HintFilter {
    /// What has to be read in a root.
    pub(super) fn root(&self, number: usize) -> Look {
        Look::Hinted(self.dirty.root(number)).resolved(self)
    }

    /// What has to be read in a directory that was opened, if another file system begins there.
    pub(super) fn of_part(&self, base: Option<&BaseDir>) -> Option<Look> {
        let tree = self.parts.get(&base.filter(|base| base.is_mount)?.row)?;
        Some(Look::Hinted(self.dirty.root(*tree)).resolved(self))
    }

    /// What has to be read in a child directory and below it.
    pub(super) fn below(&self, look: Look, name: &[u8]) -> Look {
        match look {
            Look::Hinted(Some(dirty)) => Look::Hinted(self.dirty.child(dirty, name)).resolved(self),
            look => look,
        }
    }

    /// How many entries of a directory are hinted, or have something hinted below them.
    pub(super) fn named(&self, look: Look) -> usize {
        if let Look::Hinted(Some(dirty)) = look { self.dirty.children(dirty) } else { 0 }
    }

    /// Whether the source sees every change on a file system.
    pub(super) fn covers(&self, changes_are_local: bool) -> bool {
        changes_are_local || !self.blind.remote_changes
    }

    /// Whether a directory or something below it has to be read.
    pub(super) fn needs(&self, look: Look, base: &BaseDir) -> bool {
        let first = (base.row + 1).saturating_sub(base.subtree);
        look != Look::Hinted(None)
            || base.is_mount
            || (base.flags | base.below).intersects(NAMES_UNPROVED)
            || self.audited.meets(first, base.row)
            || self.dirty.rows.meets(first, base.row)
    }

    /// Whether a hint names this very entry.
    pub(super) fn is_named(&self, look: Look) -> bool {
        matches!(look, Look::Hinted(Some(dirty)) if self.dirty.is_read(dirty))
    }

    /// Whether a change among the entries of a directory is expected.
    pub(super) fn is_hinted(&self, look: Look, base: Option<&BaseDir>) -> bool {
        let by_name = match look {
            Look::Whole => true,
            Look::Hinted(dirty) => dirty.is_some_and(|dirty| self.dirty.is_named_in(dirty)),
        };
        by_name || base.is_some_and(|base| self.dirty.rows.contains(base.row))
    }

    /// Whether all entries of a directory have to be read.
    pub(super) fn reads(&self, look: Look, base: &BaseDir) -> bool {
        let is_read = match look {
            Look::Whole => true,
            Look::Hinted(dirty) => dirty.is_some_and(|dirty| self.dirty.is_read(dirty)),
        };
        is_read
            || base.flags.intersects(NAMES_UNPROVED)
            || self.audited.contains(base.row)
            || self.dirty.rows.contains(base.row)
    }
}

impl Look {
    fn resolved(self, hint_filter: &HintFilter) -> Self {
        match self {
            Self::Hinted(Some(dirty)) if hint_filter.dirty.is_whole(dirty) => Self::Whole,
            look => look,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Stat;

    fn dir(row: u32, subtree: u32) -> BaseDir {
        let (flags, below) = (Flags::empty(), Flags::empty());
        BaseDir { row, stat: Stat::default(), flags, below, subtree, is_mount: false }
    }

    /// A filter with one range of rows, as the source's or as the audit's.
    fn filter(dirty: DirtyRows, audited: DirtyRows) -> HintFilter {
        let mut filter =
            HintFilter { dirty: Dirty::default(), blind: BlindSpots::WATCHER, audited, parts: FxHashMap::default() };
        filter.dirty.rows = dirty;
        filter
    }

    #[test]
    fn a_row_is_read_and_what_holds_it_is_entered() {
        let rows = || DirtyRows::from([4..6, 9..9]);
        for filter in [filter(rows(), DirtyRows::default()), filter(DirtyRows::default(), rows())] {
            let (none, read) = (Look::Hinted(None), dir(5, 1));
            assert!(filter.needs(none, &read) && filter.reads(none, &read));
            let above = dir(8, 5);
            assert!(filter.needs(none, &above) && !filter.reads(none, &above));
            for other in [dir(8, 3), dir(3, 4), dir(9, 1)] {
                assert!(!filter.needs(none, &other) && !filter.reads(none, &other), "{other:?}");
            }
        }
    }

    #[test]
    fn what_differs_in_a_row_of_the_source_is_expected_and_in_one_of_the_audit_is_not() {
        let rows = DirtyRows::from([4..6, 9..9]);
        let none = Look::Hinted(None);
        assert!(filter(rows.clone(), DirtyRows::default()).is_hinted(none, Some(&dir(4, 1))));
        assert!(!filter(DirtyRows::default(), rows).is_hinted(none, Some(&dir(4, 1))));
    }
}
