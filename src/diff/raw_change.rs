//! A change as the comparison finds it: what happened, and the entries with where they lie. The comparison and the
//! cache of its changes hand out the same record. Its path comes beside it.

use super::change::{Change, ChangeKind, Side};
use crate::metadata::{Fields, Flags, Stat};
use crate::snapshot::Node;

/// Where an entry lies in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct EntryPlace {
    /// The row of the directory that holds it.
    pub(super) dir: u32,
    /// Its position among the children of that directory.
    pub(super) position: u32,
}

/// An entry of one snapshot, and where it lies there.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlacedEntry {
    pub(super) place: EntryPlace,
    pub(super) stat: Stat,
    pub(super) flags: Flags,
}

/// A change without its path.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawChange {
    pub(super) kind: ChangeKind,
    /// The fields that differ.
    pub(super) fields: Fields,
    pub(super) old: Option<PlacedEntry>,
    pub(super) new: Option<PlacedEntry>,
}

impl PlacedEntry {
    /// A child of the directory with the row `dir`.
    pub(super) fn new(dir: u32, node: &Node<'_>) -> Self {
        let place = EntryPlace { dir, position: node.place };
        Self { place, stat: node.child.stat, flags: node.child.flags }
    }

    /// The entry as readers of the list get it.
    pub(super) fn side(&self) -> Side {
        Side { stat: self.stat, flags: self.flags }
    }
}

impl RawChange {
    /// The change as readers of the list get it.
    pub(super) fn at(&self, path: &[u8]) -> Change {
        Change {
            kind: self.kind,
            path: path.to_vec(),
            from: None,
            old: self.old.map(|entry| entry.side()),
            new: self.new.map(|entry| entry.side()),
            fields: self.fields,
        }
    }
}
