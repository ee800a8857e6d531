//! What is compared: for each entry of the base that lies on a file system, what the base says of it, found by the
//! place of its inode in the tables.

use std::hash::Hasher as _;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use rustc_hash::FxHasher;

use super::entries::BaseEntry;
use super::ext4::Ext4Tables;
use super::parts::Part;
use crate::Result;
use crate::metadata::{Flags, Kind, Stat, Time};
use crate::snapshot::Snapshot;
use crate::sys::ext4::RawInode;

/// So many directories are one piece of work.
const ROWS_AT_ONCE: u32 = 512;

/// Whatever the walk reads without a hint.
const ALWAYS_READ: Flags = Flags::NEVER_SKIPPED.union(Flags::CARRIED);

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
    /// The number of the first entry of each directory.
    first_numbers: Vec<u32>,
    /// What cannot be compared, and has to be looked at.
    pub(super) unknown: Vec<BaseEntry>,
}

/// The values that are compared.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Values {
    mode: u16,
    nlink: u32,
    uid: u32,
    gid: u32,
    size: u64,
    mtime: Time,
    ctime: Time,
}

impl From<&Stat> for Values {
    fn from(stat: &Stat) -> Self {
        let Stat { mode, nlink, uid, gid, size, mtime, ctime, .. } = *stat;
        Self { mode, nlink, uid, gid, size, mtime, ctime }
    }
}

impl From<&RawInode> for Values {
    fn from(raw: &RawInode) -> Self {
        let RawInode { mode, uid, gid, nlink, size, mtime, ctime } = *raw;
        let time = |(sec, nsec)| Time::new(sec, nsec);
        Self { mode, nlink: nlink.into(), uid, gid, size, mtime: time(mtime), ctime: time(ctime) }
    }
}

/// A time as one number. The tables hold 34 bits of seconds and 30 of nanoseconds, so no two have the same.
fn in_one(time: Time) -> u64 {
    time.sec.cast_unsigned() << 30 | u64::from(time.nsec)
}

impl Values {
    /// Of all but the ctime, which proves that nothing changed. This only notices what else is wrong.
    #[inline]
    fn rest(&self) -> u32 {
        let mut hasher = FxHasher::default();
        let words = [
            u64::from(self.mode) << 32 | u64::from(self.nlink),
            u64::from(self.uid) << 32 | u64::from(self.gid),
            self.size,
            in_one(self.mtime),
        ];
        for word in words {
            hasher.write_u64(word);
        }
        hasher.finish() as u32
    }

    /// Whether two agree in all but the size, which a file system may know later.
    pub(super) fn agrees_but_for_size(&self, other: &Self) -> bool {
        let all = |v: &Self| (v.mode, v.nlink, v.uid, v.gid, v.mtime, v.ctime);
        all(self) == all(other)
    }
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

/// The entries of the base that lie on one file system.
struct BaseRows<'a, F: Fn(u32) -> bool> {
    base: &'a Snapshot,
    tables: &'a Ext4Tables,
    /// Whether a directory lies there.
    is_here: F,
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

impl<F: Fn(u32) -> bool> BaseRows<'_, F> {
    /// `row` is that of a directory itself.
    fn treatment(&self, kind: Kind, flags: Flags, inode: u64, row: Option<u32>) -> Treatment {
        // Where something else is mounted, the walk looks anyway; also at whatever the base was not sure of.
        if row.is_some_and(|row| !(self.is_here)(row)) || flags.intersects(ALWAYS_READ) {
            return Treatment::Read;
        }
        let can_be = matches!(kind, Kind::File | Kind::Dir | Kind::Symlink) && !flags.contains(Flags::FOREIGN);
        if can_be && self.tables.has(inode) { Treatment::Compared } else { Treatment::Unknown }
    }

    /// Counts the entries of some directories: `f` gets the window of each that is compared. Returns how many each
    /// directory has, and those that have to be looked at.
    fn count(&self, rows: Range<u32>, f: impl Fn(u32)) -> Result<(Vec<u32>, Vec<BaseEntry>)> {
        let (mut lens, mut unknown) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows {
            if !(self.is_here)(row) {
                lens.push(0);
                continue;
            }
            let (block, subdirs) = self.base.block(row)?;
            let mut subdirs = subdirs.into_iter();
            for place in 0..block.len() {
                let own_row = if block.is_directory(place) { subdirs.next() } else { None };
                let inode = block.inode(place);
                match self.treatment(block.kind(place), block.flags(place), inode, own_row) {
                    Treatment::Compared => f(self.tables.window_of(inode as u32).0),
                    Treatment::Unknown => unknown.push(BaseEntry { row, place: place as u32 }),
                    Treatment::Read => {}
                }
            }
            lens.push(block.len() as u32);
        }
        Ok((lens, unknown))
    }

