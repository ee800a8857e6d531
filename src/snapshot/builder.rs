//! Collects finished directories, from many threads and in any order. The writer puts them into post-order, so the
//! bytes depend on the tree alone and not on which thread was first.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashSet;

use super::block::{Child, encode};
use super::counting::counts_below;
use super::digest::{Digest, directory_digest};
use super::header::Counts;
use super::index::Row;
use super::reader::Snapshot;
use super::spill::{BlockStore, Spill, StoredBlock};
use crate::metadata::{DeviceIndex, Flags};
use crate::{Error, Result};

/// Which record of a builder: its shard, and its number there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RecordId {
    pub(super) shard: u32,
    pub(super) number: u32,
}

/// A finished directory: what its parent needs to know of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BuiltDir {
    pub(super) record: RecordId,
    pub(crate) digest: Digest,
    /// Number of directories of the subtree, including this one.
    pub(crate) subtree: u32,
    /// All flags of the entries below.
    pub(crate) flags: Flags,
    /// Counts of all entries below. If `counted_from` is a row of the base: the difference from the entries below that
    /// row, modulo 2⁶⁴.
    pub(super) counts: Counts,
    pub(super) counted_from: Option<u32>,
    /// Its row in the base, if it is there with all that lies below it.
    pub(super) base_row: Option<u32>,
}

#[derive(Debug)]
pub(super) enum Content {
    /// Read by this scan: its block and its child directories in name order.
    Read { block: StoredBlock, subdirs: Box<[RecordId]>, digest: Digest, flags: Flags, subtree: u32 },
    /// The same as this row of the base, with all that lies below it.
    InBase(u32),
}

#[derive(Debug)]
pub(super) struct DirRecord {
    /// The file system that it lies on. None for the directory that holds the roots, and for what is in the base.
    pub(super) device: Option<DeviceIndex>,
    pub(super) content: Content,
}

#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) records: Vec<DirRecord>,
    pub(super) store: BlockStore,
    scratch: Vec<u8>,
}

/// Each has a lock of its own, so that threads rarely wait for each other.
const SHARDS: usize = 8;

/// How many bytes of blocks stay in memory: those of some 450,000 entries.
const IN_MEMORY: usize = 24 << 20;

/// A larger buffer is freed, and not used again for the next directory.
const LARGE: usize = 1 << 20;

/// Collects the directories of one scan.
#[derive(Debug)]
pub(crate) struct Builder<'b> {
    pub(super) shards: Box<[Mutex<Shard>]>,
    pub(super) base: Option<&'b Snapshot>,
    pub(super) spill: Spill,
    output: PathBuf,
    /// Parts of the base are kept without being read. So they are not counted either: counts are differences from the
    /// base.
    pub(super) counts_from_base: bool,
    /// The first error of a method that cannot return it.
    pub(super) failed: Mutex<Option<Error>>,
    /// The inodes of files with several names whose directories are gone.
    removed_links: Mutex<Vec<u64>>,
}

impl Shard {
    /// Adds a row of the base.
    pub(super) fn add_base_row(&mut self, number: u32, row: u32, summary: Row, counts: Counts) -> BuiltDir {
        let record = RecordId { shard: number, number: self.records.len() as u32 };
        self.records.push(DirRecord { device: None, content: Content::InBase(row) });
        let Row { digest, subtree, flags } = summary;
        BuiltDir { record, digest, subtree, flags, counts, counted_from: None, base_row: Some(row) }
    }
}

impl BuiltDir {
    /// The same directory after `added` more entries became racy.
    pub(super) fn with_racy(mut self, digest: Digest, flags: Flags, added: u64) -> Self {
        self.counts.racy += added;
        Self { digest, flags, ..self }
    }
}

impl<'b> Builder<'b> {
    /// [`carry`](Self::carry) takes directories from `base`, and so does [`keep`](Self::keep) if `keeps_unread`.
    /// Blocks for which there is no room in memory go to an unnamed file beside `output`.
    pub(crate) fn new(base: Option<&'b Snapshot>, keeps_unread: bool, output: &Path) -> Self {
        Self::with_limit(base, keeps_unread, output, IN_MEMORY)
    }

