//! What is compared: for each entry of the base that lies on a file system, what the base says of it, found by the
//! place of its inode in the tables.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::entries::BaseEntry;
use super::ext4::Ext4Tables;
use super::parts::Part;
use super::rows::{BaseRows, EntryNumbers};
use super::values::{Values, in_one};
use crate::Result;
use crate::snapshot::Snapshot;
use crate::sys::ext4::RawInode;

/// An entry that is compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    /// Exactly: no change leaves it as it was.
    ctime: u64,
    /// Its number among all entries of the base.
    number: u32,
    /// A digest of everything else, and in the lowest bits which inode of its window it is.
    rest_and_index: u32,
}

/// So many of the bits of a record say which inode it is.
pub(super) const INDEX_BITS: u32 = 11;

/// What the base holds of a file system.
#[derive(Debug)]
pub(super) struct RowScan {
    /// The records, those of one window of the tables together. Several threads fill them, in no order.
    records: Vec<AtomicU64>,
    /// Where the records of each window begin, and where those of the last one end.
    windows: Vec<u32>,
    numbers: EntryNumbers,
    /// What cannot be compared, and has to be looked at.
    pub(super) unknown: Vec<BaseEntry>,
}

/// Puts a record in its place, which takes two words.
fn put(place: &[AtomicU64], record: &Record) {
    place[0].store(record.ctime, Ordering::Relaxed);
    place[1].store(u64::from(record.number) << 32 | u64::from(record.rest_and_index), Ordering::Relaxed);
}

/// The record in a place.
fn get(place: &[AtomicU64]) -> Record {
    let (ctime, rest) = (place[0].load(Ordering::Relaxed), place[1].load(Ordering::Relaxed));
    Record { ctime, number: (rest >> 32) as u32, rest_and_index: rest as u32 }
}

/// How many words a record takes.
const WORDS: usize = 2;

impl RowScan {
    /// Goes over the base, twice: to count, then to put each record in its place. Costs some 60 ns for each entry.
    ///
    /// # Errors
    /// A damaged base.
    pub(super) fn of(base: &Snapshot, parts: &[Part], tables: &Ext4Tables) -> Result<Self> {
        let rows = BaseRows::new(base, parts, tables.dev(), |inode| tables.has(inode));
        let counts: Vec<_> = (0..=tables.windows()).map(|_| AtomicU32::new(0)).collect();
        let count = |_, inode| {
            let (window, _) = tables.window_of(inode as u32);
            counts[window as usize + 1].fetch_add(1, Ordering::Relaxed);
        };
        let found = rows.count(count)?;
        let mut windows: Vec<_> = counts.into_iter().map(AtomicU32::into_inner).collect();
        for window in 1..windows.len() {
            windows[window] += windows[window - 1];
        }
        // Zeros cost nothing until they are written.
        let records: Vec<_> = vec![0; windows.last().map_or(0, |n| *n) as usize * WORDS];
        let records: Vec<_> = records.into_iter().map(AtomicU64::new).collect();
        let next: Vec<_> = windows.iter().map(|first| AtomicU32::new(*first)).collect();
        rows.each_stat(|entry, stat| {
            let (window, index) = tables.window_of(stat.ino as u32);
            let values = Values::from(stat);
            let number = found.numbers.number(entry);
            let record =
                Record { ctime: in_one(values.ctime), number, rest_and_index: values.rest() << INDEX_BITS | index };
            let at = next[window as usize].fetch_add(1, Ordering::Relaxed);
            // Another program may have written to the file meanwhile: then there may be more of them.
            if at < windows[window as usize + 1] {
                put(&records[at as usize * WORDS..], &record);
            }
        })?;
        Ok(Self { records, windows, numbers: found.numbers, unknown: found.unknown })
    }

    /// How many entries are compared.
    pub(super) fn len(&self) -> u64 {
        (self.records.len() / WORDS) as u64
    }

    /// The windows that hold inodes of the base.
    pub(super) fn windows(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.windows.len() as u32 - 1).filter(|window| self.records_in(*window).len() > 0)
    }

    /// The records of a window.
    pub(super) fn records_in(&self, window: u32) -> impl ExactSizeIterator<Item = Record> + Clone + '_ {
        let window = window as usize;
        let words = self.windows[window] as usize * WORDS..self.windows[window + 1] as usize * WORDS;
        self.records[words].chunks_exact(WORDS).map(get)
    }

    /// The entry that a record was made of.
    pub(super) fn entry(&self, record: &Record) -> BaseEntry {
        self.numbers.entry(record.number)
    }

    /// One of the entries that are compared, by a random number; none if there are none.
    pub(super) fn pick(&self, random: u64) -> Option<BaseEntry> {
        let number = random.checked_rem(self.len())?;
        self.records.chunks_exact(WORDS).nth(number as usize).map(|place| self.entry(&get(place)))
    }
}

impl Record {
    /// Which inode of its window it is.
    pub(super) fn index(&self) -> u32 {
        self.rest_and_index & ((1 << INDEX_BITS) - 1)
    }

    /// Whether an inode is as the base says.
    #[inline]
    pub(super) fn is_same(&self, raw: &RawInode) -> bool {
        let values = Values::from(raw);
        in_one(values.ctime) == self.ctime && values.rest() << INDEX_BITS == self.rest_and_index & !0 << INDEX_BITS
    }
}
