//! Takes finished directories in any order, from many threads, and writes them in post-order. The
//! bytes depend on the tree alone, never on who finished first.

use std::io::Write as _;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::Xxh3Default;

use super::block::{Child, Encoder};
use super::header::{Counts, Digest, HEADER_LEN, Header, canonical, digest};
use super::reader::{Row, Snapshot};
use super::tables::{Device, Index, Meta, Mount};
use crate::entry::{Flags, Kind};
use crate::error::Context as _;
use crate::monitor::Monitor;
use crate::sys::durable::AtomicFile;
use crate::{Error, Result};

/// A finished directory: what its parent needs to know of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finished {
    shard: u32,
    place: u32,
    pub(crate) digest: Digest,
    /// Number of directories of the subtree, itself included.
    pub(crate) subtree: u32,
    /// All flags of the entries below.
    pub(crate) flags: Flags,
    /// The entries below.
    counts: Counts,
    /// Its row in the base, if it is taken over from there with all that lies below it.
    of_base: Option<u32>,
}

#[derive(Debug)]
pub(super) enum Content {
    /// Read by this scan: its block and its child directories in name order.
    Read { block: Box<[u8]>, subdirs: Box<[(u32, u32)]>, digest: Digest, flags: Flags, subtree: u32 },
    /// Taken over from the base, with all that lies below it: the row there.
    Carried(u32),
}

#[derive(Debug)]
pub(super) struct Record {
    pub(super) device: u32,
    pub(super) content: Content,
}

#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) records: Vec<Record>,
    encoder: Encoder,
    scratch: Vec<u8>,
}

/// Collects the directories of one scan.
#[derive(Debug)]
pub(crate) struct Builder<'b> {
    shards: Box<[Mutex<Shard>]>,
    pub(super) base: Option<&'b Snapshot>,
}

impl Shard {
    fn carry(&mut self, number: u32, row: u32, summary: Row, counts: Counts) -> Finished {
        let place = self.records.len() as u32;
        self.records.push(Record { device: u32::MAX, content: Content::Carried(row) });
        let Row { digest, subtree, flags } = summary;
        Finished { shard: number, place, digest, subtree, flags, counts, of_base: Some(row) }
    }
}

impl Finished {
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

/// The digest of a directory: its block, then digest, size and flags of each child directory.
pub(crate) fn directory_digest(block: &[u8], subdirs: impl ExactSizeIterator<Item = (Digest, u32, u8)>) -> Digest {
    if subdirs.len() == 0 {
        return digest(block);
    }
    let mut hasher = Xxh3Default::new();
    hasher.update(block);
    for (digest, subtree, flags) in subdirs {
        let mut row = [0; 21];
        row[..16].copy_from_slice(&digest);
        row[16..20].copy_from_slice(&subtree.to_le_bytes());
        row[20] = flags;
        hasher.update(&row);
    }
    canonical(hasher.digest128())
}

impl Counts {
    pub(crate) fn add(&mut self, child: &Child<'_>) {
        self.entries += 1;
        match child.kind() {
            Kind::File => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(child.stat.size);
            }
            Kind::Dir => self.dirs += 1,
            Kind::Symlink => self.symlinks += 1,
            _ => self.other += 1,
        }
        self.racy += u64::from(child.flags.contains(Flags::RACY));
        self.unknown += u64::from(child.flags.intersects(Flags::UNKNOWN | Flags::UNLISTED));
    }

    fn sum(self, other: &Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            files: self.files + other.files,
            dirs: self.dirs + other.dirs,
            symlinks: self.symlinks + other.symlinks,
            other: self.other + other.other,
            bytes: self.bytes.saturating_add(other.bytes),
            racy: self.racy + other.racy,
            unknown: self.unknown + other.unknown,
        }
    }
}

impl<'b> Builder<'b> {
    /// For `threads` threads; `base` is what [`carry`](Self::carry) takes from.
    pub(crate) fn new(threads: usize, base: Option<&'b Snapshot>) -> Self {
        Self { shards: (0..threads.max(1)).map(|_| Mutex::default()).collect(), base }
    }

