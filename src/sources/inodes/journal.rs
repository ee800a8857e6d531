//! The change journal of NTFS (USN): its records, and what follows from them. Safe code, which knows bytes alone, and
//! is tested on every system.
//!
//! A record names a file and the directory that holds it by their numbers, which are those that a snapshot has. What a
//! record names may have changed, and the directory has to be listed: so a new name is found in its directory, a
//! renamed one in both, and a directory that is new there is walked whole. What lies outside of the tree is named by
//! numbers that the base does not have, with a directory that it does not have either. Names in records are not used.
//!
//! While a file is open, the same change is recorded once. A file whose last record does not say that it was closed may
//! change on without another: so the next scan reads the journal from its first record on again. A second hard link
//! that is made meanwhile may stand in no record, and nothing would name its directory: where any link was made or
//! removed, nothing is proved.

#[cfg(test)]
mod model;

use rustc_hash::{FxHashMap, FxHashSet};

/// From `winioctl.h`: the file was closed, and a hard link of it was made or removed.
const CLOSE: u32 = 0x8000_0000;
const HARD_LINK: u32 = 0x1_0000;

/// A journal at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct JournalState {
    /// A journal that was made anew has another one.
    pub(super) id: u64,
    /// The number of the oldest record that is left.
    pub(super) first: i64,
    /// The number that the next record will have.
    pub(super) next: i64,
}

/// Why a journal does not tell all that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JournalGap {
    /// It was deleted and made anew, or belongs to another volume.
    Recreated,
    /// The records since then are gone.
    Wrapped,
    /// It is behind: the volume was restored.
    Behind,
}

impl JournalState {
    /// Whether it holds every record since `since` of the journal `id`.
    ///
    /// # Errors
    /// Why it does not.
    pub(super) fn holds(&self, id: u64, since: i64) -> Result<(), JournalGap> {
        if self.id != id {
            return Err(JournalGap::Recreated);
        }
        match since {
            since if since < self.first => Err(JournalGap::Wrapped),
            since if since > self.next => Err(JournalGap::Behind),
            _ => Ok(()),
        }
    }
}

/// A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct JournalRecord {
    pub(super) number: i64,
    pub(super) file: u64,
    pub(super) parent: u64,
    pub(super) reason: u32,
}

