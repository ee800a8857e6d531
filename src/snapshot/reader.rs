//! Opens a snapshot and reads its directories straight from the mapping. Each directory is checked
//! against its digest when it is read; what was never read was never relied on.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use self_cell::self_cell;

use super::block::{Block, Child};
use super::builder::directory_digest;
use super::header::{Digest, HEADER_LEN, Header, digest};
use super::listing::Listing;
use super::open::{OpenedFile, map, open_regular};
use super::overlay::Overlay;
use super::tables::{ArchivedMeta, Device, Meta, View};
use crate::error::Context as _;
use crate::metadata::Flags;
use crate::path::push;
use crate::{Error, Result, SnapshotProblem};

self_cell!(
    struct Mapped {
        owner: Mmap,
        #[covariant]
        dependent: View,
    }
);

/// An open snapshot.
///
/// Opening costs the same for any size; a directory is checked against its digest when it is read.
///
/// The file is mapped. Snapshots are never changed in place by this crate, only replaced by a rename,
/// which leaves an open one as it is. If *something else* truncates the file while it is mapped, the
/// system sends SIGBUS at the next access; the `fastdiff` program turns that into a clear error, and a
/// program that uses this library and cannot rule it out should do the same
/// ([`Snapshot::mapped_range`] tells which addresses are meant).
pub struct Snapshot {
    mapped: Mapped,
    path: PathBuf,
    header: Header,
    meta: Meta,
    file: OpenedFile,
    /// The inode of the file, 0 where there is none.
    inode: u64,
    pub(super) overlay: Option<Overlay>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("path", &self.path).field("header", &self.header).finish_non_exhaustive()
    }
}

/// What the index says of one directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) digest: Digest,
    /// Number of directories of the subtree, itself included.
    pub(crate) subtree: u32,
    /// All flags of the entries below.
    pub(crate) flags: Flags,
}

