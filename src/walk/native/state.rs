//! What is known of the children of a directory while it is read.

use super::super::{BaseDir, DirListing, Looked, Name};
use crate::metadata::{Flags, Stat};

/// What became of a child that was listed as a directory.
#[derive(Debug)]
pub(super) enum ChildOutcome<D> {
    /// Not entered yet; what an earlier snapshot knows of it.
    Pending(Option<BaseDir>),
    /// Vanished since it was listed.
    Gone,
    /// Left out for a marker in it.
    LeftOut,
    /// No directory any more.
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
    ReadOutcome,
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
    /// The names of all children, and the entries of those that are no directories, by name.
    pub(super) listing: DirListing,
    /// By name, but for those that were listed as something else.
    pub(super) subdirs: Vec<Subdir<D>>,
    pub(super) sorted: bool,
    pub(super) ended: ListingEnd,
    pub(super) looked: Looked,
    /// The entries are only those that were looked at; the others are as they were.
    pub(super) passed: bool,
}

impl<D> Default for DirState<D> {
    fn default() -> Self {
        Self {
            listing: DirListing::default(),
            subdirs: Vec::new(),
            sorted: true,
            ended: ListingEnd::ReadOutcome,
            looked: Looked::default(),
            passed: false,
        }
    }
}
