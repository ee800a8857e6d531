//! Checks a whole snapshot: digests, bounds, order and counts.

use super::block::Child;
use super::header::{Counts, HEADER_LEN};
use super::reader::Snapshot;
use crate::metadata::Flags;
use crate::{Error, Result, path};

/// How much [`Snapshot::verify`] checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Directory records.
    pub directories: u64,
    /// Entries.
    pub entries: u64,
    /// Size of the file in bytes.
    pub bytes: u64,
}

impl Snapshot {
    /// Reads and checks the whole file. Costs one pass over it.
    ///
    /// # Errors
    /// The first damage found.
    pub fn verify(&self) -> Result<Verified> {
        let mut counts = Counts::default();
        let mut end = HEADER_LEN as u64;
        for row in 0..=self.top() {
            if self.is_own(row) {
                end += self.block_bytes(row)?.len() as u64;
            }
            self.verify_directory(row, &mut counts)?;
        }
        self.verify_meta()?;
        let header = self.header();
        if counts != header.counts {
            return Err(self.damaged("the header's counts are wrong"));
        }
        if end != header.index_offset {
            return Err(self.damaged("it holds bytes that belong to no directory record"));
        }
        Ok(Verified { directories: u64::from(header.directories), entries: counts.entries, bytes: header.file_len })
    }

    /// Checks one directory record and its row of the index. Adds its children to `counts`.
    fn verify_directory(&self, row: u32, counts: &mut Counts) -> Result<()> {
        let damaged = |what: &str| self.damaged(format!("directory record {row} {what}"));
        let listing = self.listing(row)?;
        if listing.block.directories() != listing.subdirs() {
            return Err(damaged("does not match the index"));
        }
        let mut flags = Flags::empty();
        let mut subtree = 1;
        let mut before: Option<Child<'_>> = None;
        for node in listing {
            let child = node.child;
            counts.add(&child);
            flags |= child.flags_above();
            if let Some(row) = node.row {
                let below = self.row(row)?;
                flags |= below.flags;
                subtree += below.subtree;
            }
            if row != self.top() && (child.name.contains(&b'/') || matches!(child.name, b"" | b"." | b"..")) {
                return Err(damaged("holds a name that is not possible"));
            }
            if before.is_some_and(|b| path::compare(b.name, child.name).is_ge()) {
                return Err(damaged("has names that are out of order"));
            }
            before = Some(child);
        }
        let recorded = self.row(row)?;
        if recorded.flags != flags || recorded.subtree != subtree {
            return Err(damaged("has a wrong row in the index"));
        }
        Ok(())
    }

    /// Checks what the meta archive says of the directories.
    fn verify_meta(&self) -> Result<()> {
        let mut last = None;
        for mount in &self.meta().mounts {
            let fits = mount.row <= self.top() && (mount.device as usize) < self.meta().devices.len();
            if !fits || last.is_some_and(|last| last >= mount.row) {
                return Err(self.damaged("the table of mounts is wrong"));
            }
            last = Some(mount.row);
        }
        if !self.listing(self.top())?.map(|node| node.child.name).eq(self.meta().roots.iter().map(Vec::as_slice)) {
            return Err(self.damaged("the roots are not those of the meta archive"));
        }
        Ok(())
    }

    fn damaged(&self, what: impl Into<String>) -> Error {
        Error::damaged(self.path(), what)
    }
}
