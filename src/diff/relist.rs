//! Paths that are listed again whether they differ or not: an earlier list named them, and it is unknown what its
//! reader did with them.

use rustc_hash::FxHashMap;

use super::change::{Change, ChangeKind, Side};
use crate::Result;
use crate::metadata::{Flags, Kind, Stat};
use crate::path::{compare, is_within, parent};
use crate::snapshot::{Node, Snapshot};

/// Paths in tree order, each with the kind that it had when it was listed. A path that was listed with several kinds
/// is there once for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Relist {
    paths: Vec<(Vec<u8>, Kind)>,
}

/// The letter of each kind in a file.
const KINDS: [(u8, Kind); 8] = [
    (b'f', Kind::File),
    (b'd', Kind::Dir),
    (b'l', Kind::Symlink),
    (b'p', Kind::Fifo),
    (b's', Kind::Socket),
    (b'c', Kind::CharDevice),
    (b'b', Kind::BlockDevice),
    (b'?', Kind::Unknown),
];

impl Relist {
    /// Adds what a diff lists, except unknown entries.
    ///
    /// # Errors
    /// Those of [`Diff::changes`](super::Diff::changes).
    pub(crate) fn add(&mut self, diff: &super::Diff<'_>) -> Result<()> {
        for change in diff.changes_without_renames() {
            let change = change?;
            if change.kind != ChangeKind::Unknown {
                let kind = change.entry_kind();
                self.paths.push((change.path, kind));
            }
        }
        self.in_order();
        Ok(())
    }

    /// Adds regular files.
    pub(crate) fn add_files(&mut self, paths: &[Vec<u8>]) {
        self.paths.extend(paths.iter().map(|path| (path.clone(), Kind::File)));
        self.in_order();
    }

    fn in_order(&mut self) {
        self.paths.sort_by(|a, b| compare(&a.0, &b.0).then((a.1 as u8).cmp(&(b.1 as u8))));
        self.paths.dedup();
    }

    /// How many paths there are.
    pub(crate) fn len(&self) -> usize {
        self.paths.len()
    }

    /// The bytes of a file: for each path the letter of its kind, the path, and NUL.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (path, kind) in &self.paths {
            bytes.extend(KINDS.iter().find(|(_, of)| of == kind).map(|(letter, _)| *letter));
            bytes.extend_from_slice(path);
            bytes.push(0);
        }
        bytes
    }

    /// What such a file holds; none if it is not such a file.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut paths = Vec::new();
        for record in bytes.strip_suffix(b"\0").unwrap_or(bytes).split(|b| *b == 0).filter(|_| !bytes.is_empty()) {
            let (letter, path) = record.split_first()?;
            let (_, kind) = KINDS.iter().find(|(of, _)| of == letter)?;
            paths.push((path.to_vec(), *kind));
        }
        Some(Self { paths })
    }

    /// The changes that list the paths again in a diff of `old` and `new`. An entry is suspect if both snapshots have
    /// it, and removed if neither has it. If it was listed with a kind that it does not have now, its kind changed:
    /// the reader may have stored it as the other kind. An entry that could not be read is not listed.
    ///
    /// # Errors
    /// A damaged snapshot.
    pub(super) fn changes(&self, old: &Snapshot, new: &Snapshot) -> Result<Vec<Change>> {
        let (mut before, mut now) = (Lookup::new(old), Lookup::new(new));
        let mut changes = Vec::new();
        let side = |node: &Node<'_>| Side { stat: node.child.stat, flags: node.child.flags };
        for same in self.paths.chunk_by(|a, b| a.0 == b.0) {
            let path = &same[0].0;
            let change = |kind, old, new: Option<Side>| Change {
                kind,
                path: path.clone(),
                from: None,
                old: Some(old),
                new,
                fields: crate::metadata::Fields::empty(),
            };
            let as_listed =
                |kind: Kind| Side { stat: Stat { mode: kind.mode_bits(), ..Stat::default() }, flags: Flags::UNKNOWN };
            match (before.get(path)?, now.get(path)?) {
                (was, RelistPlace::There(new)) if !new.child.flags.contains(Flags::UNKNOWN) => {
                    let is_another = |kind: &Kind| ![new.child.kind(), Kind::Unknown].contains(kind);
                    if let Some(kind) = same.iter().map(|(_, kind)| *kind).find(is_another) {
                        changes.push(change(ChangeKind::TypeChanged, as_listed(kind), Some(side(&new))));
                    } else if let RelistPlace::There(old) = was {
                        changes.push(change(ChangeKind::Suspect, side(&old), Some(side(&new))));
                    }
                }
                (RelistPlace::Gone | RelistPlace::Unknown, RelistPlace::Gone) => {
                    let kind = if let [(_, kind)] = same { *kind } else { Kind::Unknown };
                    changes.push(change(ChangeKind::Removed, as_listed(kind), None));
                }
                _ => {}
            }
        }
        Ok(changes)
    }
}

