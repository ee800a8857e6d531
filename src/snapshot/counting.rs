//! Counts of a tree of which only parts were looked at: those of the base, and what each directory that was looked at
//! adds to them or takes away.

use std::sync::PoisonError;

use rustc_hash::FxHashSet;

use super::block::Child;
use super::builder::{Builder, BuiltDir};
use super::header::Counts;
use super::reader::Snapshot;
use crate::Result;
use crate::metadata::{Flags, Kind};

impl Counts {
    pub(crate) fn add(&mut self, child: &Child<'_>) {
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
        self.unknown += u64::from(child.flags.intersects(Flags::UNKNOWN | Flags::UNLISTED));
    }

    /// Field by field, around the end of the range: differences may be negative on the way to a sum that is not.
    pub(super) fn combine(&self, other: &Self, with: impl Fn(u64, u64) -> u64) -> Self {
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

    pub(super) fn plus(&self, other: &Self) -> Self {
        self.combine(other, u64::wrapping_add)
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        self.combine(other, u64::wrapping_sub)
    }
}

impl Builder<'_> {
    /// What a directory and all below it hold more than the row `known` of the base: `counts` are those of its own
    /// children and of the child directories that the base does not know.
    pub(super) fn beyond_base(
        &self,
        base: &Snapshot,
        known: u32,
        counts: Counts,
        subdirs: &[BuiltDir],
    ) -> Result<Counts> {
        let mut before = Counts::default();
        let mut rows = Vec::new();
        for node in base.listing(known)? {
            before.add(&node.child);
            rows.extend(node.row);
        }
        let still: FxHashSet<_> = subdirs.iter().filter_map(|s| s.beyond).collect();
        // Replaced, or gone: what lay below is gone too.
        for row in rows.into_iter().filter(|row| !still.contains(row)) {
            let mut linked = Vec::new();
            before = before.plus(&counts_below(base, row, |child| {
                if child.is_linked() {
                    linked.push(child.stat.ino);
                }
            })?);
            self.gone.lock().unwrap_or_else(PoisonError::into_inner).extend(linked);
        }
        Ok(counts.minus(&before))
    }
}

/// The counts of one child.
pub(super) fn child_counts(child: &Child<'_>) -> Counts {
    let mut counts = Counts::default();
    counts.add(child);
    counts
}

/// The counts of all entries below a directory; `each` sees them too.
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
