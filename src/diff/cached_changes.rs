//! The changes of the first pass, if they are few: then they need not be compared again. All paths are in one buffer.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::raw_change::RawChange;

/// The most changes that are cached, and the most bytes that their paths may have: less than five megabytes in all.
const MOST: usize = 16_000;
const MOST_BYTES: usize = 3 << 19;

/// How much all parts together have cached.
#[derive(Debug, Default)]
pub(super) struct CacheBudget {
    records: AtomicUsize,
    bytes: AtomicUsize,
}

impl CacheBudget {
    /// Takes the room for one more change; false if there is none.
    fn take(&self, bytes: usize) -> bool {
        self.records.fetch_add(1, Ordering::Relaxed) < MOST
            && self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= MOST_BYTES
    }
}

#[derive(Debug, Clone, Copy)]
struct CachedChange {
    change: RawChange,
    /// Its path begins where the path before it ends.
    path_end: u32,
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

/// A position among the cached changes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CacheCursor {
    piece: usize,
    record: usize,
}

impl CachedChanges {
    /// An empty cache.
    pub(super) fn new() -> Self {
        Self(vec![CachePiece::default()])
    }

    /// Adds a change; false if there is no room.
    pub(super) fn push(&mut self, change: &RawChange, path: &[u8], budget: &CacheBudget) -> bool {
        let Some(piece) = self.0.last_mut().filter(|_| budget.take(path.len())) else { return false };
        piece.paths.extend_from_slice(path);
        piece.records.push(CachedChange { change: *change, path_end: piece.paths.len() as u32 });
        true
    }

    /// Adds the changes of a later part.
    pub(super) fn append(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// The change at `cursor` and its path. Moves the cursor to the next one.
    pub(super) fn next(&self, cursor: &mut CacheCursor) -> Option<(RawChange, &[u8])> {
        while cursor.record >= self.0.get(cursor.piece)?.records.len() {
            *cursor = CacheCursor { piece: cursor.piece + 1, record: 0 };
        }
        let piece = &self.0[cursor.piece];
        let record = &piece.records[cursor.record];
        let start = cursor.record.checked_sub(1).map_or(0, |before| piece.records[before].path_end);
        cursor.record += 1;
        Some((record.change, &piece.paths[start as usize..record.path_end as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_cache_takes_less_than_five_megabytes() {
        assert!(MOST * size_of::<CachedChange>() + MOST_BYTES < 5_000_000, "{}", size_of::<CachedChange>());
    }
}
