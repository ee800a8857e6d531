//! The entries of the base that lie on one file system.

use std::ops::Range;

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::entries::BaseEntry;
use super::parts::Part;
use crate::Result;
use crate::metadata::{Flags, Kind, Stat};
use crate::snapshot::Snapshot;

/// So many directories are one piece of work.
const ROWS_AT_ONCE: u32 = 512;

/// Whatever the walk reads without a hint.
const ALWAYS_READ: Flags = Flags::NEVER_SKIPPED.union(Flags::CARRIED);

/// The entries of the base that lie on one file system.
pub(super) struct BaseRows<'a, F: Fn(u64) -> bool> {
    base: &'a Snapshot,
    /// For each directory, the number of its part; and for each part whether it lies on the file system.
    of_rows: Vec<u32>,
    is_here: Vec<bool>,
    /// Whether an inode can be compared.
    can_compare: F,
}

/// How an entry is treated.
enum Treatment {
    /// It is compared.
    Compared,
    /// The walk looks at it anyway.
    Read,
    /// It has to be looked at.
    Unknown,
}

/// The entries by number: those of one directory after those of another.
#[derive(Debug)]
pub(super) struct EntryNumbers {
    /// The number of the first entry of each directory.
    first: Vec<u32>,
    len: u32,
}

/// What is there.
#[derive(Debug)]
pub(super) struct RowCount {
    pub(super) numbers: EntryNumbers,
    /// What cannot be compared, and has to be looked at.
    pub(super) unknown: Vec<BaseEntry>,
}

impl EntryNumbers {
    pub(super) fn number(&self, entry: BaseEntry) -> u32 {
        self.first[entry.row as usize] + entry.place
    }

    pub(super) fn entry(&self, number: u32) -> BaseEntry {
        let row = self.first.partition_point(|first| *first <= number) - 1;
        BaseEntry { row: row as u32, place: number - self.first[row] }
    }

    /// How many there are, those among them that are not compared.
    pub(super) fn len(&self) -> u32 {
        self.len
    }
}

impl<'a, F: Fn(u64) -> bool + Sync> BaseRows<'a, F> {
    /// Those of the parts that lie on the file system with this `st_dev`.
    pub(super) fn new(base: &'a Snapshot, parts: &[Part], dev: u64, can_compare: F) -> Self {
        let is_here = |part: &Part| part.tables.as_ref().is_ok_and(|part| part.dev() == dev);
        let is_here = parts.iter().map(is_here).chain([false]).collect();
        Self { base, of_rows: Part::of_rows(base, parts), is_here, can_compare }
    }

    /// Whether a directory lies there.
    fn is_here(&self, row: u32) -> bool {
        self.of_rows.get(row as usize).is_some_and(|part| self.is_here[*part as usize])
    }

    /// `row` is that of a directory itself.
    fn treatment(&self, kind: Kind, flags: Flags, inode: u64, row: Option<u32>) -> Treatment {
        // Where something else is mounted, the walk looks anyway; also at whatever the base was not sure of.
        if row.is_some_and(|row| !self.is_here(row)) || flags.intersects(ALWAYS_READ) {
            return Treatment::Read;
        }
        let can_be = matches!(kind, Kind::File | Kind::Dir | Kind::Symlink) && !flags.contains(Flags::FOREIGN);
        if can_be && (self.can_compare)(inode) { Treatment::Compared } else { Treatment::Unknown }
    }

    fn pieces(&self) -> Vec<Range<u32>> {
        let end = self.base.top();
        (0..end).step_by(ROWS_AT_ONCE as usize).map(|first| first..end.min(first + ROWS_AT_ONCE)).collect()
    }

