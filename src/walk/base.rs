//! What a walk asks an earlier snapshot, the base.

use super::{Name, WalkEntry};
use crate::metadata::{Flags, Stat};

/// Answers what the base knows. Many threads ask at once. A damaged base knows nothing: every answer may be none.
pub(crate) trait BaseLookup: Sync {
    /// The root of this number.
    fn root(&self, number: usize) -> Option<BaseDir>;

    /// The names in a directory.
    fn listing(&self, row: u32, detail: Detail) -> Option<BaseListing>;

    /// The identity of the file system that a directory lay on, if one began there.
    fn file_system(&self, row: u32) -> Option<&str>;

    /// The last known state of an entry that cannot be read now.
    fn last_state(&self, path: &[u8]) -> Option<LastState>;
}

/// A directory of the base.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BaseDir {
    pub(crate) row: u32,
    /// Its metadata from before it was listed.
    pub(crate) stat: Stat,
    pub(crate) flags: Flags,
    /// All flags of the entries below it.
    pub(crate) below: Flags,
    /// How many directories there are, itself and all below it. The rows of those below lie before its own.
    pub(crate) subtree: u32,
    /// A file system began there.
    pub(crate) is_mount: bool,
}

/// How much of a directory a [`BaseListing`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Its child directories.
    Subdirs,
    /// Its child directories, and the names of everything else.
    Names,
    /// Everything.
    Metadata,
}

/// The names in a directory of the base, in order.
#[derive(Debug, Default)]
pub(crate) struct BaseListing {
    /// Each followed by NUL.
    pub(crate) names: Vec<u8>,
    /// The names of everything but directories; with [`Detail::Names`].
    pub(crate) files: Vec<Name>,
    /// The same with their metadata; with [`Detail::Metadata`].
    pub(crate) entries: Vec<WalkEntry>,
    pub(crate) subdirs: Vec<(Name, BaseDir)>,
    /// All flags of everything but directories.
    pub(crate) flags: Flags,
    /// The earlier scan left out files of its own, which may count now.
    pub(crate) lacks_own: bool,
}

/// How the base last knew an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LastState {
    pub(crate) stat: Stat,
    pub(crate) flags: Flags,
    /// The row of a directory.
    pub(crate) row: Option<u32>,
}
