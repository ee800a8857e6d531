//! The changes of a first pass, kept in little room so that they need not be compared again: paths in
//! one arena, and of the entries only where they lie.

use super::change::ChangeKind;
use super::compare::{Dir, Raw};
use crate::Result;
use crate::entry::Fields;
use crate::snapshot::{Node, Snapshot};

/// So many changes are kept, half of them from each part, if their paths need no more than so many bytes: two megabytes in all.
const MOST: usize = 16_000;
const MOST_BYTES: usize = 3 << 19;

/// A directory's row and a place in it.
type Place = (u32, u32);

#[derive(Debug, Clone, Copy)]
struct Record {
    kind: ChangeKind,
    fields: Fields,
    old: Option<Place>,
    new: Option<Place>,
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
            old: raw.old.map(|_| raw.old_place()),
            new: raw.new.map(|_| raw.new_place()),
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
    pub(super) fn get<'a>(
        &self,
        number: usize,
        old: &'a Snapshot,
        new: &'a Snapshot,
    ) -> Result<Option<(Raw<'a>, &[u8])>> {
        let Some(record) = self.records.get(number) else { return Ok(None) };
        let start = number.checked_sub(1).map_or(0, |before| self.records[before].path_end);
        let node = |snapshot: &'a Snapshot, place: Option<Place>| -> Result<Option<Node<'a>>> {
            let Some((row, place)) = place else { return Ok(None) };
            let child = snapshot.checked_child(row, place)?;
            Ok(Some(Node { child, row: None, place }))
        };
        let dir = |place: Option<Place>| Dir { row: place.map_or(u32::MAX, |(row, _)| row), device: None };
        let raw = Raw {
            kind: record.kind,
            old: node(old, record.old)?,
            new: node(new, record.new)?,
            fields: record.fields,
            old_dir: dir(record.old),
            new_dir: dir(record.new),
        };
        Ok(Some((raw, &self.paths[start..record.path_end])))
    }
}
