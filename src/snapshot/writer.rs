//! Writes what a builder collected, in post-order: the whole tree, or only what differs from a base.

use std::io::Write as _;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::PoisonError;

use rustc_hash::FxHashMap;

use super::builder::{Builder, BuiltDir, Content, DirRecord, Shard};
use super::header::{Digest, HEADER_LEN, Header, digest};
use super::overlay::{OverlayMeta, RowRun};
use super::reader::Snapshot;
use super::spill::BlockStore;
use super::tables::{Device, Index, Meta, Mount};
use crate::error::Context as _;
use crate::monitor::Monitor;
use crate::path::to_bytes;
use crate::sys::durable::AtomicFile;
use crate::{Error, OutputProblem, Result};

impl Builder<'_> {
    /// Writes the snapshot whose roots lie in the directory `top`. `header` and `meta` come with what
    /// only the scan knows; the rest is filled in here. `devices` is in the order of the numbers that
    /// [`directory`](Self::directory) was given. As an `overlay` it holds only what differs from the file in which the
    /// base's directories lie, if that is little.
    #[expect(clippy::too_many_arguments, reason = "all that a snapshot is made of, once")]
    pub(crate) fn write(
        self,
        top: BuiltDir,
        devices: &[Device],
        mut meta: Meta,
        mut header: Header,
        overlay: bool,
        mut file: AtomicFile,
        monitor: &dyn Monitor,
    ) -> Result<Header> {
        if let Some(error) = self.failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let base = self.base;
        let mut shards = Vec::with_capacity(self.shards.len());
        for shard in self.shards {
            shards.push(shard.into_inner().unwrap_or_else(PoisonError::into_inner));
        }
        header.counts = top.counts;
        let over = base.filter(|base| overlay && is_worth_it(base, top.subtree, &shards));
        let over = over.map(|base| base.overlay_base().unwrap_or(base));
        let path = &file.destination().to_owned();
        file.write_all(&[0; HEADER_LEN]).context("write", path)?;
        let mut out = SnapshotOutput {
            file,
            path,
            index: Index::default(),
            end: 0,
            over,
            runs: Vec::new(),
            runs_start: 0,
            rows: 0,
            meta: &mut meta,
            numbers: FxHashMap::default(),
        };
        if over.is_none() {
            out.index.reserve(top.subtree as usize);
        }
        out.directories(&shards, top, devices, base)?;
        drop(shards);
        let SnapshotOutput { mut file, index, end, runs, rows, .. } = out;
        meta.overlay = over.map(|base| OverlayMeta { base: base.header().identity, path: absolute(base), runs });

        header.index_offset = HEADER_LEN as u64 + end;
        header.directories = rows;
        header.own_directories = index.digest.len() as u32;
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

/// An overlay that holds more than this part of the directories is written whole: it would be slower to read and to
/// grow, and save little.
const MOST_OF_AN_OVERLAY: u32 = 4;

/// Below so many directories of its own any overlay is fine.
const FEW: usize = 64;

fn is_worth_it(base: &Snapshot, directories: u32, shards: &[Shard]) -> bool {
    let is_read = |record: &&DirRecord| matches!(record.content, Content::Read { .. });
    let read = shards.iter().flat_map(|shard| &shard.records).filter(is_read).count();
    let own = if base.overlay_base().is_some() { base.header().own_directories as usize } else { 0 };
    read + own <= FEW.max((directories / MOST_OF_AN_OVERLAY) as usize)
}

/// Where a snapshot lies, for whoever looks for it from elsewhere.
fn absolute(snapshot: &Snapshot) -> Vec<u8> {
    let path = snapshot.path();
    to_bytes(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned())).into_owned()
}

fn too_many(path: &Path) -> Error {
    Error::output(path, OutputProblem::TooManyDirectories)
}

fn internal(path: &Path, error: &rkyv::rancor::Error) -> Error {
    Error::Io { operation: "lay out", path: path.to_owned(), source: std::io::Error::other(error.to_string()) }
}

