//! Adds up the counts of a snapshot: entries by kind, bytes, racy and unknown ones.

use super::block::Child;
use super::header::Counts;
use super::reader::Snapshot;
use crate::Result;
use crate::metadata::{Flags, Kind};

impl Counts {
    /// Counts one entry.
    pub(super) fn add(&mut self, child: &Child<'_>) {
        self.entries += 1;
        match child.kind() {
            Kind::File => {
                self.files += 1;
                self.bytes = self.bytes.wrapping_add(child.stat.size);
            }
            Kind::Dir => self.dirs += 1,
            Kind::Symlink => self.symlinks += 1,
            _ => self.other += 1,
        }
        self.racy += u64::from(child.flags.contains(Flags::RACY));
        let is_unknown = child.flags.intersects(Flags::UNKNOWN | Flags::UNLISTED) && !child.flags.is_unasked();
        self.unknown += u64::from(is_unknown);
    }

    fn combine(&self, other: &Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            entries: with(self.entries, other.entries),
            files: with(self.files, other.files),
            dirs: with(self.dirs, other.dirs),
            symlinks: with(self.symlinks, other.symlinks),
            other: with(self.other, other.other),
            bytes: with(self.bytes, other.bytes),
            racy: with(self.racy, other.racy),
            unknown: with(self.unknown, other.unknown),
        }
    }

    /// The sum, modulo 2⁶⁴: a difference may be negative on the way to a sum that is not.
    pub(super) fn plus(&self, other: &Self) -> Self {
        self.combine(other, u64::wrapping_add)
    }

    /// The difference, modulo 2⁶⁴.
    pub(super) fn minus(&self, other: &Self) -> Self {
        self.combine(other, u64::wrapping_sub)
    }
}

/// The counts of one child.
pub(super) fn child_counts(child: &Child<'_>) -> Counts {
    let mut counts = Counts::default();
    counts.add(child);
    counts
}

/// The counts of all entries below a directory. Calls `each` with every one of them.
pub(super) fn counts_below(base: &Snapshot, row: u32, mut each: impl FnMut(&Child<'_>)) -> Result<Counts> {
    let mut counts = Counts::default();
    for row in base.subtree_rows(row)? {
        for node in base.listing(row)? {
            counts.add(&node.child);
            each(&node.child);
        }
    }
    Ok(counts)
}
