//! Promise 6: a damaged snapshot gives an error or the true answer, never another list, a panic or a wait. The
//! damage is done to the file, and every way to read it is taken through the library.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

use fastdiff::{Change, Diff, Entry, Error, Result as Answer, Snapshot, Time};
use xxhash_rust::xxh3::xxh3_128;

use super::draw::Random;
use super::report::{Attack, Promise, at_length_asked, times};
use crate::properties::place::{Boundary, Place, entries, options};

/// The length of the header, and where its digest begins.
const HEADER: usize = 272;
const HEADER_DIGEST: usize = HEADER - 16;

/// Which of the two snapshots is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Old,
    New,
}

/// What reads a damaged snapshot. Only `verify` promises to find all damage.
#[derive(Debug, Clone, Copy)]
enum Reader {
    All,
    Diff,
    Entries,
    Verify,
}

const SIDES: [Side; 2] = [Side::Old, Side::New];

/// Two whole snapshots of one tree, what is true of them, and a file for damaged copies.
struct Pair {
    copy: PathBuf,
    snapshots: [Snapshot; 2],
    bytes: [Vec<u8>; 2],
    entries: [Vec<Entry>; 2],
    /// Without renames and with them.
    lists: [Vec<Change>; 2],
    _place: Place,
}

/// The whole list without renames and with them, or why there is none.
fn lists(old: &Snapshot, new: &Snapshot) -> Answer<[Vec<Change>; 2]> {
    let diff = Diff::new(old, new, &options(true))?;
    Ok([diff.changes_without_renames().collect::<Answer<_>>()?, diff.changes().collect::<Answer<_>>()?])
}

impl Pair {
    /// Of a tree with so many directories, so many files in each.
    fn new(dirs: usize, files: usize) -> Self {
        let place = Place::new(&[]);
        let dir = |number: usize| place.root().join(format!("{:02}/{number:02}", number % 5));
        for number in 0..dirs {
            fs::create_dir_all(dir(number)).unwrap();
            for file in 0..files {
                fs::write(dir(number).join(format!("file {file}")), vec![0; file * 7]).unwrap();
            }
        }
        // A boundary in the middle of what was made, so that flags and their subtree bits matter as well.
        let middle = dir(dirs / 2).symlink_metadata().unwrap();
        let middle = Time::new(middle.ctime(), u32::try_from(middle.ctime_nsec()).unwrap());
        let old = place.snap(Boundary::At(middle, Duration::ZERO));
        fs::remove_dir_all(dir(0)).unwrap();
        fs::rename(dir(1), place.root().join("01/renamed")).unwrap();
        fs::write(dir(2).join("file 0"), "more than before").unwrap();
        fs::write(dir(2).join("new"), "new").unwrap();
        let new = place.snap(Boundary::Late);
        let lists = lists(&old, &new).unwrap();
        assert!(lists[1].len() > 5 && lists[0].len() > lists[1].len(), "a list that says something");
        Self {
            copy: place.beside("damaged.snap"),
            bytes: [&old, &new].map(|s| fs::read(s.path()).unwrap()),
            entries: [entries(&old), entries(&new)],
            snapshots: [old, new],
            lists,
            _place: place,
        }
    }

    fn bytes(&self, side: Side) -> &[u8] {
        &self.bytes[side as usize]
    }

    /// Whether the damage was noticed; an error if anything but an error or the truth came out.
    fn judge(&self, side: Side, by: Reader) -> Result<bool, String> {
        catch_unwind(AssertUnwindSafe(|| self.answers(side, by))).map_err(|_| "it panicked".to_owned())?
    }

    fn answers(&self, side: Side, by: Reader) -> Result<bool, String> {
        let is_about_it = |e: Error| match e {
            Error::Snapshot { ref path, .. } if *path == self.copy && !e.to_string().contains('\n') => Ok(true),
            other => Err(format!("an error that is not about the damaged snapshot: {other}")),
        };
        let damaged = match Snapshot::open(&self.copy) {
            Ok(damaged) => damaged,
            Err(error) => return is_about_it(error),
        };
        let mut noticed = false;
        let [old, new] = &self.snapshots;
        let (old, new) = if side == Side::Old { (&damaged, new) } else { (old, &damaged) };
        if matches!(by, Reader::All | Reader::Diff) {
            match lists(old, new) {
                Ok(found) if found == self.lists => {}
                Ok(_) => return Err("another list than the true one".into()),
                Err(error) => noticed |= is_about_it(error)?,
            }
        }
        if matches!(by, Reader::All | Reader::Entries) {
            match damaged.entries().collect::<Answer<Vec<_>>>() {
                Ok(found) if found == self.entries[side as usize] => {}
                Ok(_) => return Err("other entries than the true ones".into()),
                Err(error) => noticed |= is_about_it(error)?,
            }
        }
        if !matches!(by, Reader::All | Reader::Verify) {
            return Ok(noticed);
        }
        match damaged.verify() {
            Ok(_) if noticed => Err("verify overlooks what the list of changes or entries finds".into()),
            Ok(_) => Ok(false),
            Err(error) => is_about_it(error),
        }
    }

