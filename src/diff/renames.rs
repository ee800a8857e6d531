//! Finds renames: an entry that was removed and one that was added, with the same file system, inode,
//! kind and birth time. Inodes are reused, so this is a convenience for readers: emitters that delete
//! treat a rename as removed and added.

use rustc_hash::{FxHashMap, FxHashSet};

use super::RENAME_FIELDS;
use super::change::{Change, ChangeKind, Side};
use super::compare::Raw;
use crate::entry::{Fields, Flags, Kind};

/// Row of the directory and place there.
type Place = (u32, u32);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    device: u32,
    ino: u64,
    kind: Kind,
    birth: u32,
}

#[derive(Debug)]
struct Source {
    place: Place,
    row: Option<u32>,
    side: Side,
    path: Vec<u8>,
}

#[derive(Debug)]
struct Target {
    place: Place,
    row: Option<u32>,
    key: Key,
}

/// Gathers what was added and removed.
#[derive(Debug, Default)]
pub(super) struct Finder {
    devices: FxHashMap<String, u32>,
    removed: FxHashMap<Key, Vec<Source>>,
    added: Vec<Target>,
}

/// A rename: what it was, and where.
#[derive(Debug)]
pub(super) struct Rename {
    source: Source,
    /// Its directory was renamed and it lies there under the same name as before.
    implied: bool,
}

/// All renames, by the place of the new entry.
#[derive(Debug, Default)]
pub(super) struct Renames {
    to: FxHashMap<Place, Rename>,
    sources: FxHashSet<Place>,
}

impl Finder {
    /// Looks at one change.
    pub(super) fn take(&mut self, raw: &Raw<'_>, path: &[u8]) {
        let (node, dir) = match (raw.kind, raw.old, raw.new) {
            (ChangeKind::Removed, Some(node), _) => (node, raw.old_dir),
            (ChangeKind::Added, _, Some(node)) => (node, raw.new_dir),
            _ => return,
        };
        let child = &node.child;
        if child.flags.intersects(Flags::UNKNOWN | Flags::FOREIGN) || child.stat.ino == 0 {
            return;
        }
        // The file system of a mount point is that of what is mounted there.
        let device = dir.device.map_or("", |d| d.identity.as_str());
        let next = self.devices.len() as u32;
        let device = match self.devices.get(device) {
            Some(number) => *number,
            None => *self.devices.entry(device.to_owned()).or_insert(next),
        };
        let key = Key { device, ino: child.stat.ino, kind: child.kind(), birth: child.stat.birth };
        if raw.kind == ChangeKind::Removed {
            let side = Side { stat: child.stat, flags: child.flags };
            let source = Source { place: raw.old_place(), row: node.row, side, path: path.to_vec() };
            self.removed.entry(key).or_default().push(source);
        } else {
            self.added.push(Target { place: raw.new_place(), row: node.row, key });
        }
    }

    /// Pairs what was removed with what was added, several names of one file in their order.
    pub(super) fn finish(mut self) -> Renames {
        let mut renames = Renames::default();
        let mut renamed_dirs: FxHashMap<u32, u32> = FxHashMap::default();
        self.removed.values_mut().for_each(|sources| sources.reverse());
        // In tree order, so that a directory is known as renamed before what lies in it.
        for target in self.added {
            let Some(source) = self.removed.get_mut(&target.key).and_then(Vec::pop) else { continue };
            if let (Some(new), Some(old)) = (target.row, source.row) {
                renamed_dirs.insert(new, old);
            }
            renames.sources.insert(source.place);
            renames.to.insert(target.place, Rename { source, implied: false });
        }
        for (place, rename) in &mut renames.to {
            rename.implied = renamed_dirs.get(&place.0).is_some_and(|old| *old == rename.source.place.0);
        }
        renames
    }
}

impl Renames {
    /// How many entries were renamed, those below renamed directories included.
    pub(super) fn len(&self) -> usize {
        self.to.len()
    }

    /// Whether the removed entry at a place is there under another path.
    pub(super) fn is_source(&self, place: Place) -> bool {
        self.sources.contains(&place)
    }

    /// The rename that led to the added entry at a place.
    pub(super) fn to(&self, place: Place) -> Option<&Rename> {
        self.to.get(&place)
    }
}

impl Rename {
    /// What is reported of it: the rename, unless its directory's says so already, and what changed
    /// otherwise.
    pub(super) fn changes(&self, raw: &Raw<'_>, path: &[u8]) -> (Option<Change>, Option<Change>) {
        let Some(node) = raw.new else { return (None, None) };
        let new = Side { stat: node.child.stat, flags: node.child.flags };
        let old = self.source.side;
        let change =
            |kind, from, fields| Change { kind, path: path.to_vec(), from, old: Some(old), new: Some(new), fields };
        let name = |path: &[u8]| path.rsplit(|b| *b == b'/').next().map(<[u8]>::to_vec);
        let implied = self.implied && name(path) == name(&self.source.path);
        let fields = old.stat.differing(&new.stat);
        let first = (!implied).then(|| change(ChangeKind::Renamed, Some(self.source.path.clone()), fields));
        // A rename moves the ctime on most file systems, but not that of what lies below.
        let expected = if implied { Fields::empty() } else { RENAME_FIELDS };
        let second = if !(fields - expected).is_empty() {
            Some(change(ChangeKind::Modified, None, fields))
        } else if old.flags.contains(Flags::RACY) {
            Some(change(ChangeKind::Suspect, None, Fields::empty()))
        } else {
            None
        };
        (first, second)
    }
}
