//! A snapshot that holds only the directories in which it differs from another one, its base. The rows of the
//! whole tree are numbered as in any snapshot; runs of them are the overlay's own rows or those of the base.

use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use rkyv::{Archive, Deserialize, Serialize};

use super::header::Digest;
use super::reader::Snapshot;
use crate::path::to_path;
use crate::{Error, Result, SnapshotProblem};

/// What an overlay says of its base.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct OverlayMeta {
    /// The digest of the base's header.
    pub(crate) base: Digest,
    /// Where the base lay: an absolute path.
    pub(crate) path: Vec<u8>,
    /// Every row belongs to one of them, in order.
    pub(crate) runs: Vec<RowRun>,
}

/// Consecutive rows from one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct RowRun {
    /// The row after the last one.
    pub(crate) end: u32,
    /// The number of the first one in its file.
    pub(crate) first: u32,
    /// Whether that file is the base.
    pub(crate) of_base: bool,
}

/// The base of an open overlay, and which rows are whose.
#[derive(Debug)]
pub(super) struct Overlay {
    pub(super) base: Box<Snapshot>,
    pub(super) runs: Vec<RowRun>,
}

impl Overlay {
    /// Opens the base of the overlay at `path`, which has so many rows in all and of its own.
    pub(super) fn open(path: &Path, meta: &OverlayMeta, rows: u32, own_rows: u32) -> Result<Self> {
        let base = open_base(path, meta)?;
        let damaged = || Error::damaged(path, "the table of its base's rows is wrong");
        if base.overlay_base().is_some() {
            return Err(damaged());
        }
        let (mut end, mut own) = (0, 0);
        for run in &meta.runs {
            let len = run.end.checked_sub(end).filter(|len| *len > 0).ok_or_else(damaged)?;
            let last = run.first.checked_add(len).ok_or_else(damaged)?;
            if run.of_base {
                if last > base.top() + 1 {
                    return Err(damaged());
                }
            } else {
                // Each of its own rows once, in order.
                if run.first != own {
                    return Err(damaged());
                }
                own = last;
            }
            end = run.end;
        }
        if end != rows || own != own_rows {
            return Err(damaged());
        }
        Ok(Self { base: Box::new(base), runs: meta.runs.clone() })
    }

    /// Where a row lies: in the base or not, and its number there.
    pub(super) fn locate(&self, row: u32) -> Option<(bool, u32)> {
        let at = self.runs.partition_point(|run| run.end <= row);
        let run = self.runs.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.runs[before].end);
        Some((run.of_base, run.first + (row - start)))
    }
}

/// The base lies beside the overlay, where it lay then, or nowhere.
fn open_base(overlay: &Path, meta: &OverlayMeta) -> Result<Snapshot> {
    let lay = to_path(&meta.path).into_owned();
    let mut candidates: Vec<PathBuf> = Vec::new();
    if let Some(name) = lay.file_name() {
        candidates.push(overlay.parent().unwrap_or(Path::new("")).join(name));
    }
    candidates.push(lay.clone());
    let (mut found_another, mut failed) = (false, None);
    for candidate in candidates {
        match Snapshot::open_flat(&candidate) {
            Ok(base) if base.header().identity == meta.base => return Ok(base),
            Ok(_) => found_another = true,
            Err(Error::Snapshot { problem: SnapshotProblem::Missing, .. }) => {}
            Err(error) => failed = Some(error),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let problem = SnapshotProblem::NoBase { base: lay, is_replaced: found_another };
    Err(Error::Snapshot { path: overlay.to_owned(), problem })
}

/// Consecutive rows of one file, by their numbers there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileRows {
    pub(super) of_base: bool,
    pub(super) rows: Range<u32>,
}

/// What a file holds of consecutive rows.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    /// Where the first block starts, as `block_end` counts.
    pub(super) start: u64,
    pub(super) blocks: &'a [u8],
    pub(super) block_end: &'a [[u8; 8]],
    pub(super) subtree: &'a [[u8; 4]],
    pub(super) flags: &'a [[u8; 1]],
    pub(super) digest: &'a [Digest],
}

impl Snapshot {
    /// In which file rows lie.
    pub(super) fn runs(&self, rows: RangeInclusive<u32>) -> Vec<FileRows> {
        let (first, last) = rows.into_inner();
        let Some(overlay) = &self.overlay else { return vec![FileRows { of_base: false, rows: first..last + 1 }] };
        let from = overlay.runs.partition_point(|run| run.end <= first);
        let mut start = from.checked_sub(1).map_or(0, |before| overlay.runs[before].end);
        let mut found = Vec::new();
        for run in &overlay.runs[from..] {
            if start > last {
                break;
            }
            let at = |row: u32| run.first + (row - start);
            found.push(FileRows { of_base: run.of_base, rows: at(first.max(start))..at(run.end.min(last + 1)) });
            start = run.end;
        }
        found
    }

    /// What the file holds of such rows.
    pub(super) fn columns(&self, FileRows { of_base, rows }: &FileRows) -> Result<Columns<'_>> {
        let view = self.view(*of_base);
        let range = rows.start as usize..rows.end as usize;
        let end = |row: usize| view.block_end.get(row).map(|end| u64::from_le_bytes(*end));
        let start = range.start.checked_sub(1).map_or(Some(0), end);
        let last = range.end.checked_sub(1).and_then(end);
        let columns = (|| {
            Some(Columns {
                start: start?,
                blocks: view.blocks.get(usize::try_from(start?).ok()?..usize::try_from(last?).ok()?)?,
                block_end: view.block_end.get(range.clone())?,
                subtree: view.subtree.get(range.clone())?,
                flags: view.flags.get(range.clone())?,
                digest: view.digest.get(range)?,
            })
        })();
        columns.ok_or_else(|| Error::damaged(self.path(), "a directory lies outside of the index"))
    }
}
