//! Takes finished directories in any order, from many threads, and writes them in post-order. The
//! bytes depend on the tree alone, never on who finished first.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use xxhash_rust::xxh3::Xxh3Default;

use super::block::{Child, encode};
use super::counting::counts_below;
use super::header::{Counts, Digest, canonical, digest};
use super::reader::{Row, Snapshot};
use super::spill::{BlockStore, Spill, StoredBlock};
use crate::metadata::Flags;
use crate::{Error, Result};

/// A finished directory: what its parent needs to know of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BuiltDir {
    pub(super) shard: u32,
    pub(super) place: u32,
    pub(crate) digest: Digest,
    /// Number of directories of the subtree, itself included.
    pub(crate) subtree: u32,
    /// All flags of the entries below.
    pub(crate) flags: Flags,
    /// The entries below, all of them, or only what they are more than those below the row `beyond` of the base.
    pub(super) counts: Counts,
    pub(super) beyond: Option<u32>,
    /// Its row in the base, if it is taken over from there with all that lies below it.
    pub(super) of_base: Option<u32>,
}

#[derive(Debug)]
pub(super) enum Content {
    /// Read by this scan: its block and its child directories in name order.
    Read { block: StoredBlock, subdirs: Box<[(u32, u32)]>, digest: Digest, flags: Flags, subtree: u32 },
    /// Taken over from the base, with all that lies below it: the row there.
    Carried(u32),
}

#[derive(Debug)]
pub(super) struct DirRecord {
    pub(super) device: u32,
    pub(super) content: Content,
}

#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) records: Vec<DirRecord>,
    pub(super) store: BlockStore,
    scratch: Vec<u8>,
}

/// Threads that come with different numbers rarely wait for each other.
const SHARDS: usize = 8;

/// So many bytes of blocks stay in memory: those of some 450,000 entries.
const IN_MEMORY: usize = 24 << 20;

/// A buffer of this size is not kept for the next directory.
const LARGE: usize = 1 << 20;

/// Collects the directories of one scan.
#[derive(Debug)]
pub(crate) struct Builder<'b> {
    pub(super) shards: Box<[Mutex<Shard>]>,
    pub(super) base: Option<&'b Snapshot>,
    pub(super) spill: Spill,
    output: PathBuf,
    /// Parts of the base are kept without being looked at, and so without being counted.
    pub(super) keeps: bool,
    /// The first error of those who cannot return it.
    pub(super) failed: Mutex<Option<Error>>,
    /// The inodes of files with several names that were removed with their directories.
    pub(super) gone: Mutex<Vec<u64>>,
}

impl Shard {
    pub(super) fn carry(&mut self, number: u32, row: u32, summary: Row, counts: Counts) -> BuiltDir {
        let place = self.records.len() as u32;
        self.records.push(DirRecord { device: u32::MAX, content: Content::Carried(row) });
        let Row { digest, subtree, flags } = summary;
        BuiltDir { shard: number, place, digest, subtree, flags, counts, beyond: None, of_base: Some(row) }
    }
}

impl BuiltDir {
    /// Which record it is.
    pub(super) fn place(&self) -> (u32, u32) {
        (self.shard, self.place)
    }

    /// The same directory after `added` more entries became racy.
    pub(super) fn revised(mut self, digest: Digest, flags: Flags, added: u64) -> Self {
        self.counts.racy += added;
        Self { digest, flags, ..self }
    }
}

/// A larger block is hashed where it lies; a smaller one is sooner copied.
const COPIED: usize = 16 * 1024;

/// The digest of a directory: its block, then digest, size and flags of each child directory.
pub(crate) fn directory_digest(block: &[u8], subdirs: impl ExactSizeIterator<Item = (Digest, u32, u8)>) -> Digest {
    if subdirs.len() == 0 {
        return digest(block);
    }
    let mut bytes = Vec::with_capacity(subdirs.len() * 21 + if block.len() <= COPIED { block.len() } else { 0 });
    if block.len() <= COPIED {
        bytes.extend_from_slice(block);
    }
    for (digest, subtree, flags) in subdirs {
        bytes.extend_from_slice(&digest);
        bytes.extend_from_slice(&subtree.to_le_bytes());
        bytes.push(flags);
    }
    if block.len() <= COPIED {
        return digest(&bytes);
    }
    let mut hasher = Xxh3Default::new();
    hasher.update(block);
    hasher.update(&bytes);
    canonical(hasher.digest128())
}