    fn with_limit(base: Option<&'b Snapshot>, keeps_unread: bool, output: &Path, limit: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        let beside = output.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let spill = Spill::new(beside, limit);
        Self {
            shards,
            base,
            spill,
            output: output.to_owned(),
            counts_from_base: keeps_unread,
            failed: Mutex::default(),
            removed_links: Mutex::default(),
        }
    }

    /// All records, once no other thread adds any.
    pub(super) fn shards(&mut self) -> Vec<&mut Shard> {
        self.shards_and_spill().0
    }

    pub(super) fn shards_and_spill(&mut self) -> (Vec<&mut Shard>, &Spill) {
        (self.shards.iter_mut().map(|s| s.get_mut().unwrap_or_else(PoisonError::into_inner)).collect(), &self.spill)
    }

    /// The snapshot that is to be written.
    pub(super) fn output(&self) -> &Path {
        &self.output
    }

    /// Adds a directory: its children sorted by name, and what became of the child directories, in the same order.
    /// `shard` spreads the callers over the locks. `base_row` is the same directory in the base. If both are equal,
    /// with all that lies below, only the row is remembered.
    pub(crate) fn directory<'a>(
        &self,
        shard: usize,
        device: DeviceIndex,
        base_row: Option<u32>,
        children: impl Iterator<Item = Child<'a>> + Clone,
        subdirs: &[BuiltDir],
    ) -> BuiltDir {
        self.add(shard, Some(device), base_row, children, subdirs)
    }

    fn add<'a>(
        &self,
        shard: usize,
        device: Option<DeviceIndex>,
        base_row: Option<u32>,
        children: impl Iterator<Item = Child<'a>> + Clone,
        subdirs: &[BuiltDir],
    ) -> BuiltDir {
        let number = shard % self.shards.len();
        let mut shard = self.shards[number].lock().unwrap_or_else(PoisonError::into_inner);
        let shard = &mut *shard;
        let mut flags = subdirs.iter().fold(Flags::empty(), |all, s| all | s.flags);
        let mut counts = Counts::default();
        for child in children.clone() {
            flags |= child.flags_above();
            counts.add(&child);
        }
        counts = subdirs.iter().fold(counts, |all, s| all.plus(&s.counts));
        let counted_from = base_row.filter(|_| self.counts_from_base);
        if let (Some(base), Some(row)) = (self.base, counted_from) {
            match self.count_from(base, row, counts, subdirs) {
                Ok(difference) => counts = difference,
                Err(error) => self.fail(error),
            }
        }
        shard.scratch.clear();
        encode(children, &mut shard.scratch);
        if let Some((row, summary)) = base_row.and_then(|row| self.same_in_base(row, &shard.scratch, subdirs)) {
            return BuiltDir { counted_from, ..shard.add_base_row(number as u32, row, summary, counts) };
        }
        let Shard { records, store, scratch, .. } = shard;
        let (content, finished) = self.store(store, scratch, flags, subdirs);
        let record = RecordId { shard: number as u32, number: records.len() as u32 };
        records.push(DirRecord { device, content });
        if scratch.capacity() > LARGE {
            *scratch = Vec::new();
        }
        BuiltDir { record, counts, counted_from, ..finished }
    }

    /// Stores the block of a directory that is not in the base. The caller sets record and counts.
    pub(super) fn store(
        &self,
        store: &mut BlockStore,
        block: &[u8],
        flags: Flags,
        subdirs: &[BuiltDir],
    ) -> (Content, BuiltDir) {
        let digest = directory_digest(block, subdirs.iter().map(|s| (s.digest, s.subtree, s.flags.bits())));
        let subtree = 1 + subdirs.iter().map(|s| s.subtree).sum::<u32>();
        let block = match store.add(block, &self.spill) {
            Ok(block) => block,
            Err(source) => {
                let error = Error::Io { operation: "write", path: self.output.clone(), source };
                self.fail(error);
                StoredBlock::default()
            }
        };
        let records = subdirs.iter().map(|s| s.record).collect();
        let content = Content::Read { block, subdirs: records, digest, flags, subtree };
        let (counts, counted_from, base_row) = (Counts::default(), None, None);
        (content, BuiltDir { record: RecordId::default(), digest, subtree, flags, counts, counted_from, base_row })
    }

    /// The row of the base, if it is undamaged and has this block and these child directories.
    fn same_in_base(&self, row: u32, block: &[u8], subdirs: &[BuiltDir]) -> Option<(u32, Row)> {
        let base = self.base?;
        if base.block_bytes(row).ok()? != block {
            return None;
        }
        let (_, rows) = base.check(row).ok()?;
        let is_same = subdirs.iter().map(|s| s.base_row).eq(rows.into_iter().map(Some));
        Some((row, base.row(row).ok()?)).filter(|_| is_same)
    }

    /// Carries a directory over from the base, with all that lies below it. Costs one pass over that.
    ///
    /// # Errors
    /// A damaged base.
    pub(crate) fn carry(&self, row: u32) -> Result<Option<BuiltDir>> {
        let Some(base) = self.base else { return Ok(None) };
        let counts = counts_below(base, row, |_| ())?;
        let summary = base.row(row)?;
        let mut shard = self.shards[0].lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(shard.add_base_row(0, row, summary, counts)))
    }

    /// Keeps a directory of the base unread, with all that lies below it. Costs the same for any number of entries.
    ///
    /// # Errors
    /// A damaged base.
    pub(crate) fn keep(&self, row: u32) -> Result<Option<BuiltDir>> {
        let Some(base) = self.base.filter(|_| self.counts_from_base) else { return Ok(None) };
        let summary = base.row(row)?;
        let mut shard = self.shards[0].lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(BuiltDir { counted_from: Some(row), ..shard.add_base_row(0, row, summary, Counts::default()) }))
    }

    /// How many more entries a directory holds, with all below it, than the row `base_row` of the base, modulo 2⁶⁴.
    /// `counts` are those of its own children and of its child directories.
    fn count_from(&self, base: &Snapshot, base_row: u32, counts: Counts, subdirs: &[BuiltDir]) -> Result<Counts> {
        let mut before = Counts::default();
        let mut rows = Vec::new();
        for node in base.listing(base_row)? {
            before.add(&node.child);
            rows.extend(node.row);
        }
        let still_there: FxHashSet<_> = subdirs.iter().filter_map(|s| s.counted_from).collect();
        // All that lay below a directory that is gone, or was replaced, is gone too.
        for row in rows.into_iter().filter(|row| !still_there.contains(row)) {
            let mut links = Vec::new();
            before = before.plus(&counts_below(base, row, |child| {
                if child.is_linked() {
                    links.push(child.stat.ino);
                }
            })?);
            self.removed_links.lock().unwrap_or_else(PoisonError::into_inner).extend(links);
        }
        Ok(counts.minus(&before))
    }

    /// The inodes of files with several names whose directories are gone. Empties the list.
    pub(crate) fn take_removed_links(&mut self) -> Vec<u64> {
        std::mem::take(self.removed_links.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    fn fail(&self, error: Error) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Adds the directory that holds the roots.
    pub(crate) fn top<'a>(&self, roots: impl Iterator<Item = Child<'a>> + Clone, subdirs: &[BuiltDir]) -> BuiltDir {
        let mut top = self.add(0, None, None, roots, subdirs);
        if let Some(base) = self.base.filter(|_| self.counts_from_base) {
            match self.count_from(base, base.top(), top.counts, subdirs) {
                Ok(difference) => top.counts = base.header().counts.plus(&difference),
                Err(error) => self.fail(error),
            }
        }
        top
    }
}

#[cfg(test)]
#[path = "builder_tests.rs"]
mod tests;