    /// All records, when no other thread adds any.
    pub(super) fn shards(&mut self) -> Vec<&mut Shard> {
        self.shards.iter_mut().map(|s| s.get_mut().unwrap_or_else(PoisonError::into_inner)).collect()
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
        subdirs: &[Finished],
    ) -> Finished {
        let number = shard % self.shards.len();
        let mut shard = self.shards[number].lock().unwrap_or_else(PoisonError::into_inner);
        let shard = &mut *shard;
        let mut flags = subdirs.iter().fold(Flags::empty(), |all, s| all | s.flags);
        let mut counts = subdirs.iter().fold(Counts::default(), |all, s| all.sum(&s.counts));
        for child in children.clone() {
            flags |= child.flags;
            counts.add(&child);
        }
        shard.scratch.clear();
        shard.encoder.encode(children, &mut shard.scratch);
        if let Some((row, summary)) = known.and_then(|row| self.same_in_base(row, &shard.scratch, subdirs)) {
            return shard.carry(number as u32, row, summary, counts);
        }
        let digest = directory_digest(&shard.scratch, subdirs.iter().map(|s| (s.digest, s.subtree, s.flags.bits())));
        let subtree = 1 + subdirs.iter().map(|s| s.subtree).sum::<u32>();
        let content = Content::Read {
            block: shard.scratch.as_slice().into(),
            subdirs: subdirs.iter().map(|s| (s.shard, s.place)).collect(),
            digest,
            flags,
            subtree,
        };
        let place = shard.records.len() as u32;
        shard.records.push(Record { device, content });
        Finished { shard: number as u32, place, digest, subtree, flags, counts, of_base: None }
    }

    /// The row of the base, if it is undamaged and has this block and these child directories.
    fn same_in_base(&self, row: u32, block: &[u8], subdirs: &[Finished]) -> Option<(u32, Row)> {
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
    pub(crate) fn carry(&self, row: u32) -> Result<Option<Finished>> {
        let Some(base) = self.base else { return Ok(None) };
        let mut counts = Counts::default();
        for row in base.subtree_rows(row)? {
            for node in base.listing(row)? {
                counts.add(&node.child);
            }
        }
        let summary = base.row(row)?;
        let mut shard = self.shards[0].lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(shard.carry(0, row, summary, counts)))
    }

    /// Writes the snapshot whose roots lie in the directory `top`. `header` and `meta` come with what
    /// only the scan knows; the rest is filled in here. `devices` is in the order of the numbers that
    /// [`directory`](Self::directory) was given.
    pub(crate) fn write(
        self,
        top: Finished,
        devices: &[Device],
        mut meta: Meta,
        mut header: Header,
        mut file: AtomicFile,
        monitor: &dyn Monitor,
    ) -> Result<Header> {
        let base = self.base;
        let mut shards = Vec::with_capacity(self.shards.len());
        for shard in self.shards {
            shards.push(shard.into_inner().unwrap_or_else(PoisonError::into_inner).records);
        }
        header.counts = top.counts;
        let path = &file.destination().to_owned();
        file.write_all(&[0; HEADER_LEN]).context("write", path)?;
        let mut out =
            Output { file, path, index: Index::default(), end: 0, meta: &mut meta, numbers: FxHashMap::default() };
        out.directories(&shards, top, devices, base)?;
        let Output { mut file, index, end, .. } = out;

        header.index_offset = HEADER_LEN as u64 + end;
        header.directories = u32::try_from(index.digest.len()).map_err(|_| too_many(path))?;
        header.own_directories = header.directories;
        let archive = rkyv::to_bytes::<rkyv::rancor::Error>(&index).map_err(|e| internal(path, &e))?;
        drop(index);
        header.index_len = archive.len() as u64;
        file.write_all(&archive).context("write", path)?;
        let archive = rkyv::to_bytes::<rkyv::rancor::Error>(&meta).map_err(|e| internal(path, &e))?;
        header.meta_offset = header.index_offset + header.index_len;
        header.meta_len = archive.len() as u64;
        header.meta_digest = digest(&archive);
        file.write_all(&archive).context("write", path)?;
        header.file_len = header.meta_offset + header.meta_len;
        header.root_digest = top.digest;
        header.root_flags = top.flags;
        file.replace_start(&header.encode())?;
        if monitor.cancelled() {
            return Err(Error::Interrupted);
        }
        file.commit()?;
        Ok(header)
    }
}

fn too_many(path: &std::path::Path) -> Error {
    Error::Output { path: path.to_owned(), reason: "would hold more than 4,294,967,295 directories; split the roots" }
}

