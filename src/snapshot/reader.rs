//! An open snapshot, and its directories read straight from the mapping. Each directory is checked against its digest
//! whenever it is read, so what was never read was never relied on.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::block::{Block, Child};
use super::digest::directory_digest;
use super::header::Header;
use super::index::{Columns, Row, View};
use super::listing::Listing;
use super::mapping::{Mapped, OpenedFile};
use super::meta::{Device, Meta};
use super::overlay::{FileRows, RowRuns};
use crate::error::Context as _;
use crate::metadata::Flags;
use crate::path::push;
use crate::{Error, Result};

/// An open snapshot.
///
/// Opening costs the same for any size. A directory is checked against its digest when it is read.
///
/// The file is mapped. This crate never changes a snapshot in place: it replaces it by a rename, which
/// leaves an open one as it is. If *something else* truncates the file while it is mapped, the
/// system sends SIGBUS at the next access. The `fastdiff` program turns that into a clear error. A
/// program that uses this library and cannot rule it out should do the same:
/// [`Snapshot::mapped_range`] tells which addresses belong to the file.
pub struct Snapshot {
    pub(super) mapped: Mapped,
    pub(super) path: PathBuf,
    pub(super) header: Header,
    pub(super) meta: Meta,
    /// None if its bytes were copied: then nothing can change them.
    pub(super) file: Option<OpenedFile>,
    /// The inode of the file, 0 if there is none.
    pub(super) inode: u64,
    pub(super) overlay: Option<Overlay>,
}

/// The open base of an overlay, and which rows lie there.
#[derive(Debug)]
pub(super) struct Overlay {
    pub(super) base: Box<Snapshot>,
    pub(super) runs: RowRuns,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("path", &self.path).field("header", &self.header).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Makes sure that no other program has written into the file since it was opened, nor into the base of an overlay.
    /// Then what was read from the mapping is what was checked, to the granularity of the file system's time stamps.
    ///
    /// # Errors
    /// [`Error::Snapshot`] if one has, [`Error::Io`] if the system does not tell.
    pub fn check_unchanged(&self) -> Result<()> {
        let unchanged = |file: &OpenedFile| file.is_unchanged(|| self.verify().is_ok());
        if !self.file.as_ref().map_or(Ok(true), unchanged).context("read", &self.path)? {
            return Err(Error::damaged(&self.path, "another program wrote to it while it was read"));
        }
        self.overlay_base().map_or(Ok(()), Self::check_unchanged)
    }

    /// The base of an overlay; none if this snapshot stands by itself.
    pub fn overlay_base(&self) -> Option<&Self> {
        Some(&*self.overlay.as_ref()?.base)
    }

    /// Whether a directory lies in this file, and not in the base of an overlay.
    pub(super) fn is_own(&self, row: u32) -> bool {
        self.overlay.as_ref().is_none_or(|overlay| overlay.runs.locate(row).is_some_and(|(in_base, _)| !in_base))
    }

    /// The file that holds a row, and its number there.
    fn locate(&self, row: u32) -> Option<(&View<'_>, usize)> {
        let Some(overlay) = &self.overlay else { return Some((self.view(false), row as usize)) };
        let (in_base, row) = overlay.runs.locate(row)?;
        Some((self.view(in_base), row as usize))
    }