/// Where a path leads in a snapshot.
enum RelistPlace<'a> {
    There(Node<'a>),
    /// It was looked for and not found.
    Gone,
    /// A directory above it could not be read.
    Unknown,
}

/// A directory and its entries by name.
struct RelistDir<'a> {
    path: Vec<u8>,
    flags: Flags,
    nodes: FxHashMap<&'a [u8], Node<'a>>,
}

/// Finds paths. If they come in tree order, each directory is read once.
struct Lookup<'a> {
    snapshot: &'a Snapshot,
    /// Each lies in the one before it.
    stack: Vec<RelistDir<'a>>,
}

impl<'a> Lookup<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, stack: Vec::new() }
    }

    fn get(&mut self, path: &[u8]) -> Result<RelistPlace<'a>> {
        let Some(root) = self.snapshot.meta().roots.iter().find(|root| is_within(path, root)) else {
            return Ok(RelistPlace::Unknown);
        };
        let Some(mut above) = parent(path).filter(|above| is_within(above, root)) else {
            return Ok(self.snapshot.find_node(root)?.map_or(RelistPlace::Unknown, RelistPlace::There));
        };
        while self.stack.pop_if(|dir| !is_within(path, &dir.path) || dir.path == path).is_some() {}
        // The directories between the last one and the path, the deepest first.
        let mut missing = Vec::new();
        while self.stack.last().is_none_or(|dir| dir.path != above) {
            missing.push(above);
            match parent(above).filter(|dir| is_within(dir, root)) {
                Some(dir) => above = dir,
                None => break,
            }
        }
        while let Some(path) = missing.pop() {
            let node = match self.stack.last() {
                Some(dir) => dir.nodes.get(name_in(path, &dir.path)).copied(),
                None => self.snapshot.find_node(path)?,
            };
            let Some(node) = node else { return Ok(self.absent()) };
            let nodes = match node.row {
                Some(row) => self.snapshot.listing(row)?.map(|node| (node.child.name, node)).collect(),
                None => FxHashMap::default(),
            };
            self.stack.push(RelistDir { path: path.to_vec(), flags: node.child.flags, nodes });
        }
        let found = self.stack.last().and_then(|dir| dir.nodes.get(name_in(path, &dir.path)).copied());
        Ok(found.map_or_else(|| self.absent(), RelistPlace::There))
    }

    /// An entry that is not in the last directory is gone if that directory and all above it were listed to their ends.
    fn absent(&self) -> RelistPlace<'a> {
        let is_closed =
            |dir: &RelistDir<'_>| dir.flags.intersects(Flags::UNLISTED | Flags::NOT_ENTERED | Flags::UNKNOWN);
        if self.stack.is_empty() || self.stack.iter().any(is_closed) { RelistPlace::Unknown } else { RelistPlace::Gone }
    }
}

/// The name of an entry of a directory.
fn name_in<'p>(path: &'p [u8], dir: &[u8]) -> &'p [u8] {
    &path[dir.len() + usize::from(!dir.ends_with(b"/"))..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_they_were_written() {
        let paths = KINDS.iter().map(|(letter, kind)| (format!("/x/{letter}\n").into_bytes(), *kind)).collect();
        for again in [Relist::default(), Relist { paths }] {
            assert_eq!(Relist::from_bytes(&again.to_bytes()), Some(again));
        }
        assert_eq!(Relist::from_bytes(b"x/no such kind\0"), None);
        assert_eq!(Relist::from_bytes(b"f/a\0\0"), None);
    }
}
