//! Which rows of an overlay lie in its own file, and which in its base. An overlay is a snapshot that holds only the
//! directories in which it differs from another one, its base. Its rows are numbered over the whole tree, as in any
//! snapshot.

use std::ops::{Range, RangeInclusive};

use rkyv::{Archive, Deserialize, Serialize};

use super::digest::Digest;

/// What an overlay says of its base. Stored in the meta archive.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct OverlayMeta {
    /// The digest of the base's header.
    pub(crate) base: Digest,
    /// Where the base lay: an absolute path.
    pub(crate) path: Vec<u8>,
    /// Each row of the tree belongs to one run, in order.
    pub(crate) runs: Vec<RowRun>,
}

/// Consecutive rows that lie in one file. Stored in the meta archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct RowRun {
    /// The row after the last one.
    pub(crate) end: u32,
    /// The number that the first one has in its file.
    pub(crate) first: u32,
    /// Whether that file is the base.
    pub(crate) in_base: bool,
}

/// Consecutive rows of one file, by their numbers there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileRows {
    pub(super) in_base: bool,
    pub(super) rows: Range<u32>,
}

/// The runs of an overlay, checked.
#[derive(Debug)]
pub(super) struct RowRuns(Vec<RowRun>);

impl RowRuns {
    /// None unless the runs cover `rows` rows, use each of the overlay's `own_rows` once and in order, and name only
    /// rows that a base of `base_rows` has.
    pub(super) fn new(runs: &[RowRun], rows: u32, own_rows: u32, base_rows: u32) -> Option<Self> {
        let (mut end, mut own) = (0, 0);
        for run in runs {
            let len = run.end.checked_sub(end).filter(|len| *len > 0)?;
            let last = run.first.checked_add(len)?;
            if run.in_base {
                if last > base_rows {
                    return None;
                }
            } else {
                if run.first != own {
                    return None;
                }
                own = last;
            }
            end = run.end;
        }
        (end == rows && own == own_rows).then(|| Self(runs.to_vec()))
    }

    /// Whether a row lies in the base, and its number in the file where it lies.
    pub(super) fn locate(&self, row: u32) -> Option<(bool, u32)> {
        let at = self.0.partition_point(|run| run.end <= row);
        let run = self.0.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.0[before].end);
        Some((run.in_base, run.first + (row - start)))
    }

    /// Where consecutive rows lie.
    pub(super) fn split(&self, rows: RangeInclusive<u32>) -> Vec<FileRows> {
        let (first, last) = rows.into_inner();
        let from = self.0.partition_point(|run| run.end <= first);
        let mut start = from.checked_sub(1).map_or(0, |before| self.0[before].end);
        let mut found = Vec::new();
        for run in &self.0[from..] {
            if start > last {
                break;
            }
            let number_of = |row: u32| run.first + (row - start);
            let rows = number_of(first.max(start))..number_of(run.end.min(last + 1));
            found.push(FileRows { in_base: run.in_base, rows });
            start = run.end;
        }
        found
    }
}