/// Calls `each` with the records of an answer of the system, and returns the number from which to ask on. None if
/// anything in it is not understood: then nothing is proved.
pub(super) fn read_answer(answer: &[u8], mut each: impl FnMut(JournalRecord)) -> Option<i64> {
    let (next, mut rest) = answer.split_first_chunk::<8>()?;
    while !rest.is_empty() {
        let len = u32_at(rest, 0)? as usize;
        let (record, behind) = rest.split_at_checked(len)?;
        each(read_record(record)?);
        rest = behind;
    }
    Some(i64::from_le_bytes(*next))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// `USN_RECORD_V2` and `USN_RECORD_V3`.
fn read_record(record: &[u8]) -> Option<JournalRecord> {
    let u64_at = |at: usize| Some(u64::from_le_bytes(*record.get(at..)?.first_chunk()?));
    // Of a number of 128 bits a snapshot has one half.
    let short = |at: usize| u64_at(at).filter(|_| u64_at(at + 8) == Some(0));
    let version = u32_at(record, 4)?;
    let (file, parent, number) = match version & 0xffff {
        2 => (u64_at(8)?, u64_at(16)?, 24),
        3 => (short(8)?, short(24)?, 40),
        _ => return None,
    };
    let number_at = u64_at(number)?.cast_signed();
    Some(JournalRecord { number: number_at, file, parent, reason: u32_at(record, number + 16)? })
}

/// What records say.
#[derive(Debug, Default)]
pub(super) struct JournalChanges {
    /// The numbers of all files and directories that may have changed.
    pub(super) changed: FxHashSet<u64>,
    /// A hard link was made or removed.
    pub(super) has_links: bool,
    /// The files that were not closed, and the first record since they were opened.
    open: FxHashMap<u64, i64>,
}

impl JournalChanges {
    pub(super) fn add(&mut self, record: JournalRecord) {
        self.changed.extend([record.file, record.parent]);
        self.has_links |= record.reason & HARD_LINK != 0;
        if record.reason & CLOSE == 0 {
            self.open.entry(record.file).or_insert(record.number);
        } else {
            self.open.remove(&record.file);
        }
    }

    /// From which record on the next scan has to read, if this one read up to `next`.
    pub(super) fn since(&self, next: i64) -> i64 {
        self.open.values().copied().min().unwrap_or(next).min(next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record as the system writes it.
    pub(super) fn bytes(record: JournalRecord, version: u16) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        bytes.extend(u32::from(version).to_le_bytes());
        for number in [record.file, record.parent] {
            bytes.extend(number.to_le_bytes());
            bytes.resize(bytes.len() + if version == 3 { 8 } else { 0 }, 0);
        }
        bytes.extend(record.number.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(record.reason.to_le_bytes());
        // Source, security, attributes, length and place of the name, and the name.
        bytes.extend([0; 16]);
        bytes.extend("name".encode_utf16().flat_map(u16::to_le_bytes));
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let len = bytes.len() as u32;
        bytes[..4].copy_from_slice(&len.to_le_bytes());
        bytes
    }

    pub(super) fn answer(next: i64, records: &[JournalRecord], version: u16) -> Vec<u8> {
        let records = records.iter().flat_map(|record| bytes(*record, version));
        next.to_le_bytes().into_iter().chain(records).collect()
    }

    fn read(answer: &[u8]) -> Option<(i64, Vec<JournalRecord>)> {
        let mut found = Vec::new();
        let next = read_answer(answer, |record| found.push(record))?;
        Some((next, found))
    }

    fn record(number: i64, file: u64, parent: u64, reason: u32) -> JournalRecord {
        JournalRecord { number, file, parent, reason }
    }

    #[test]
    fn records_of_both_versions_are_read_and_no_other() {
        let records = [record(8, (5 << 48) + 40, (5 << 48) + 5, 2), record(96, 41, 40, CLOSE | 0x100)];
        for version in [2, 3] {
            assert_eq!(read(&answer(184, &records, version)), Some((184, records.to_vec())), "{version}");
        }
        for version in [0, 1, 4, 5] {
            assert_eq!(read(&answer(184, &records, version)), None, "{version}");
        }
        let mut long = answer(184, &records, 3);
        long[8 + 16] = 1;
        assert_eq!(read(&long), None, "a number of more than 64 bits");
        assert_eq!(read(&answer(184, &[], 2)), Some((184, Vec::new())));
        let whole = answer(184, &records, 2);
        for len in (0..whole.len()).filter(|len| ![8, 8 + whole[8] as usize].contains(len)) {
            assert_eq!(read(&whole[..len]), None, "cut at {len}");
        }
    }

    #[test]
    fn a_journal_tells_all_or_says_why_not() {
        let state = JournalState { id: 7, first: 100, next: 200 };
        assert_eq!(state.holds(7, 100), Ok(()));
        assert_eq!(state.holds(7, 200), Ok(()));
        assert_eq!(state.holds(7, 99), Err(JournalGap::Wrapped));
        assert_eq!(state.holds(7, 201), Err(JournalGap::Behind));
        assert_eq!(state.holds(8, 150), Err(JournalGap::Recreated));
    }

    #[test]
    fn what_is_not_closed_is_read_again_from_its_first_record() {
        let mut changes = JournalChanges::default();
        for next in [record(10, 1, 9, 1), record(20, 2, 9, 1), record(30, 1, 9, 3), record(40, 2, 9, 1 | CLOSE)] {
            changes.add(next);
        }
        assert_eq!(changes.since(50), 10);
        changes.add(record(50, 1, 9, 3 | CLOSE));
        assert_eq!(changes.since(60), 60);
        assert_eq!(changes.changed.len(), 3);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn damage_is_refused_or_gives_other_records(at in 0..200_usize, byte: u8) {
            let mut damaged = answer(9, &[record(1, 2, 3, 4), record(5, 6, 7, 8)], 2);
            let len = damaged.len();
            damaged[at % len] = byte;
            let _ = read(&damaged);
        }
    }
}
