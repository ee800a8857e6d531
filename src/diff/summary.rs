//! Counts of changes by what happened and to what.

use std::collections::BTreeMap;

use super::change::{Change, ChangeKind};
use crate::metadata::Kind;

/// How many entries of each kind, and how many bytes in regular files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Regular files.
    pub files: u64,
    /// Directories.
    pub dirs: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Everything else.
    pub other: u64,
    /// The sizes of the regular files in bytes; of removed ones the old sizes.
    pub bytes: u64,
}

impl Tally {
    /// All entries.
    pub fn entries(&self) -> u64 {
        self.files + self.dirs + self.symlinks + self.other
    }
}

/// Counts of changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    by_kind: BTreeMap<ChangeKind, Tally>,
    metadata_only: u64,
}

impl Summary {
    /// Counts one change.
    pub fn add(&mut self, change: &Change) {
        let tally = self.by_kind.entry(change.kind).or_default();
        match change.entry_kind() {
            Kind::File => {
                tally.files += 1;
                let size = change.new.or(change.old).map_or(0, |side| side.stat.size);
                tally.bytes = tally.bytes.saturating_add(size);
            }
            Kind::Dir => tally.dirs += 1,
            Kind::Symlink => tally.symlinks += 1,
            _ => tally.other += 1,
        }
        self.metadata_only += u64::from(change.is_metadata_only());
    }

    /// The counts for one kind of change.
    pub fn of(&self, kind: ChangeKind) -> Tally {
        self.by_kind.get(&kind).copied().unwrap_or_default()
    }

    /// How many of the modified entries changed in their metadata alone.
    pub fn metadata_only(&self) -> u64 {
        self.metadata_only
    }

    /// Whether there is any difference; suspects and unknown entries count.
    pub fn is_empty(&self) -> bool {
        self.by_kind.is_empty()
    }
}
