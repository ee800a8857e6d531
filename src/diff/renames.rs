//! Finds renames: an entry that was removed and one that was added, with the same file system, inode,
//! kind and birth time. Inodes are reused, so this is a convenience for readers: emitters that delete
//! treat a rename as removed and added.

use memchr::{memchr, memrchr};
use rustc_hash::FxHashMap;

use super::RENAME_FIELDS;
use super::change::{Change, ChangeKind, Side};
use super::compare::RawChange;
use crate::Result;
use crate::metadata::{Fields, Flags, Kind};
use crate::snapshot::Snapshot;

/// Row of the directory and place there.
type RenamePlace = (u32, u32);

/// What an old and a new entry have to share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    ino: u64,
    birth: u32,
    device: u16,
    kind: Kind,
}

/// No directory.
const NO_ROW: u32 = u32::MAX;

/// An entry that was removed. There may be many: no field is larger than it has to be.
#[derive(Debug, Clone, Copy)]
struct RenameSource {
    key: Key,
    place: RenamePlace,
    row: u32,
    /// Where its name begins in the finder's names; it ends where a NUL is.
    name: u32,
    /// The number of the path of its directory.
    dir_path: u32,
}

#[derive(Debug)]
struct RenameTarget {
    key: Key,
    place: RenamePlace,
    row: u32,
}

/// The paths of removed entries: those of directories once for all that follow each other in one.
#[derive(Debug, Default)]
struct Paths {
    names: Vec<u8>,
    dirs: Vec<u8>,
    /// Row of the directory and end of its path.
    dir_ends: Vec<(u32, u32)>,
}

impl Paths {
    /// Adds a path; returns where its name and its directory's path are. None if there is no more room.
    fn push(&mut self, path: &[u8], dir_row: u32) -> Option<(u32, u32)> {
        let slash = memrchr(b'/', path).map_or(0, |at| at + 1);
        let (dir, name) = path.split_at(slash);
        if self.dir_ends.last().is_none_or(|(row, _)| *row != dir_row) {
            self.dirs.extend_from_slice(dir);
            self.dir_ends.push((dir_row, u32::try_from(self.dirs.len()).ok()?));
        }
        let start = u32::try_from(self.names.len()).ok()?;
        self.names.extend_from_slice(name);
        self.names.push(0);
        Some((start, self.dir_ends.len() as u32 - 1))
    }

    fn get(&self, source: &RenameSource) -> Vec<u8> {
        let at = source.dir_path as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.dir_ends[before].1 as usize);
        let names = &self.names[source.name as usize..];
        let name = &names[..memchr(0, names).unwrap_or(names.len())];
        [&self.dirs[start..self.dir_ends[at].1 as usize], name].concat()
    }
}

/// Gathers what was added and removed: some 100 bytes each.
#[derive(Debug, Default)]
pub(super) struct Finder {
    devices: FxHashMap<String, u16>,
    paths: Paths,
    removed: Vec<RenameSource>,
    added: Vec<RenameTarget>,
}

/// All renames.
#[derive(Debug, Default)]
pub(super) struct Renames {
    /// From the place of the new entry to the number of its source.
    to: FxHashMap<RenamePlace, u32>,
    /// The old entries that were renamed, by place.
    sources: Vec<RenameSource>,
    /// From the row of a directory that was renamed to its old one.
    dirs: FxHashMap<u32, u32>,
    paths: Paths,
}

impl Finder {
    /// For two snapshots: their file systems are numbered.
    pub(super) fn new(old: &Snapshot, new: &Snapshot) -> Self {
        let mut finder = Self::default();
        for device in old.meta().devices.iter().chain(&new.meta().devices) {
            let next = finder.devices.len();
            // Without a name or a number of its own a file system has no renames.
            if !device.identity.is_empty() && next < usize::from(u16::MAX) {
                finder.devices.entry(device.identity.clone()).or_insert(next as u16);
            }
        }
        finder
    }

    /// Adds what was found in a later part.
    pub(super) fn append(&mut self, later: Self) {
        let names = self.paths.names.len() as u32;
        let dirs = self.paths.dirs.len() as u32;
        let dir_paths = self.paths.dir_ends.len() as u32;
        self.paths.names.extend_from_slice(&later.paths.names);
        self.paths.dirs.extend_from_slice(&later.paths.dirs);
        self.paths.dir_ends.extend(later.paths.dir_ends.iter().map(|(row, end)| (*row, end + dirs)));
        self.removed.extend(later.removed.iter().map(|s| RenameSource {
            name: s.name + names,
            dir_path: s.dir_path + dir_paths,
            ..*s
        }));
        self.added.extend(later.added);
    }

