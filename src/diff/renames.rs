//! Finds renames: an entry that was removed and one that was added, with the same file system, inode,
//! kind and birth time. File systems reuse inodes, so a rename is only a convenience for readers: consumers that
//! delete files take it as removed and added.

use memchr::{memchr, memrchr};
use rustc_hash::FxHashMap;

use super::change::{Change, ChangeKind, Side};
use super::compare::Compare;
use super::raw_change::{EntryPlace, RawChange};
use crate::Result;
use crate::metadata::{Fields, Flags, Kind};
use crate::snapshot::Snapshot;

/// The fields that a rename itself changes.
const RENAME_FIELDS: Fields = Fields::CTIME;

/// What an entry keeps when it is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct RenameKey {
    ino: u64,
    birth: u32,
    device: u16,
    kind: Kind,
}

/// An entry that was removed. There may be many, so no field is larger than it must be.
#[derive(Debug, Clone, Copy)]
struct RenameSource {
    key: RenameKey,
    place: EntryPlace,
    /// Its own row, if it is a directory.
    row: Option<u32>,
    /// Where its name begins in the names; a NUL ends it.
    name: u32,
    /// Which directory's path it has.
    dir_path: u32,
}

/// An entry that was added.
#[derive(Debug)]
struct RenameTarget {
    key: RenameKey,
    place: EntryPlace,
    /// Its own row, if it is a directory.
    row: Option<u32>,
}

/// The paths of removed entries. Entries of one directory that follow each other share its path.
#[derive(Debug, Default)]
struct SourcePaths {
    names: Vec<u8>,
    dirs: Vec<u8>,
    /// Row of the directory and end of its path.
    dir_ends: Vec<(u32, u32)>,
}

impl SourcePaths {
    /// Adds a path. Returns where its name begins and which directory's path it has. None if there is no more room.
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

/// Collects what was added and removed: at most some 100 bytes each.
#[derive(Debug, Default)]
pub(super) struct RenameFinder {
    devices: FxHashMap<String, u16>,
    paths: SourcePaths,
    removed: Vec<RenameSource>,
    added: Vec<RenameTarget>,
}

/// All renames.
#[derive(Debug, Default)]
pub(super) struct Renames {
    /// From the place of the new entry to the number of its source.
    to: FxHashMap<EntryPlace, u32>,
    /// The old entries that were renamed, ordered by place.
    sources: Vec<RenameSource>,
    /// From the new row of a directory that was renamed to its old row.
    dirs: FxHashMap<u32, u32>,
    paths: SourcePaths,
}

impl RenameFinder {
    /// Numbers the file systems of both snapshots.
    pub(super) fn new(old: &Snapshot, new: &Snapshot) -> Self {
        let mut finder = Self::default();
        for device in old.meta().devices.iter().chain(&new.meta().devices) {
            let next = finder.devices.len();
            // On a file system without an identity or a number no renames are found.
            if !device.identity.is_empty() && next < usize::from(u16::MAX) {
                finder.devices.entry(device.identity.clone()).or_insert(next as u16);
            }
        }
        finder
    }

    /// Adds what a later part collected.
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

    /// Adds an entry that was removed or added: the last change of `compare`.
    pub(super) fn add(&mut self, raw: &RawChange, compare: &Compare<'_>) {
        let entry = match raw.kind {
            ChangeKind::Removed => raw.old,
            ChangeKind::Added => raw.new,
            _ => None,
        };
        let Some(entry) = entry else { return };
        if entry.flags.intersects(Flags::UNKNOWN | Flags::FOREIGN) || entry.stat.ino == 0 {
            return;
        }
        let is_added = raw.kind == ChangeKind::Added;
        let context = if is_added { compare.last_new() } else { compare.last_old() };
        let Some(device) = context.device.and_then(|d| self.devices.get(&d.identity)).copied() else { return };
        let key = RenameKey { ino: entry.stat.ino, birth: entry.stat.birth, device, kind: entry.stat.kind() };
        let (place, row) = (entry.place, context.row);
        if is_added {
            self.added.push(RenameTarget { key, place, row });
        } else if let Some((name, dir_path)) = self.paths.push(compare.path(), place.dir) {
            self.removed.push(RenameSource { key, place, row, name, dir_path });
        }
    }

    /// Pairs what was removed with what was added. Several names of one file are paired in tree order.
    pub(super) fn finish(mut self) -> Renames {
        // Names were added in tree order.
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
            if let (Some(new), Some(old)) = (target.row, source.row) {
                renames.dirs.insert(new, old);
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
    /// How many entries were renamed, including those below renamed directories.
    pub(super) fn len(&self) -> usize {
        self.to.len()
    }

    /// Whether the removed entry at a place has another path now.
    pub(super) fn is_source(&self, place: EntryPlace) -> bool {
        self.sources.binary_search_by_key(&place, |source| source.place).is_ok()
    }

    /// The changes of an added entry, if it had another path before: the rename, unless that of its directory implies
    /// it, and then what else changed.
    pub(super) fn changes(&self, raw: &RawChange, path: &[u8], old: &Snapshot) -> Result<Option<[Option<Change>; 2]>> {
        let Some(entry) = raw.new else { return Ok(None) };
        let Some(number) = self.to.get(&entry.place) else { return Ok(None) };
        let source = &self.sources[*number as usize];
        let from = self.paths.get(source);
        let was = old.checked_child(source.place.dir, source.place.position)?;
        let new = entry.side();
        let old = Side { stat: was.stat, flags: was.flags };
        let change =
            |kind, from, fields| Change { kind, path: path.to_vec(), from, old: Some(old), new: Some(new), fields };
        let name = |path: &[u8]| path.rsplit(|b| *b == b'/').next().map(<[u8]>::to_vec);
        // Its directory was renamed, and its own name is the same.
        let implied = self.dirs.get(&entry.place.dir) == Some(&source.place.dir) && name(path) == name(&from);
        let fields = old.stat.differing(&new.stat);
        let first = (!implied).then(|| change(ChangeKind::Renamed, Some(from), fields));
        // On most file systems a rename moves the ctime of the entry, but not of the entries below it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_collected_stays_small() {
        assert_eq!((size_of::<RenameSource>(), size_of::<RenameTarget>()), (40, 32));
    }
}