    /// The outcome for a file of these bytes, every one of which `verify` has to cover.
    fn damaged(&self, side: Side, bytes: &[u8]) -> Result<(), String> {
        fs::write(&self.copy, bytes).unwrap();
        if self.judge(side, Reader::All)? { Ok(()) } else { Err("the damage went unnoticed".into()) }
    }

    /// Puts an undamaged copy in place and opens it for flips.
    fn for_flips(&self, side: Side) -> File {
        fs::write(&self.copy, self.bytes(side)).unwrap();
        OpenOptions::new().write(true).open(&self.copy).unwrap()
    }

    /// The outcome with some bits of one byte flipped; the byte is put back.
    fn flipped(&self, file: &File, side: Side, by: Reader, at: usize, bits: u8) -> Result<(), String> {
        let good = self.bytes(side)[at];
        file.write_all_at(&[good ^ bits], at as u64).unwrap();
        let outcome = self.judge(side, by);
        file.write_all_at(&[good], at as u64).unwrap();
        match outcome {
            Ok(false) if matches!(by, Reader::All | Reader::Verify) => {
                Err(format!("byte {at}, bits {bits:08b} of {side:?}: unnoticed by verify"))
            }
            Ok(_) => Ok(()),
            Err(error) => Err(format!("byte {at}, bits {bits:08b} of {side:?}: {error}")),
        }
    }
}

#[test]
fn every_flipped_bit_of_a_small_snapshot_is_found_or_changes_nothing() {
    let pair = Pair::new(3, 2);
    let mut attack = Attack::on(Promise::DamagedIsNotBelieved, "every byte of a small snapshot flipped");
    for side in SIDES {
        let file = pair.for_flips(side);
        for at in 0..pair.bytes(side).len() {
            let bits = if at_length_asked() { 0..8 } else { at % 8..at % 8 + 1 };
            bits.for_each(|bit| attack.tried(pair.flipped(&file, side, Reader::All, at, 1 << bit)));
        }
    }
}

#[test]
fn random_flips_are_found_or_change_nothing() {
    // Directories and files of each in a tree; the tries of it on each side.
    let shares = [(4, 3, times(400, 450_000)), (12, 10, times(200, 45_000)), (60, 30, times(40, 5_000))];
    std::thread::scope(|scope| {
        for side in SIDES {
            scope.spawn(move || {
                let mut attack = Attack::on(Promise::DamagedIsNotBelieved, "random bits flipped");
                let mut random = Random(side as u64);
                for (dirs, files, tries) in shares {
                    let pair = Pair::new(dirs, files);
                    let file = pair.for_flips(side);
                    let readers = [Reader::Diff, Reader::Entries, Reader::Verify];
                    for by in readers.into_iter().cycle().take(tries as usize) {
                        let at = random.below(pair.bytes(side).len());
                        let bits = u8::try_from(random.below(255) + 1).unwrap();
                        attack.tried(pair.flipped(&file, side, by, at, bits));
                    }
                }
            });
        }
    });
}

#[test]
fn every_cut_and_every_appended_run_is_found() {
    let mut attack = Attack::on(Promise::DamagedIsNotBelieved, "cut at every length, or lengthened");
    let pair = Pair::new(6, 6);
    for side in SIDES {
        let bytes = pair.bytes(side);
        // The first kilobyte at every length: there the header ends and the blocks begin.
        let step = if at_length_asked() { 1 } else { 13 };
        for length in (0..bytes.len()).filter(|length| *length < 1024 || length % step == 0) {
            attack.tried(pair.damaged(side, &bytes[..length]).map_err(|e| format!("{length} bytes: {e}")));
        }
        for more in [1, 7, HEADER, 4096, bytes.len()] {
            for filler in [vec![0; more], bytes[..more.min(bytes.len())].to_vec()] {
                attack.tried(pair.damaged(side, &[bytes, &filler].concat()).map_err(|e| format!("{more} more: {e}")));
            }
        }
    }
}

