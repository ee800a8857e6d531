//! The index of a snapshot: one row per directory, in flat columns of numbers. Written with rkyv, read in place.

use std::ops::Range;

use rkyv::{Archive, Serialize};

use super::digest::Digest;
use crate::metadata::Flags;

/// One row per directory, each after all that lie below it (post-order), siblings in name order. The
/// last row is the directory that holds the roots.
#[derive(Debug, Default, Archive, Serialize)]
pub(super) struct Index {
    /// Where the directory's block ends, counted from the end of the header. It begins where the
    /// block of the previous row ends.
    pub(super) block_end: Vec<u64>,
    /// The number of rows of the directory's subtree, including this one.
    pub(super) subtree: Vec<u32>,
    /// All flags of the entries below the directory.
    pub(super) flags: Vec<u8>,
    /// The digest of the directory's block and of the rows of its child directories.
    pub(super) digest: Vec<Digest>,
}

impl Index {
    /// Makes room for this many rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.block_end.reserve_exact(rows);
        self.subtree.reserve_exact(rows);
        self.flags.reserve_exact(rows);
        self.digest.reserve_exact(rows);
    }

    /// Adds one row.
    pub(super) fn push(&mut self, block_end: u64, row: Row) {
        self.block_end.push(block_end);
        self.subtree.push(row.subtree);
        self.flags.push(row.flags.bits());
        self.digest.push(row.digest);
    }

    /// Adds rows of another snapshot, whose blocks lie `shift` bytes further on here (modulo 2⁶⁴).
    pub(super) fn extend(&mut self, columns: &Columns<'_>, shift: u64) {
        self.block_end.extend(columns.block_end.iter().map(|end| u64::from_le_bytes(*end).wrapping_add(shift)));
        self.subtree.extend(columns.subtree.iter().map(|n| u32::from_le_bytes(*n)));
        self.flags.extend(columns.flags.iter().map(|[flags]| *flags));
        self.digest.extend_from_slice(columns.digest);
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.digest.len()
    }
}

/// What the index says of one directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) digest: Digest,
    /// Number of directories of the subtree, including this one.
    pub(crate) subtree: u32,
    /// All flags of the entries below.
    pub(crate) flags: Flags,
}

/// The columns of the index, and the blocks. They are found once: a mapping that another program may write to
/// is not asked again where they lie.
pub(super) struct View<'a> {
    blocks: &'a [u8],
    block_end: &'a [[u8; 8]],
    subtree: &'a [[u8; 4]],
    flags: &'a [[u8; 1]],
    digest: &'a [Digest],
}

/// What a file holds of consecutive rows.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    /// Where the first block starts, as `block_end` counts.
    pub(super) start: u64,
    pub(super) blocks: &'a [u8],
    block_end: &'a [[u8; 8]],
    subtree: &'a [[u8; 4]],
    flags: &'a [[u8; 1]],
    digest: &'a [Digest],
}

/// The bytes of an archived vector in the archive's root: its distance from there, its length.
const VECTOR: usize = 16;

impl<'a> View<'a> {
    /// Finds the columns of an index with this many rows: one behind the other, then the four vectors that
    /// point to them. Not through rkyv, which would read their places at every access.
    pub(super) fn new(blocks: &'a [u8], index: &'a [u8], rows: usize) -> Option<Self> {
        let vectors = index.len().checked_sub(4 * VECTOR)?;
        let mut start = 0;
        let view = Self {
            blocks,
            block_end: column(index, vectors, rows, &mut start)?,
            subtree: column(index, vectors + VECTOR, rows, &mut start)?,
            flags: column(index, vectors + 2 * VECTOR, rows, &mut start)?,
            digest: column(index, vectors + 3 * VECTOR, rows, &mut start)?,
        };
        (start == vectors).then_some(view)
    }

    /// A row; none if there are fewer.
    pub(super) fn row(&self, at: usize) -> Option<Row> {
        let (digest, subtree, [flags]) = (self.digest.get(at)?, self.subtree.get(at)?, self.flags.get(at)?);
        let subtree = u32::from_le_bytes(*subtree);
        Some(Row { digest: *digest, subtree, flags: Flags::from_bits_retain(*flags) })
    }

    /// The block of a row; none if it lies outside of the file.
    pub(super) fn block(&self, at: usize) -> Option<&'a [u8]> {
        let start = match at.checked_sub(1) {
            None => 0,
            Some(before) => self.block_end(before)?,
        };
        self.blocks.get(usize::try_from(start).ok()?..usize::try_from(self.block_end(at)?).ok()?)
    }

    /// Consecutive rows and their blocks; none if there are fewer, or a block lies outside of the file.
    pub(super) fn columns(&self, rows: &Range<u32>) -> Option<Columns<'a>> {
        let range = rows.start as usize..rows.end as usize;
        let start = match range.start.checked_sub(1) {
            None => 0,
            Some(before) => self.block_end(before)?,
        };
        let end = self.block_end(range.end.checked_sub(1)?)?;
        Some(Columns {
            start,
            blocks: self.blocks.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)?,
            block_end: self.block_end.get(range.clone())?,
            subtree: self.subtree.get(range.clone())?,
            flags: self.flags.get(range.clone())?,
            digest: self.digest.get(range)?,
        })
    }

    fn block_end(&self, at: usize) -> Option<u64> {
        self.block_end.get(at).map(|end| u64::from_le_bytes(*end))
    }
}

/// The column that begins at `start` and that the vector at `at` points to; `start` moves to its end.
fn column<'a, const SIZE: usize>(
    index: &'a [u8],
    at: usize,
    rows: usize,
    start: &mut usize,
) -> Option<&'a [[u8; SIZE]]> {
    let (distance, len) = index.get(at..at + VECTOR)?.split_at(8);
    let distance = isize::try_from(i64::from_le_bytes(distance.try_into().ok()?)).ok()?;
    let len = u64::from_le_bytes(len.try_into().ok()?);
    if len != rows as u64 || at.checked_add_signed(distance)? != *start {
        return None;
    }
    let end = start.checked_add(rows.checked_mul(SIZE)?)?;
    let column = index.get(*start..end)?.as_chunks().0;
    *start = end;
    Some(column)
}