impl Snapshot {
    /// Opens a snapshot and checks its header, its account of the scan and its bounds.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Snapshot`] if it is no snapshot that this
    /// version can use.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let mut snapshot = Self::open_flat(path.as_ref())?;
        if let Some(meta) = &snapshot.meta.overlay {
            let header = &snapshot.header;
            snapshot.overlay = Some(Overlay::open(&snapshot.path, meta, header.directories, header.own_directories)?);
        }
        let top = snapshot.row(snapshot.top())?;
        if top.digest != snapshot.header.root_digest
            || top.flags != snapshot.header.root_flags
            || top.subtree != snapshot.header.directories
        {
            return Err(Error::damaged(&snapshot.path, "the index does not match the header"));
        }
        Ok(snapshot)
    }

    /// Opens a file without the base that it may need.
    pub(super) fn open_flat(path: &Path) -> Result<Self> {
        let problem = |problem| Error::Snapshot { path: path.to_owned(), problem };
        let file = open_regular(path)?;
        let metadata = file.metadata().context("read", path)?;
        if metadata.len() == 0 {
            return Err(problem(SnapshotProblem::Empty));
        }
        let map = map(&file).context("map", path)?;
        let len = map.len() as u64;
        // Copies of what is small: checked and used is the same, whatever another program writes meanwhile.
        let header = map[..HEADER_LEN.min(map.len())].to_vec();
        let header = Header::decode(&header, len).map_err(problem)?;
        let section = |offset: u64, len: u64| -> Result<std::ops::Range<usize>> {
            let end = offset.checked_add(len).filter(|e| *e <= header.file_len && offset >= HEADER_LEN as u64);
            let end = end.ok_or_else(|| Error::damaged(path, "a section lies outside of the file"))?;
            Ok(offset as usize..end as usize)
        };
        let meta_bytes = map[section(header.meta_offset, header.meta_len)?].to_vec();
        if digest(&meta_bytes) != header.meta_digest {
            return Err(Error::damaged(path, "the account of the scan does not match its digest"));
        }
        let archived = rkyv::access::<ArchivedMeta, rkyv::rancor::Error>(&meta_bytes)
            .map_err(|_| Error::damaged(path, "the account of the scan cannot be read"))?;
        let meta = rkyv::deserialize::<Meta, rkyv::rancor::Error>(archived)
            .map_err(|_| Error::damaged(path, "the account of the scan cannot be read"))?;
        let index_range = section(header.index_offset, header.index_len)?;
        let rows = header.own_directories as usize;
        if meta.overlay.is_none() && header.own_directories != header.directories {
            return Err(Error::damaged(path, "it lacks directories"));
        }
        let mapped = Mapped::try_new(map, |map| -> Result<View<'_>> {
            let blocks = &map[HEADER_LEN..header.index_offset as usize];
            let view = View::new(blocks, &map[index_range], rows).filter(|_| rows > 0);
            view.ok_or_else(|| Error::damaged(path, "the index cannot be read"))
        })?;
        let (file, inode) = (OpenedFile::new(file, &metadata), inode(&metadata));
        Ok(Self { mapped, path: path.to_owned(), header, meta, file, inode, overlay: None })
    }

    /// Makes sure that no other program has written into the file, or into that of an overlay's base, since it was opened:
    /// then what was read from the mapping is what was checked, to the granularity of the file system's time stamps.
    ///
    /// # Errors
    /// [`Error::Snapshot`] if one has; [`Error::Io`] if the system does not say.
    pub fn check_unchanged(&self) -> Result<()> {
        if !self.file.is_as_it_was(|| self.verify().is_ok()).context("read", &self.path)? {
            return Err(Error::damaged(&self.path, "another program wrote to it while it was read"));
        }
        self.overlay_base().map_or(Ok(()), Self::check_unchanged)
    }

    /// The snapshot that an overlay needs; none if this one stands by itself.
    pub fn overlay_base(&self) -> Option<&Self> {
        Some(&*self.overlay.as_ref()?.base)
    }

    /// Whether a directory lies in this file, and not in the base of an overlay.
    pub(super) fn is_own(&self, row: u32) -> bool {
        self.overlay.as_ref().is_none_or(|overlay| overlay.locate(row).is_some_and(|(of_base, _)| !of_base))
    }

    /// The file that holds a row, and its number there.
    fn locate(&self, row: u32) -> Option<(&View<'_>, usize)> {
        let Some(overlay) = &self.overlay else { return Some((self.view(false), row as usize)) };
        let (of_base, row) = overlay.locate(row)?;
        Some((self.view(of_base), row as usize))
    }

    /// The columns of the base of an overlay, or of this file.
    pub(super) fn view(&self, of_base: bool) -> &View<'_> {
        let base = self.overlay.as_ref().filter(|_| of_base).map(|overlay| &overlay.base.mapped);
        base.unwrap_or(&self.mapped).borrow_dependent()
    }

    /// Whether it was opened from the file with this inode, or its overlay's base was.
    pub(crate) fn is_file(&self, inode: u64) -> bool {
        inode != 0 && (self.inode == inode || self.overlay_base().is_some_and(|base| base.inode == inode))
    }

    /// The file that it was opened from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Counts, times, digests.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Roots, filters, file systems.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// When the oldest state was seen that this snapshot holds: its own beginning, or that of the base from
    /// which it took over what could not be read.
    pub(crate) fn oldest_state(&self) -> (i64, u32) {
        let own = (self.header.started.sec, self.header.started.nsec);
        match &self.meta.base {
            Some((_, oldest)) if self.header.root_flags.contains(Flags::CARRIED) => own.min(*oldest),
            _ => own,
        }
    }

    /// The addresses at which the file is mapped, for a SIGBUS handler. An overlay's [base](Self::overlay_base) has its own.
    pub fn mapped_range(&self) -> std::ops::Range<usize> {
        let range = self.mapped.borrow_owner().as_ptr_range();
        range.start as usize..range.end as usize
    }

    /// The row of the directory that holds the roots.
    pub(crate) fn top(&self) -> u32 {
        self.header.directories - 1
    }

    pub(crate) fn row(&self, row: u32) -> Result<Row> {
        let outside = || Error::damaged(&self.path, "a directory lies outside of the index");
        let (index, at) = self.locate(row).ok_or_else(outside)?;
        match (index.digest.get(at), index.subtree.get(at), index.flags.get(at)) {
            (Some(digest), Some(subtree), Some([flags])) => Ok(Row {
                digest: *digest,
                subtree: u32::from_le_bytes(*subtree),
                flags: Flags::from_bits_retain(*flags),
            }),
            _ => Err(outside()),
        }
    }

    /// The rows of the subtree of `row`, which is the last of them.
    pub(crate) fn subtree_rows(&self, row: u32) -> Result<RangeInclusive<u32>> {
        let subtree = self.row(row)?.subtree;
        match (row + 1).checked_sub(subtree) {
            Some(first) if subtree > 0 => Ok(first..=row),
            _ => Err(Error::damaged(&self.path, "a subtree is larger than the index")),
        }
    }

    /// The block of a directory, unchecked.
    pub(crate) fn block_bytes(&self, row: u32) -> Result<&[u8]> {
        let outside = || Error::damaged(&self.path, "a block lies outside of the file");
        let (view, at) = self.locate(row).ok_or_else(outside)?;
        let start = match at.checked_sub(1) {
            None => 0,
            Some(before) => view.block_end.get(before).map_or(u64::MAX, |e| u64::from_le_bytes(*e)),
        };
        let end = view.block_end.get(at).map_or(0, |e| u64::from_le_bytes(*e));
        usize::try_from(start)
            .ok()
            .zip(usize::try_from(end).ok())
            .and_then(|(start, end)| view.blocks.get(start..end))
            .ok_or_else(outside)
    }

    /// The metadata of a child of a directory whose listing was checked before; its name is left out.
    pub(crate) fn checked_child(&self, row: u32, place: u32) -> Result<Child<'_>> {
        let block = Block::parse_rows(self.block_bytes(row)?).filter(|b| (place as usize) < b.len());
        Ok(block.ok_or_else(|| self.unreadable(row))?.child(place as usize, b""))
    }

    fn unreadable(&self, row: u32) -> Error {
        Error::damaged(&self.path, format!("directory record {row} cannot be read"))
    }

    /// The child directories of a directory in name order. Found backwards: the last child is the row
    /// before the directory, the one before it lies a subtree further up.
    fn subdirs(&self, row: u32) -> Result<Vec<u32>> {
        let first = *self.subtree_rows(row)?.start();
        let mut subdirs = Vec::new();
        let mut end = row;
        while end > first {
            let child = end - 1;
            let start = *self.subtree_rows(child)?.start();
            if start < first {
                return Err(Error::damaged(&self.path, "a subtree is larger than its parent's"));
            }
            subdirs.push(child);
            end = start;
        }
        subdirs.reverse();
        Ok(subdirs)
    }

    /// Checks a directory against its digest; its block and its child directories.
    ///
    /// # Errors
    /// A damaged snapshot.
    pub(crate) fn check(&self, row: u32) -> Result<(&[u8], Vec<u32>)> {
        let block = self.block_bytes(row)?;
        let subdirs = self.subdirs(row)?;
        let rows = subdirs.iter().map(|subdir| {
            self.row(*subdir).map_or_else(
                // It was there a moment ago: another digest than any.
                |_| Default::default(),
                |row| (row.digest, row.subtree, row.flags.bits()),
            )
        });
        if directory_digest(block, rows) != self.row(row)?.digest {
            return Err(Error::damaged(&self.path, format!("directory record {row} does not match its digest")));
        }
        Ok((block, subdirs))
    }

    /// The children of a directory, checked against its digest.
    ///
    /// # Errors
    /// A damaged snapshot.
    pub(crate) fn listing(&self, row: u32) -> Result<Listing<'_>> {
        let (block, subdirs) = self.check(row)?;
        let block = Block::parse(block).ok_or_else(|| self.unreadable(row))?;
        Ok(Listing::new(block, subdirs))
    }

    /// The file systems that begin at directories of these rows.
    pub(crate) fn mounts_in(&self, rows: RangeInclusive<u32>) -> impl Iterator<Item = (u32, &Device)> {
        let from = self.meta.mounts.partition_point(|m| m.row < *rows.start());
        let inside = self.meta.mounts[from..].iter().take_while(move |m| m.row <= *rows.end());
        inside.filter_map(|m| Some((m.row, self.meta.devices.get(m.device as usize)?)))
    }

    /// The rows of the directories at which a file system begins.
    pub(crate) fn mount_rows(&self) -> impl Iterator<Item = u32> + '_ {
        self.meta.mounts.iter().map(|m| m.row)
    }

    /// The path of a directory. Costs a listing per level.
    pub(crate) fn path_of(&self, row: u32) -> Result<Vec<u8>> {
        let mut path = Vec::new();
        let mut at = self.top();
        while at != row {
            let mut next = None;
            for node in self.listing(at)? {
                if let Some(child) = node.row
                    && self.subtree_rows(child)?.contains(&row)
                {
                    push(&mut path, node.child.name);
                    next = Some(child);
                }
            }
            at = next.ok_or_else(|| Error::damaged(&self.path, "a mount point lies outside of the tree"))?;
        }
        Ok(path)
    }

    /// The file system that begins at a directory.
    pub(crate) fn mounted_at(&self, row: u32) -> Option<&Device> {
        let at = self.meta.mounts.binary_search_by_key(&row, |m| m.row).ok()?;
        self.meta.devices.get(self.meta.mounts[at].device as usize)
    }

    /// The file system of a directory: that of the nearest mount whose subtree holds it.
    pub(crate) fn device_of(&self, row: u32) -> Option<&Device> {
        let from = self.meta.mounts.partition_point(|m| m.row < row);
        let holder =
            self.meta.mounts[from..].iter().find(|m| self.subtree_rows(m.row).is_ok_and(|rows| rows.contains(&row)))?;
        self.meta.devices.get(holder.device as usize)
    }
}

#[cfg(unix)]
fn inode(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_metadata: &std::fs::Metadata) -> u64 {
    0
}