struct SnapshotOutput<'a> {
    file: AtomicFile,
    path: &'a Path,
    index: Index,
    end: u64,
    /// The file whose directories need not be written again.
    over: Option<&'a Snapshot>,
    runs: Vec<RowRun>,
    /// Where the last run starts.
    runs_start: u32,
    /// Directories so far, written or not.
    rows: u32,
    meta: &'a mut Meta,
    /// From the identity and boundary of a device to its number in the table that is written.
    numbers: FxHashMap<Device, u32>,
}

impl SnapshotOutput<'_> {
    /// Writes all directories in post-order. Iterative: the tree may be deeper than the stack.
    fn directories(
        &mut self,
        shards: &[Shard],
        top: BuiltDir,
        devices: &[Device],
        base: Option<&Snapshot>,
    ) -> Result<()> {
        struct Open<'a> {
            store: &'a BlockStore,
            record: &'a DirRecord,
            next: usize,
            parent_device: u32,
        }
        let open = |(shard, place): (u32, u32), parent_device| {
            let shard = &shards[shard as usize];
            Open { store: &shard.store, record: &shard.records[place as usize], next: 0, parent_device }
        };
        let mut buffer = Vec::new();
        let mut stack = vec![open(top.place(), u32::MAX)];
        while let Some(last) = stack.last_mut() {
            match &last.record.content {
                Content::Carried(row) => {
                    let above = devices.get(last.parent_device as usize);
                    if let Some(base) = base {
                        self.carried(base, base.subtree_rows(*row)?, above, devices)?;
                    }
                    stack.pop();
                }
                Content::Read { block, subdirs, digest, flags, subtree } => {
                    if let Some(&subdir) = subdirs.get(last.next) {
                        last.next += 1;
                        let device = last.record.device;
                        stack.push(open(subdir, device));
                        continue;
                    }
                    if last.record.device != last.parent_device && last.record.device != u32::MAX {
                        self.mount(self.rows, &devices[last.record.device as usize]);
                    }
                    let block =
                        last.store.get(*block, &mut buffer).context("read back what is written to", self.path)?;
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
        self.add_rows(1, None)?;
        self.index.block_end.push(self.end);
        self.index.subtree.push(subtree);
        self.index.flags.push(flags);
        self.index.digest.push(digest);
        Ok(())
    }

    /// So many rows come next: from the file that is `over`, from such a row on, or our own.
    fn add_rows(&mut self, count: u32, of_base: Option<u32>) -> Result<()> {
        let start = self.rows;
        self.rows = start.checked_add(count).ok_or_else(|| too_many(self.path))?;
        if self.over.is_none() {
            return Ok(());
        }
        let first = of_base.unwrap_or(self.index.digest.len() as u32);
        if let Some(last) = self.runs.last_mut()
            && last.of_base == of_base.is_some()
            && last.first + (start - self.runs_start) == first
        {
            last.end = self.rows;
        } else {
            self.runs_start = start;
            self.runs.push(RowRun { end: self.rows, first, of_base: of_base.is_some() });
        }
        Ok(())
    }

    /// Takes over a subtree of the base: its columns and blocks as they are, its file systems by what this scan
    /// calls them.
    fn carried(
        &mut self,
        base: &Snapshot,
        rows: RangeInclusive<u32>,
        above: Option<&Device>,
        met: &[Device],
    ) -> Result<()> {
        let top = *rows.end();
        let first = self.rows;
        let mut begins: Vec<_> = base.mounts_in(rows.clone()).collect();
        if begins.last().is_none_or(|(row, _)| *row != top)
            && let Some(device) = base.device_of(top).filter(|d| above.is_none_or(|a| a.identity != d.identity))
        {
            begins.push((top, device));
        }
        for (row, device) in begins {
            let now = met
                .iter()
                .find(|m| !m.identity.is_empty() && (&m.kind, &m.identity) == (&device.kind, &device.identity));
            self.mount(first + (row - rows.start()), now.unwrap_or(device));
        }
        // The file in which those of the base's rows lie that are not its own, if it is an overlay.
        let below = base.overlay_base().is_some();
        for run in base.runs(rows) {
            let len = run.rows.end - run.rows.start;
            if self.over.is_some() && run.of_base == below {
                self.add_rows(len, Some(run.rows.start))?;
                continue;
            }
            self.add_rows(len, None)?;
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