fn internal(path: &std::path::Path, error: &rkyv::rancor::Error) -> Error {
    Error::Io { operation: "lay out", path: path.to_owned(), source: std::io::Error::other(error.to_string()) }
}

struct Output<'a> {
    file: AtomicFile,
    path: &'a std::path::Path,
    index: Index,
    end: u64,
    meta: &'a mut Meta,
    /// From the identity and boundary of a device to its number in the table that is written.
    numbers: FxHashMap<Device, u32>,
}

impl Output<'_> {
    /// Writes all directories in post-order. Iterative: the tree may be deeper than the stack.
    fn directories(
        &mut self,
        shards: &[Vec<Record>],
        top: Finished,
        devices: &[Device],
        base: Option<&Snapshot>,
    ) -> Result<()> {
        struct Open<'a> {
            record: &'a Record,
            next: usize,
            parent_device: u32,
        }
        let record = |shard: u32, place: u32| &shards[shard as usize][place as usize];
        let mut stack = vec![Open { record: record(top.shard, top.place), next: 0, parent_device: u32::MAX }];
        while let Some(open) = stack.last_mut() {
            match &open.record.content {
                Content::Carried(row) => {
                    let above = devices.get(open.parent_device as usize);
                    if let Some(base) = base {
                        self.carried(base, base.subtree_rows(*row)?, above, devices)?;
                    }
                    stack.pop();
                }
                Content::Read { block, subdirs, digest, flags, subtree } => {
                    if let Some(&(shard, place)) = subdirs.get(open.next) {
                        open.next += 1;
                        let parent_device = open.record.device;
                        stack.push(Open { record: record(shard, place), next: 0, parent_device });
                        continue;
                    }
                    if open.record.device != open.parent_device && open.record.device != u32::MAX {
                        self.mount(self.index.digest.len() as u32, &devices[open.record.device as usize]);
                    }
                    self.row(block, *digest, flags.bits(), *subtree)?;
                    stack.pop();
                }
            }
        }
        Ok(())
    }

    /// The directory of a row begins a file system.
    fn mount(&mut self, row: u32, device: &Device) {
        let device = if let Some(number) = self.numbers.get(device) {
            *number
        } else {
            let number = self.meta.devices.len() as u32;
            self.meta.devices.push(device.clone());
            self.numbers.insert(device.clone(), number);
            number
        };
        self.meta.mounts.push(Mount { row, device });
    }

    fn row(&mut self, block: &[u8], digest: Digest, flags: u8, subtree: u32) -> Result<()> {
        self.file.write_all(block).context("write", self.path)?;
        self.end += block.len() as u64;
        self.index.block_end.push(self.end);
        self.index.subtree.push(subtree);
        self.index.flags.push(flags);
        self.index.digest.push(digest);
        Ok(())
    }

    /// Takes over a subtree of the base: its columns and blocks as they are, its file systems by what this scan
    /// calls them.
    fn carried(&mut self, base: &Snapshot, rows: RangeInclusive<u32>, above: Option<&Device>, met: &[Device]) -> Result<()> {
        let top = *rows.end();
        let first = self.index.digest.len() as u32;
        let mut begins: Vec<_> = base.mounts_in(rows.clone()).collect();
        if begins.last().is_none_or(|(row, _)| *row != top)
            && let Some(device) = base.device_of(top).filter(|d| above.is_none_or(|a| a.identity != d.identity))
        {
            begins.push((top, device));
        }
        for (row, device) in begins {
            let now = met.iter().find(|m| !m.identity.is_empty() && (&m.kind, &m.identity) == (&device.kind, &device.identity));
            self.mount(first + (row - rows.start()), now.unwrap_or(device));
        }
        for run in base.runs(rows) {
            let columns = base.columns(&run)?;
            let shift = self.end.wrapping_sub(columns.start);
            self.file.write_all(columns.blocks).context("write", self.path)?;
            self.end += columns.blocks.len() as u64;
            let index = &mut self.index;
            index.block_end.extend(columns.block_end.iter().map(|end| u64::from_le_bytes(*end).wrapping_add(shift)));
            index.subtree.extend(columns.subtree.iter().map(|n| u32::from_le_bytes(*n)));
            index.flags.extend(columns.flags.iter().map(|[flags]| *flags));
            index.digest.extend_from_slice(columns.digest);
        }
        Ok(())
    }
}