    /// Counts them, and checks the base. `f` gets each that is compared, and its inode; several threads call it, in no
    /// order.
    ///
    /// # Errors
    /// A damaged base.
    pub(super) fn count(&self, f: impl Fn(BaseEntry, u64) + Sync) -> Result<RowCount> {
        let counted = self.pieces().into_par_iter().map(|rows| self.count_some(rows, &f));
        let counted: Vec<_> = counted.collect::<Result<_>>()?;
        let (mut first, mut len, mut unknown) = (Vec::with_capacity(self.base.top() as usize), 0, Vec::new());
        for (lens, found) in counted {
            for of_row in lens {
                first.push(len);
                len += of_row;
            }
            unknown.extend(found);
        }
        Ok(RowCount { numbers: EntryNumbers { first, len }, unknown })
    }

    /// How many each directory of some has, and those that have to be looked at.
    fn count_some(&self, rows: Range<u32>, f: impl Fn(BaseEntry, u64)) -> Result<(Vec<u32>, Vec<BaseEntry>)> {
        let (mut lens, mut unknown) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows {
            if !self.is_here(row) {
                lens.push(0);
                continue;
            }
            let (block, subdirs) = self.base.block(row)?;
            let mut subdirs = subdirs.into_iter();
            for place in 0..block.len() {
                let own_row = if block.is_directory(place) { subdirs.next() } else { None };
                let (entry, inode) = (BaseEntry { row, place: place as u32 }, block.inode(place));
                match self.treatment(block.kind(place), block.flags(place), inode, own_row) {
                    Treatment::Compared => f(entry, inode),
                    Treatment::Unknown => unknown.push(entry),
                    Treatment::Read => {}
                }
            }
            lens.push(block.len() as u32);
        }
        Ok((lens, unknown))
    }

    /// Calls `f` with each that is compared, and its metadata; several threads do that, in no order. The base was
    /// checked before.
    ///
    /// # Errors
    /// A damaged base.
    pub(super) fn each_stat(&self, f: impl Fn(BaseEntry, &Stat) + Sync) -> Result<()> {
        self.pieces().into_par_iter().try_for_each(|rows| self.stats_of(rows, &f))
    }

    /// The same, with all of some directories at once.
    ///
    /// # Errors
    /// A damaged base.
    pub(super) fn each_piece(&self, f: impl Fn(&[(BaseEntry, Stat)]) + Sync) -> Result<()> {
        self.pieces().into_par_iter().try_for_each(|rows| {
            let mut piece = Vec::new();
            self.stats_of(rows, |entry, stat| piece.push((entry, *stat)))?;
            f(&piece);
            Ok(())
        })
    }

    fn stats_of(&self, rows: Range<u32>, mut f: impl FnMut(BaseEntry, &Stat)) -> Result<()> {
        for row in rows.filter(|row| self.is_here(*row)) {
            let (block, subdirs) = self.base.checked_block(row)?;
            let mut subdirs = subdirs.into_iter();
            for (place, (stat, flags)) in block.stats().enumerate() {
                let own_row = if stat.kind() == Kind::Dir { subdirs.next() } else { None };
                if let Treatment::Compared = self.treatment(stat.kind(), flags, stat.ino, own_row) {
                    f(BaseEntry { row, place: place as u32 }, &stat);
                }
            }
        }
        Ok(())
    }

    /// Those of some entries that are compared.
    ///
    /// # Errors
    /// A damaged base.
    pub(super) fn compared(&self, entries: &[BaseEntry]) -> Result<Vec<BaseEntry>> {
        let mut compared = Vec::new();
        for entry in entries {
            let (block, subdirs) = self.base.checked_block(entry.row)?;
            let place = entry.place as usize;
            let own_row = block.is_directory(place).then(|| {
                let before = (0..place).filter(|place| block.is_directory(*place)).count();
                subdirs.get(before).copied()
            });
            let treatment =
                self.treatment(block.kind(place), block.flags(place), block.inode(place), own_row.flatten());
            if let Treatment::Compared = treatment {
                compared.push(*entry);
            }
        }
        Ok(compared)
    }
}
