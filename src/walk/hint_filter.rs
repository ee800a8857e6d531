//! A walk that is narrowed to what hints name (promise 4). A directory that no hint names is taken over from the base, with
//! all that lies below it, and not even opened. Those on the way to a named one are opened: their own stamps tell
//! whether a hint was lost. Of a directory whose stamps are as before, which proves its names, only the named entries are
//! looked at.
//!
//! Looked at in any case is what the base itself was not sure of (racy, unknown), where a file system begins, what lies on
//! one that others change unseen, and the share that is audited.

use std::ops::Range;

use super::BaseDir;
use crate::metadata::Flags;
use crate::sources::{Dirty, DirtyId};

/// Flags of a directory whose names are not known, or may have changed without a trace, or are not all that it holds.
pub(super) const NAMES_UNPROVED: Flags = Flags::NEVER_SKIPPED.union(Flags::CARRIED).union(Flags::LEFT_OUT);

/// What has to be looked at in a directory and below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Everything.
    Whole,
    /// What hints name, if any do, and what has to be looked at in any case.
    Hinted(Option<DirtyId>),
}

/// What a walk is narrowed to.
#[derive(Debug)]
pub(crate) struct HintFilter {
    pub(crate) dirty: Dirty,
    /// The base's rows of the directories that are audited.
    pub(crate) audited: [Range<u32>; 2],
}

impl HintFilter {
    pub(super) fn root(&self, number: usize) -> Look {
        Look::Hinted(self.dirty.root(number)).resolved(self)
    }

    /// What has to be looked at in a child directory and below it.
    pub(super) fn below(&self, look: Look, name: &[u8]) -> Look {
        match look {
            Look::Hinted(Some(dirty)) => Look::Hinted(self.dirty.child(dirty, name)).resolved(self),
            look => look,
        }
    }

    /// How many entries of a directory hints name, or something below them.
    pub(super) fn named(&self, look: Look) -> usize {
        if let Look::Hinted(Some(dirty)) = look { self.dirty.children(dirty) } else { 0 }
    }

    /// Whether a directory or something below it has to be looked at.
    pub(super) fn needs(&self, look: Look, known: &BaseDir) -> bool {
        let first = (known.row + 1).saturating_sub(known.subtree);
        look != Look::Hinted(None)
            || known.is_mount
            || (known.flags | known.below).intersects(NAMES_UNPROVED)
            || self.audited.iter().any(|rows| rows.start <= known.row && first < rows.end)
    }

    /// Whether a hint names this very entry.
    pub(super) fn is_named(&self, look: Look) -> bool {
        matches!(look, Look::Hinted(Some(dirty)) if self.dirty.is_read(dirty))
    }

    /// Whether hints name something below the entry.
    pub(super) fn is_named_below(&self, look: Look, name: &[u8]) -> bool {
        self.named(self.below(look, name)) > 0
    }

    /// Whether hints name entries of a directory, so that what differs there is no surprise.
    pub(super) fn is_hinted(&self, look: Look) -> bool {
        match look {
            Look::Whole => true,
            Look::Hinted(dirty) => dirty.is_some_and(|dirty| self.dirty.is_named_in(dirty)),
        }
    }

    /// Whether the entries of a directory have to be looked at.
    pub(super) fn reads(&self, look: Look, known: &BaseDir) -> bool {
        let is_read = match look {
            Look::Whole => true,
            Look::Hinted(dirty) => dirty.is_some_and(|dirty| self.dirty.is_read(dirty)),
        };
        is_read || known.flags.intersects(NAMES_UNPROVED) || self.audited.iter().any(|rows| rows.contains(&known.row))
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
