//! What is known of the children of a directory while it is read.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::{BaseDir, DirListing, Name, StatReason};
use crate::metadata::{Flags, Stat};

/// Locks a mutex, also after a panic: that is passed on when the walk ends.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What became of a child that was listed as a directory.
#[derive(Debug)]
pub(super) enum ChildOutcome<D> {
    /// Not entered yet; what the base knows of it.
    Pending(Option<BaseDir>),
    /// Vanished since it was listed.
    Gone,
    /// Left out for a marker in it.
    LeftOut,
    /// Not a directory any more.
    Other {
        stat: Stat,
        flags: Flags,
    },
    Dir {
        stat: Stat,
        flags: Flags,
        done: D,
    },
}

/// A child directory.
#[derive(Debug)]
pub(super) struct Subdir<D> {
    pub(super) name: Name,
    pub(super) outcome: ChildOutcome<D>,
}

/// How the listing of a directory ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ListingEnd {
    /// At its end.
    #[default]
    Complete,
    /// By an error.
    Cut,
    /// The directory was removed meanwhile.
    Gone,
    /// At a marker: the directory is left out.
    Excluded,
}

/// What is known of a directory's children.
#[derive(Debug)]
pub(super) struct DirState<D> {
    /// The names of all children, and the entries of those that are not directories, by name.
    pub(super) listing: DirListing,
    /// By name, but for those that were listed as something else.
    pub(super) subdirs: Vec<Subdir<D>>,
    pub(super) sorted: bool,
    pub(super) end: ListingEnd,
    pub(super) stat_reason: StatReason,
    /// The listing holds only the entries that were read; the others are as in the base.
    pub(super) is_patch: bool,
}

impl<D> Default for DirState<D> {
    fn default() -> Self {
        Self {
            listing: DirListing::default(),
            subdirs: Vec::new(),
            sorted: true,
            end: ListingEnd::Complete,
            stat_reason: StatReason::default(),
            is_patch: false,
        }
    }
}
