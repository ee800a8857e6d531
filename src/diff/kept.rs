//! The changes of a first pass, kept so that they need not be compared again: paths in one arena, and of the
//! entries what was checked.

use super::change::ChangeKind;
use super::compare::{Dir, Raw};
use crate::entry::{Fields, Flags, Stat};
use crate::snapshot::{Child, Node};

/// So many changes are kept, half of them from each part, if their paths need no more than so many bytes: four megabytes in all.
const MOST: usize = 16_000;
const MOST_BYTES: usize = 3 << 19;

/// A directory's row and a place in it.
type Place = (u32, u32);

/// An entry, and where it lies.
type Entry = (Place, Stat, Flags);

#[derive(Debug, Clone, Copy)]
struct Record {
    kind: ChangeKind,
    fields: Fields,
    old: Option<Entry>,
    new: Option<Entry>,
    path_end: usize,
}

/// Changes in tree order.
#[derive(Debug, Default)]
pub(super) struct Kept {
    paths: Vec<u8>,
    records: Vec<Record>,
}

impl Kept {
    /// Keeps one more change; false if there is no room.
    pub(super) fn push(&mut self, raw: &Raw<'_>, path: &[u8]) -> bool {
        if self.records.len() >= MOST / 2 || self.paths.len() + path.len() > MOST_BYTES / 2 {
            return false;
        }
        self.paths.extend_from_slice(path);
        self.records.push(Record {
            kind: raw.kind,
            fields: raw.fields,
            old: raw.old.map(|n| (raw.old_place(), n.child.stat, n.child.flags)),
            new: raw.new.map(|n| (raw.new_place(), n.child.stat, n.child.flags)),
            path_end: self.paths.len(),
        });
        true
    }

    /// Adds the changes of a later part; false if there is no room.
    pub(super) fn append(&mut self, later: &Self) -> bool {
        if self.records.len() + later.records.len() > MOST || self.paths.len() + later.paths.len() > MOST_BYTES {
            return false;
        }
        let start = self.paths.len();
        self.paths.extend_from_slice(&later.paths);
        self.records.extend(later.records.iter().map(|r| Record { path_end: r.path_end + start, ..*r }));
        true
    }

    /// The change with a number, and its path. The entries' names and rows are left out.
    pub(super) fn get<'a>(&self, number: usize) -> Option<(Raw<'a>, &[u8])> {
        let record = self.records.get(number)?;
        let start = number.checked_sub(1).map_or(0, |before| self.records[before].path_end);
        let node =
            |((_, place), stat, flags): Entry| Node { child: Child { name: b"", stat, flags }, row: None, place };
        let dir = |entry: Option<Entry>| Dir { row: entry.map_or(u32::MAX, |((row, _), ..)| row), device: None };
        let raw = Raw {
            kind: record.kind,
            old: record.old.map(node),
            new: record.new.map(node),
            fields: record.fields,
            old_dir: dir(record.old),
            new_dir: dir(record.new),
        };
        Some((raw, &self.paths[start..record.path_end]))
    }
}
