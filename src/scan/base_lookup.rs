//! Answers the walk's questions about the base from its snapshot.

use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;

use crate::metadata::Flags;
use crate::path::parent;
use crate::snapshot::{Child, Node, Row, Snapshot};
use crate::walk::{BaseDir, BaseListing, BaseLookup, Detail, LastState, WalkEntry};

/// The base, or none.
pub(super) struct SnapshotLookup<'b> {
    base: Option<&'b Snapshot>,
    /// The rows of directories that held files of the base's own scan.
    held_own: Vec<u32>,
    /// The directory that was asked for last, by name: entries that cannot be read come in whole directories.
    last: Mutex<Option<NodesByName<'b>>>,
}

/// The entries of a directory of the base by name.
struct NodesByName<'b> {
    dir: Vec<u8>,
    nodes: FxHashMap<&'b [u8], Node<'b>>,
}

impl<'b> SnapshotLookup<'b> {
    pub(super) fn new(base: Option<&'b Snapshot>) -> Self {
        let held_own = |base: &Snapshot| {
            let own = base.meta().own_files.iter().filter_map(|path| parent(path.strip_suffix(b"/").unwrap_or(path)));
            own.filter_map(|dir| base.find_node(dir).ok()??.row).collect()
        };
        Self { base, held_own: base.map(held_own).unwrap_or_default(), last: Mutex::default() }
    }

    fn base_dir(base: &Snapshot, row: u32, child: &Child<'_>) -> Option<BaseDir> {
        let Row { subtree, flags: below, .. } = base.row(row).ok()?;
        let is_mount = base.mounted_at(row).is_some();
        Some(BaseDir { row, stat: child.stat, flags: child.flags, below, subtree, is_mount })
    }

    /// The entry at a path. A damaged base knows nothing; then the entry is unknown, which is the truth.
    fn node(&self, path: &[u8]) -> Option<Node<'b>> {
        let base = self.base?;
        let (Some(parent), false) = (parent(path), base.meta().roots.iter().any(|root| root == path)) else {
            return base.find_node(path).ok()?;
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|last| last.dir != parent) {
            let row = base.find_node(parent).ok()??.row?;
            let nodes = base.listing(row).ok()?.map(|node| (node.child.name, node)).collect();
            *last = Some(NodesByName { dir: parent.to_vec(), nodes });
        }
        last.as_ref()?.nodes.get(&path[parent.len() + usize::from(!parent.ends_with(b"/"))..]).copied()
    }
}

impl BaseLookup for SnapshotLookup<'_> {
    fn root(&self, number: usize) -> Option<BaseDir> {
        let base = self.base?;
        let node = base.listing(base.top()).ok()?.nth(number)?;
        Self::base_dir(base, node.row?, &node.child)
    }

    fn listing(&self, row: u32, detail: Detail) -> Option<BaseListing> {
        let base = self.base?;
        let mut listing = base.listing(row).ok()?;
        let mut base_listing = BaseListing {
            names: listing.block.names_with_nul().to_vec(),
            lacks_own: self.held_own.contains(&row),
            flags: listing.block.flags_of_files(),
            ..BaseListing::default()
        };
        let mut start = 0;
        while let Some(node) = listing.next_packed() {
            // This program writes no such name. A path made of it could lead out of the root.
            if matches!(node.name, b"" | b"." | b"..") || memchr::memchr(b'/', node.name).is_some() {
                return None;
            }
            let place = (start, node.name.len() as u16);
            start += node.name.len() as u32 + 1;
            match node.row {
                Some(row) => {
                    base_listing.subdirs.push((place, Self::base_dir(base, row, &listing.unpack(&node).child)?));
                }
                None => match detail {
                    Detail::Subdirs => {}
                    Detail::Names => base_listing.files.push(place),
                    Detail::Metadata => {
                        let Child { stat, flags, .. } = listing.unpack(&node).child;
                        base_listing.entries.push(WalkEntry { name: place, stat, flags });
                    }
                },
            }
        }
        Some(base_listing)
    }

    fn file_system(&self, row: u32) -> Option<&str> {
        Some(self.base?.mounted_at(row)?.identity.as_str())
    }

    fn last_state(&self, path: &[u8]) -> Option<LastState> {
        let node = self.node(path)?;
        let Child { stat, flags, .. } = node.child;
        let is_known =
            !flags.intersects(Flags::UNKNOWN | Flags::UNLISTED | Flags::NOT_ENTERED) || flags.contains(Flags::CARRIED);
        is_known.then_some(LastState { stat, flags, row: node.row })
    }
}