    /// Looks at one change.
    pub(super) fn take(&mut self, raw: &RawChange<'_>, path: &[u8], old: &Snapshot, new: &Snapshot) {
        let (node, dir, snapshot) = match (raw.kind, raw.old, raw.new) {
            (ChangeKind::Removed, Some(node), _) => (node, raw.old_dir, old),
            (ChangeKind::Added, _, Some(node)) => (node, raw.new_dir, new),
            _ => return,
        };
        let child = &node.child;
        if child.flags.intersects(Flags::UNKNOWN | Flags::FOREIGN) || child.stat.ino == 0 {
            return;
        }
        // A mount point has its inode on the file system that begins there.
        let begins = node.row.and_then(|row| snapshot.mounted_at(row));
        let Some(device) = begins.or(dir.device).and_then(|d| self.devices.get(&d.identity)).copied() else { return };
        let key = Key { ino: child.stat.ino, birth: child.stat.birth, device, kind: child.kind() };
        let row = node.row.unwrap_or(NO_ROW);
        if raw.kind == ChangeKind::Added {
            self.added.push(RenameTarget { key, place: raw.new_place(), row });
        } else if let Some((name, dir_path)) = self.paths.push(path, raw.old_dir.row) {
            self.removed.push(RenameSource { key, place: raw.old_place(), row, name, dir_path });
        }
    }

    /// Pairs what was removed with what was added, several names of one file in their order.
    pub(super) fn finish(mut self) -> Renames {
        // Names come in tree order, and so do those of one file.
        self.removed.sort_unstable_by_key(|source| (source.key, source.name));
        // How many of the sources with one key are taken, by the first of them.
        let mut taken: FxHashMap<usize, usize> = FxHashMap::default();
        let mut pairs = Vec::new();
        let mut renames = Renames { paths: self.paths, ..Renames::default() };
        for target in self.added {
            let first = self.removed.partition_point(|source| source.key < target.key);
            let count = taken.get(&first).copied().unwrap_or(0);
            let Some(source) = self.removed.get(first + count).filter(|s| s.key == target.key) else { continue };
            taken.insert(first, count + 1);
            if target.row != NO_ROW && source.row != NO_ROW {
                renames.dirs.insert(target.row, source.row);
            }
            pairs.push((target.place, *source));
        }
        drop(self.removed);
        pairs.sort_unstable_by_key(|(_, source)| source.place);
        renames.to = pairs.iter().enumerate().map(|(number, (target, _))| (*target, number as u32)).collect();
        renames.sources = pairs.into_iter().map(|(_, source)| source).collect();
        renames
    }
}

impl Renames {
    /// How many entries were renamed, those below renamed directories included.
    pub(super) fn len(&self) -> usize {
        self.to.len()
    }

    /// Whether the removed entry at a place is there under another path.
    pub(super) fn is_source(&self, place: RenamePlace) -> bool {
        self.sources.binary_search_by_key(&place, |source| source.place).is_ok()
    }

    /// What is reported of an added entry if it was there under another path: the rename, unless its
    /// directory's says so already, and what changed otherwise.
    pub(super) fn changes(
        &self,
        raw: &RawChange<'_>,
        path: &[u8],
        old: &Snapshot,
    ) -> Result<Option<[Option<Change>; 2]>> {
        let (Some(number), Some(node)) = (self.to.get(&raw.new_place()), raw.new) else { return Ok(None) };
        let source = &self.sources[*number as usize];
        let from = self.paths.get(source);
        let was = old.checked_child(source.place.0, source.place.1)?;
        let new = Side { stat: node.child.stat, flags: node.child.flags };
        let old = Side { stat: was.stat, flags: was.flags };
        let change =
            |kind, from, fields| Change { kind, path: path.to_vec(), from, old: Some(old), new: Some(new), fields };
        let name = |path: &[u8]| path.rsplit(|b| *b == b'/').next().map(<[u8]>::to_vec);
        // Its directory was renamed, and it lies there as it did.
        let implied = self.dirs.get(&raw.new_dir.row) == Some(&source.place.0) && name(path) == name(&from);
        let fields = old.stat.differing(&new.stat);
        let first = (!implied).then(|| change(ChangeKind::Renamed, Some(from), fields));
        // A rename moves the ctime on most file systems, but not that of what lies below.
        let expected = if implied { Fields::empty() } else { RENAME_FIELDS };
        let second = if !(fields - expected).is_empty() {
            Some(change(ChangeKind::Modified, None, fields))
        } else if old.flags.contains(Flags::RACY) {
            Some(change(ChangeKind::Suspect, None, Fields::empty()))
        } else {
            None
        };
        Ok(Some([first, second]))
    }
}