/// Another file made of two snapshots: ranges replaced, exchanged, doubled, left out, zeroed.
fn spliced(good: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut range = |bytes: &[u8]| {
        let start = random.below(bytes.len());
        let longest = [8, 64, 512, bytes.len()][random.below(4)];
        start..(start + 1 + random.below(longest)).min(bytes.len())
    };
    let (here, there) = (range(good), range(other));
    let mut bytes = good.to_vec();
    match random.below(6) {
        // What stands at the same place in the other file.
        0 => {
            let here = here.start.min(other.len())..here.end.min(other.len());
            bytes[here.clone()].copy_from_slice(&other[here]);
        }
        // What stands anywhere else in it.
        1 => drop(bytes.splice(here, other[there].iter().copied())),
        2 => drop(bytes.splice(here.clone(), good[here.clone()].iter().copied().chain(good[here].iter().copied()))),
        3 => drop(bytes.drain(here)),
        4 => bytes[here].fill([0, 0xff][random.below(2)]),
        // Two parts of the file exchanged.
        _ => {
            let middle = random.below(here.len());
            bytes[here].rotate_left(middle);
        }
    }
    bytes
}

#[test]
fn spliced_and_exchanged_ranges_are_found() {
    let mut attack = Attack::on(Promise::DamagedIsNotBelieved, "ranges exchanged, doubled, left out, zeroed");
    let pair = Pair::new(8, 6);
    let mut random = Random(7);
    for side in SIDES.into_iter().cycle().take(times(400, 20_000) as usize) {
        let bytes = spliced(&pair.bytes[side as usize], &pair.bytes[1 - side as usize], &mut random);
        // The other snapshot as a whole, or this one: true, but not of interest.
        if !pair.bytes.contains(&bytes) {
            attack.tried(pair.damaged(side, &bytes));
        }
    }
}

/// The fields of the header that are numbers, with where they begin and how long they are. FORMAT.md.
const NUMBERS: [(usize, usize); 26] = [
    (8, 4),
    (12, 4),
    (16, 8),
    (24, 8),
    (32, 8),
    (40, 8),
    (48, 8),
    (56, 4),
    (60, 1),
    (61, 1),
    (64, 8),
    (72, 8),
    (80, 8),
    (88, 8),
    (96, 8),
    (104, 8),
    (112, 8),
    (120, 8),
    (128, 8),
    (136, 4),
    (140, 8),
    (148, 4),
    (152, 8),
    (160, 4),
    (164, 8),
    (172, 4),
];

/// Makes the header's digest fit the header.
pub(super) fn fit_header(bytes: &mut [u8]) {
    let mut digest = xxh3_128(&bytes[..HEADER_DIGEST]).to_le_bytes();
    digest.reverse();
    bytes[HEADER_DIGEST..HEADER].copy_from_slice(&digest);
}

/// Values that a careless sum, product or cast gets wrong.
fn extremes(value: u64) -> [u64; 14] {
    let near = [value.wrapping_sub(1), value.wrapping_add(1), value.wrapping_neg(), !value, value << 8, value * 2];
    let far = [0, 1, u64::MAX, u64::MAX - 271, 1 << 63, u64::from(u32::MAX), 1 << 31, 1 << 47];
    [&near[..], &far].concat().try_into().unwrap()
}

#[test]
fn extreme_numbers_in_the_header_are_found_or_change_nothing() {
    let mut attack = Attack::on(Promise::DamagedIsNotBelieved, "extreme numbers in a header that fits its digest");
    let pair = Pair::new(4, 3);
    for side in SIDES {
        for (at, size) in NUMBERS {
            let mut value = [0; 8];
            value[..size].copy_from_slice(&pair.bytes(side)[at..at + size]);
            for extreme in extremes(u64::from_le_bytes(value)) {
                let mut bytes = pair.bytes(side).to_vec();
                bytes[at..at + size].copy_from_slice(&extreme.to_le_bytes()[..size]);
                fit_header(&mut bytes);
                fs::write(&pair.copy, &bytes).unwrap();
                // A count of entries that is wrong is no part of a list, and verify finds it.
                for by in [Reader::Diff, Reader::Entries] {
                    let outcome = pair.judge(side, by).map(|_| ());
                    attack.tried(outcome.map_err(|e| format!("{extreme:#x} at {at} of {side:?}, {by:?}: {e}")));
                }
                let verified = catch_unwind(|| Snapshot::open(&pair.copy).and_then(|s| s.verify()).is_ok());
                attack.check(verified.is_ok(), || format!("{extreme:#x} at {at} of {side:?}: verify panicked"));
            }
        }
    }
}
