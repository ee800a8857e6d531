//! The changes of a first pass, kept so that they need not be compared again: paths in one arena, and of the
//! entries what was checked.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::change::ChangeKind;
use super::compare::{ComparedDir, RawChange};
use crate::metadata::{Fields, Flags, Stat};
use crate::snapshot::{Child, Node};

/// So many changes are kept, if their paths need no more than so many bytes: four megabytes in all.
const MOST: usize = 16_000;
const MOST_BYTES: usize = 3 << 19;

/// How much is kept already, by all parts together.
#[derive(Debug, Default)]
pub(super) struct CacheBudget {
    records: AtomicUsize,
    bytes: AtomicUsize,
}

impl CacheBudget {
    /// Whether there is room for one more change.
    fn take(&self, bytes: usize) -> bool {
        self.records.fetch_add(1, Ordering::Relaxed) < MOST
            && self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= MOST_BYTES
    }
}

/// A directory's row and a place in it.
type RowPlace = (u32, u32);

/// An entry, and where it lies.
type CachedEntry = (RowPlace, Stat, Flags);

#[derive(Debug, Clone, Copy)]
struct CachedChange {
    kind: ChangeKind,
    fields: Fields,
    old: Option<CachedEntry>,
    new: Option<CachedEntry>,
    path_end: usize,
}

/// Changes of one part of the tree, in its order.
#[derive(Debug, Default)]
struct CachePiece {
    paths: Vec<u8>,
    records: Vec<CachedChange>,
}

/// Changes in tree order.
#[derive(Debug)]
pub(super) struct CachedChanges(Vec<CachePiece>);

/// A change among those that were kept.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CacheCursor {
    piece: usize,
    record: usize,
}

impl CachedChanges {
    /// Keeps nothing yet.
    pub(super) fn new() -> Self {
        Self(vec![CachePiece::default()])
    }

    /// Keeps one more change; false if there is no room.
    pub(super) fn push(&mut self, raw: &RawChange<'_>, path: &[u8], room: &CacheBudget) -> bool {
        let Some(piece) = self.0.last_mut().filter(|_| room.take(path.len())) else { return false };
        piece.paths.extend_from_slice(path);
        piece.records.push(CachedChange {
            kind: raw.kind,
            fields: raw.fields,
            old: raw.old.map(|n| (raw.old_place(), n.child.stat, n.child.flags)),
            new: raw.new.map(|n| (raw.new_place(), n.child.stat, n.child.flags)),
            path_end: piece.paths.len(),
        });
        true
    }

    /// Adds the changes of a later part.
    pub(super) fn append(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// The change at a place and its path; moves on to the next. The entries' names and rows are left out.
    pub(super) fn next<'a>(&self, at: &mut CacheCursor) -> Option<(RawChange<'a>, &[u8])> {
        while at.record >= self.0.get(at.piece)?.records.len() {
            *at = CacheCursor { piece: at.piece + 1, record: 0 };
        }
        let piece = &self.0[at.piece];
        let record = &piece.records[at.record];
        let start = at.record.checked_sub(1).map_or(0, |before| piece.records[before].path_end);
        at.record += 1;
        let node =
            |((_, place), stat, flags): CachedEntry| Node { child: Child { name: b"", stat, flags }, row: None, place };
        let dir = |entry: Option<CachedEntry>| ComparedDir {
            row: entry.map_or(u32::MAX, |((row, _), ..)| row),
            device: None,
        };
        let raw = RawChange {
            kind: record.kind,
            old: record.old.map(node),
            new: record.new.map(node),
            fields: record.fields,
            old_dir: dir(record.old),
            new_dir: dir(record.new),
        };
        Some((raw, &piece.paths[start..record.path_end]))
    }
}
