//! Writes what a builder collected, in post-order: the whole tree, or as an overlay only what differs from a base.

use std::io::Write as _;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::PoisonError;

use rustc_hash::FxHashMap;

use super::builder::{Builder, BuiltDir, Content, DirRecord, RecordId, Shard};
use super::digest::digest;
use super::header::{HEADER_LEN, Header};
use super::index::{Index, Row};
use super::meta::{Device, Meta, Mount};
use super::overlay::{OverlayMeta, RowRun};
use super::reader::Snapshot;
use super::spill::BlockStore;
use super::stored_meta;
use crate::error::Context as _;
use crate::metadata::DeviceIndex;
use crate::monitor::Monitor;
use crate::path::to_bytes;
use crate::sys::durable::AtomicFile;
use crate::{Error, OutputProblem, Result};

impl Builder<'_> {
    /// Writes the snapshot whose roots lie in the directory `top`. `header` and `meta` hold what only the scan knows;
    /// the rest is filled in here. `devices` is the table that the numbers given to [`directory`](Self::directory)
    /// belong to. With `overlay` only what differs from the base is written, if that is little. If the base is itself
    /// an overlay, the new one lies over the same base.
    #[expect(clippy::too_many_arguments, reason = "all parts of a snapshot, in one place")]
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
        header.root_digest = top.digest;
        header.root_flags = top.flags;
        write_archives(&mut file, path, index, meta, &mut header)?;
        file.replace_start(&header.encode())?;
        if monitor.cancelled() {
            return Err(Error::Interrupted);
        }
        file.commit()?;
        Ok(header)
    }
}

/// Writes the index and the meta archive after the blocks, and fills in what the header says of them.
fn write_archives(file: &mut AtomicFile, path: &Path, index: Index, meta: Meta, header: &mut Header) -> Result<()> {
    header.own_directories = index.len() as u32;
    let archive = rkyv::to_bytes::<rkyv::rancor::Error>(&index).map_err(|e| internal(path, &e))?;
    drop(index);
    header.index_len = archive.len() as u64;
    file.write_all(&archive).context("write", path)?;
    let archive = stored_meta::encode(meta).map_err(|e| internal(path, &e))?;
    header.meta_offset = header.index_offset + header.index_len;
    header.meta_len = archive.len() as u64;
    header.meta_digest = digest(&archive);
    file.write_all(&archive).context("write", path)?;
    header.file_len = header.meta_offset + header.meta_len;
    Ok(())
}

/// If an overlay would hold more than one in this many of the directories, a whole snapshot is written: the overlay
/// would save little, and be slower to read.
const LARGEST_PART: u32 = 4;

/// An overlay with at most this many directories of its own is always written.
const FEW: usize = 64;

fn is_worth_it(base: &Snapshot, directories: u32, shards: &[Shard]) -> bool {
    let is_read = |record: &&DirRecord| matches!(record.content, Content::Read { .. });
    let read = shards.iter().flat_map(|shard| &shard.records).filter(is_read).count();
    let own = if base.overlay_base().is_some() { base.header().own_directories as usize } else { 0 };
    read + own <= FEW.max((directories / LARGEST_PART) as usize)
}

/// The absolute path of a snapshot.
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

/// A directory that is being written: first its child directories, then itself.
struct OpenRecord<'a> {
    store: &'a BlockStore,
    record: &'a DirRecord,
    /// Which child directory comes next.
    next: usize,
    parent_device: Option<DeviceIndex>,
}

struct SnapshotOutput<'a> {
    file: AtomicFile,
    path: &'a Path,
    index: Index,
    end: u64,
    /// For an overlay: its base, whose directories need not be written again.
    over: Option<&'a Snapshot>,
    runs: Vec<RowRun>,
    /// The first row of the last run.
    runs_start: u32,
    /// Directories so far, written or not.
    rows: u32,
    meta: &'a mut Meta,
    /// The position of each device in [`Meta::devices`].
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
        let open = |id: RecordId, parent_device| {
            let shard = &shards[id.shard as usize];
            OpenRecord { store: &shard.store, record: &shard.records[id.number as usize], next: 0, parent_device }
        };
        let mut buffer = Vec::new();
        let mut stack = vec![open(top.record, None)];
        while let Some(last) = stack.last_mut() {
            match &last.record.content {
                Content::InBase(row) => {
                    let above = last.parent_device.and_then(|device| devices.get(device.index()));
                    if let Some(base) = base {
                        self.copy_subtree(base, base.subtree_rows(*row)?, above, devices)?;
                    }
                    stack.pop();
                }
                Content::Read { block, subdirs, digest, flags, subtree } => {
                    let device = last.record.device;
                    if let Some(&subdir) = subdirs.get(last.next) {
                        last.next += 1;
                        stack.push(open(subdir, device));
                        continue;
                    }
                    if let Some(number) = device.filter(|_| device != last.parent_device) {
                        self.mount(self.rows, &devices[number.index()]);
                    }
                    let block =
                        last.store.get(*block, &mut buffer).context("read back what is written to", self.path)?;
                    self.row(block, Row { digest: *digest, subtree: *subtree, flags: *flags })?;
                    stack.pop();
                }
            }
        }
        Ok(())
    }

    /// Records that a file system begins at the directory of a row.
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

    fn row(&mut self, block: &[u8], row: Row) -> Result<()> {
        self.file.write_all(block).context("write", self.path)?;
        self.end += block.len() as u64;
        self.add_rows(1, None)?;
        self.index.push(self.end, row);
        Ok(())
    }

    /// Counts the rows that come next: those of the overlay's base that begin at `base_row`, or own ones.
    fn add_rows(&mut self, count: u32, base_row: Option<u32>) -> Result<()> {
        let start = self.rows;
        self.rows = start.checked_add(count).ok_or_else(|| too_many(self.path))?;
        if self.over.is_none() {
            return Ok(());
        }
        let first = base_row.unwrap_or(self.index.len() as u32);
        if let Some(last) = self.runs.last_mut()
            && last.in_base == base_row.is_some()
            && last.first + (start - self.runs_start) == first
        {
            last.end = self.rows;
        } else {
            self.runs_start = start;
            self.runs.push(RowRun { end: self.rows, first, in_base: base_row.is_some() });
        }
        Ok(())
    }

    /// Copies a subtree of the base: its columns and blocks as they are. Its file systems are looked up among those
    /// that this scan `met`.
    fn copy_subtree(
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
        // If the base is an overlay, the new one lies over the same file as it does.
        let base_is_overlay = base.overlay_base().is_some();
        for run in base.file_rows(rows) {
            let len = run.rows.end - run.rows.start;
            if self.over.is_some() && run.in_base == base_is_overlay {
                self.add_rows(len, Some(run.rows.start))?;
                continue;
            }
            self.add_rows(len, None)?;
            let columns = base.columns(&run)?;
            let shift = self.end.wrapping_sub(columns.start);
            self.file.write_all(columns.blocks).context("write", self.path)?;
            self.end += columns.blocks.len() as u64;
            self.index.extend(&columns, shift);
        }
        Ok(())
    }
}