    /// The columns of this file, or of the base of an overlay.
    fn view(&self, in_base: bool) -> &View<'_> {
        let base = self.overlay.as_ref().filter(|_| in_base).map(|overlay| &overlay.base.mapped);
        base.unwrap_or(&self.mapped).borrow_dependent()
    }

    /// In which file consecutive rows lie.
    pub(super) fn file_rows(&self, rows: RangeInclusive<u32>) -> Vec<FileRows> {
        match &self.overlay {
            Some(overlay) => overlay.runs.split(rows),
            None => vec![FileRows { in_base: false, rows: *rows.start()..rows.end() + 1 }],
        }
    }

    /// What a file holds of such rows.
    pub(super) fn columns(&self, FileRows { in_base, rows }: &FileRows) -> Result<Columns<'_>> {
        self.view(*in_base).columns(rows).ok_or_else(|| self.outside())
    }

    fn outside(&self) -> Error {
        Error::damaged(&self.path, "a directory lies outside of the index")
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

    /// When the oldest state in this snapshot was seen: at its own start, or at that of the base from which it carried
    /// over what could not be read.
    pub(crate) fn oldest_state(&self) -> (i64, u32) {
        let own = (self.header.started.sec, self.header.started.nsec);
        match &self.meta.base {
            Some((_, oldest)) if self.header.root_flags.contains(Flags::CARRIED) => own.min(*oldest),
            _ => own,
        }
    }

    /// The addresses at which the file is mapped, for a SIGBUS handler. An overlay's [base](Self::overlay_base) has its
    /// own.
    pub fn mapped_range(&self) -> std::ops::Range<usize> {
        let range = self.mapped.borrow_owner().as_ptr_range();
        range.start as usize..range.end as usize
    }

    /// The row of the directory that holds the roots.
    pub(crate) fn top(&self) -> u32 {
        self.header.directories - 1
    }

    /// What the index says of a directory.
    pub(crate) fn row(&self, row: u32) -> Result<Row> {
        self.locate(row).and_then(|(view, at)| view.row(at)).ok_or_else(|| self.outside())
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
        let block = self.locate(row).and_then(|(view, at)| view.block(at));
        block.ok_or_else(|| Error::damaged(&self.path, "a block lies outside of the file"))
    }

    /// The metadata of a child of a directory whose listing was checked before. Its name is left out.
    pub(crate) fn checked_child(&self, row: u32, place: u32) -> Result<Child<'_>> {
        let block = Block::parse_rows(self.block_bytes(row)?).filter(|b| (place as usize) < b.len());
        Ok(block.ok_or_else(|| self.unreadable(row))?.child(place as usize, b""))
    }

    fn unreadable(&self, row: u32) -> Error {
        Error::damaged(&self.path, format!("directory record {row} cannot be read"))
    }

    /// The child directories of a directory in name order. They are found backwards: the last child is the row
    /// before the directory, and the child before that lies one subtree further up.
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

    /// Checks a directory against its digest. Returns its block and the rows of its child directories.
    ///
    /// # Errors
    /// A damaged snapshot.
    pub(crate) fn check(&self, row: u32) -> Result<(&[u8], Vec<u32>)> {
        let block = self.block_bytes(row)?;
        let subdirs = self.subdirs(row)?;
        let rows = subdirs.iter().map(|subdir| {
            self.row(*subdir).map_or_else(
                // It was there a moment ago. The default matches no digest.
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

    /// The records of a directory without their names, checked against its digest, and the rows of its child
    /// directories.
    ///
    /// # Errors
    /// A damaged snapshot.
    pub(crate) fn block(&self, row: u32) -> Result<(Block<'_>, Vec<u32>)> {
        let (block, subdirs) = self.check(row)?;
        Ok((Block::parse_rows(block).ok_or_else(|| self.unreadable(row))?, subdirs))
    }

    /// The same, for a directory that was checked before.
    ///
    /// # Errors
    /// A damaged snapshot.
    pub(crate) fn checked_block(&self, row: u32) -> Result<(Block<'_>, Vec<u32>)> {
        let block = Block::parse_rows(self.block_bytes(row)?).ok_or_else(|| self.unreadable(row))?;
        Ok((block, self.subdirs(row)?))
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

    /// The path of a directory. Costs one listing for each level.
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

    /// The file system of a directory: the one mounted nearest above it.
    pub(crate) fn device_of(&self, row: u32) -> Option<&Device> {
        let from = self.meta.mounts.partition_point(|m| m.row < row);
        let holder =
            self.meta.mounts[from..].iter().find(|m| self.subtree_rows(m.row).is_ok_and(|rows| rows.contains(&row)))?;
        self.meta.devices.get(holder.device as usize)
    }
}