impl<'b> Builder<'b> {
    /// `base` is what [`carry`](Self::carry) and, if `keeps` says so, [`keep`](Self::keep)
    /// take from.
    /// What has no room in memory waits beside `output`.
    pub(crate) fn new(base: Option<&'b Snapshot>, keeps: bool, output: &Path) -> Self {
        Self::with_limit(base, keeps, output, IN_MEMORY)
    }

    pub(super) fn with_limit(base: Option<&'b Snapshot>, keeps: bool, output: &Path, limit: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        let beside = output.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let spill = Spill::new(beside, limit);
        Self { shards, base, spill, output: output.to_owned(), keeps, failed: Mutex::default(), gone: Mutex::default() }
    }

    /// All records, when no other thread adds any.
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

    /// Adds a directory: its children sorted by name, and the handles of those that are directories,
    /// in the same order. `shard` spreads the callers over the locks. If it is what the row `known` of the base
    /// is, with all that lies below it, that is taken over.
    pub(crate) fn directory<'a>(
        &self,
        shard: usize,
        device: u32,
        known: Option<u32>,
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
        let beyond = known.filter(|_| self.keeps);
        if let (Some(base), Some(row)) = (self.base, beyond) {
            match self.beyond_base(base, row, counts, subdirs) {
                Ok(more) => counts = more,
                Err(error) => self.fail(error),
            }
        }
        shard.scratch.clear();
        encode(children, &mut shard.scratch);
        if let Some((row, summary)) = known.and_then(|row| self.same_in_base(row, &shard.scratch, subdirs)) {
            return BuiltDir { beyond, ..shard.carry(number as u32, row, summary, counts) };
        }
        let Shard { records, store, scratch, .. } = shard;
        let (content, finished) = self.read(store, scratch, flags, subdirs);
        let place = records.len() as u32;
        records.push(DirRecord { device, content });
        if scratch.capacity() > LARGE {
            *scratch = Vec::new();
        }
        BuiltDir { shard: number as u32, place, counts, beyond, ..finished }
    }

    /// Stores a block.
    pub(super) fn read(
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
        let places = subdirs.iter().map(BuiltDir::place).collect();
        let content = Content::Read { block, subdirs: places, digest, flags, subtree };
        let (counts, of_base) = (Counts::default(), None);
        (content, BuiltDir { shard: 0, place: 0, digest, subtree, flags, counts, beyond: None, of_base })
    }

    /// The row of the base, if it is undamaged and has this block and these child directories.
    fn same_in_base(&self, row: u32, block: &[u8], subdirs: &[BuiltDir]) -> Option<(u32, Row)> {
        let base = self.base?;
        if base.block_bytes(row).ok()? != block {
            return None;
        }
        let (_, rows) = base.check(row).ok()?;
        let is_same = subdirs.iter().map(|s| s.of_base).eq(rows.into_iter().map(Some));
        Some((row, base.row(row).ok()?)).filter(|_| is_same)
    }

    /// Takes a directory over from the base, with all that lies below it.
    ///
    /// # Errors
    /// A damaged base.
    pub(crate) fn carry(&self, row: u32) -> Result<Option<BuiltDir>> {
        let Some(base) = self.base else { return Ok(None) };
        let counts = counts_below(base, row, |_| ())?;
        let summary = base.row(row)?;
        let mut shard = self.shards[0].lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(shard.carry(0, row, summary, counts)))
    }

    /// Keeps a directory of the base, with all that lies below it, unread. Costs the same whatever that is.
    ///
    /// # Errors
    /// A damaged base.
    pub(crate) fn keep(&self, row: u32) -> Result<Option<BuiltDir>> {
        let Some(base) = self.base.filter(|_| self.keeps) else { return Ok(None) };
        let summary = base.row(row)?;
        let mut shard = self.shards[0].lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(BuiltDir { beyond: Some(row), ..shard.carry(0, row, summary, Counts::default()) }))
    }

    /// The inodes of files with several names that were removed with their directories.
    pub(crate) fn gone(&mut self) -> Vec<u64> {
        std::mem::take(self.gone.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    fn fail(&self, error: Error) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Adds the directory that holds the roots.
    pub(crate) fn top<'a>(&self, roots: impl Iterator<Item = Child<'a>> + Clone, subdirs: &[BuiltDir]) -> BuiltDir {
        let mut top = self.directory(0, u32::MAX, None, roots, subdirs);
        if let Some(base) = self.base.filter(|_| self.keeps) {
            match self.beyond_base(base, base.top(), top.counts, subdirs) {
                Ok(more) => top.counts = base.header().counts.plus(&more),
                Err(error) => self.fail(error),
            }
        }
        top
    }
}

#[cfg(test)]
#[path = "builder_tests.rs"]
mod tests;