    /// Makes the records of some directories; `first` is the number of the first entry.
    fn fill(&self, rows: Range<u32>, first: u32, place_for: impl Fn(u32, &Record)) -> Result<()> {
        let mut number = first;
        for row in rows.filter(|row| (self.is_here)(*row)) {
            let (block, subdirs) = self.base.checked_block(row)?;
            let mut subdirs = subdirs.into_iter();
            for (stat, flags) in block.stats() {
                let own_row = if stat.kind() == Kind::Dir { subdirs.next() } else { None };
                if let Treatment::Compared = self.treatment(stat.kind(), flags, stat.ino, own_row) {
                    let (window, index) = self.tables.window_of(stat.ino as u32);
                    let values = Values::from(&stat);
                    let rest_and_index = values.rest() << INDEX_BITS | index;
                    place_for(window, &Record { ctime: in_one(values.ctime), number, rest_and_index });
                }
                number += 1;
            }
        }
        Ok(())
    }
}

impl RowScan {
    /// Goes over the base, twice: to count, then to put each record in its place. Costs some 60 ns for each entry.
    ///
    /// # Errors
    /// A damaged base.
    pub(super) fn of(base: &Snapshot, parts: &[Part], tables: &Ext4Tables) -> Result<Self> {
        let of_rows = Part::of_rows(base, parts);
        let is_here = |part: &Part| part.tables.as_ref().is_ok_and(|part| part.dev() == tables.dev());
        let is_here: Vec<bool> = parts.iter().map(is_here).chain([false]).collect();
        let is_here = |row: u32| of_rows.get(row as usize).is_some_and(|part| is_here[*part as usize]);
        let rows = BaseRows { base, tables, is_here };
        let end = base.top();
        let pieces: Vec<_> =
            (0..end).step_by(ROWS_AT_ONCE as usize).map(|first| first..end.min(first + ROWS_AT_ONCE)).collect();
        let counts: Vec<_> = (0..=tables.windows()).map(|_| AtomicU32::new(0)).collect();
        let count = |window: u32| _ = counts[window as usize + 1].fetch_add(1, Ordering::Relaxed);
        let counted = pieces.par_iter().map(|piece| rows.count(piece.clone(), count));
        let counted: Vec<_> = counted.collect::<Result<_>>()?;
        let (mut first_numbers, mut number, mut unknown) = (Vec::with_capacity(end as usize), 0, Vec::new());
        for (lens, found) in counted {
            for len in lens {
                first_numbers.push(number);
                number += len;
            }
            unknown.extend(found);
        }
        let mut windows: Vec<_> = counts.into_iter().map(AtomicU32::into_inner).collect();
        for window in 1..windows.len() {
            windows[window] += windows[window - 1];
        }
        // Zeros cost nothing until they are written.
        let records: Vec<_> = vec![0; windows.last().map_or(0, |n| *n) as usize * WORDS];
        let records: Vec<_> = records.into_iter().map(AtomicU64::new).collect();
        let next: Vec<_> = windows.iter().map(|first| AtomicU32::new(*first)).collect();
        // Another program may have written to the file meanwhile: then there may be more of them.
        let place_for = |window: u32, record: &Record| {
            let at = next[window as usize].fetch_add(1, Ordering::Relaxed);
            if at < windows[window as usize + 1] {
                put(&records[at as usize * WORDS..], record);
            }
        };
        let fill = |piece: &Range<u32>| rows.fill(piece.clone(), first_numbers[piece.start as usize], place_for);
        pieces.par_iter().try_for_each(fill)?;
        Ok(Self { records, windows, first_numbers, unknown })
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
        let row = self.first_numbers.partition_point(|first| *first <= record.number) - 1;
        BaseEntry { row: row as u32, place: record.number - self.first_numbers[row] }
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
