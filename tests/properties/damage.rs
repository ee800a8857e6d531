//! Law 6: a damaged snapshot gives an error or the true list, never another list and never a panic. The
//! damage is drawn from a fixed seed, so that each run tries the same.

use std::fs;

use fastdiff::{Change, Diff, Entry, Snapshot};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::place::{Boundary, Place, entries, options};

/// A tree of 24 directories and a few hundred entries, and how it looked before.
fn two_snapshots(place: &Place) -> [Snapshot; 2] {
    for dir in 0..24 {
        let path = place.root().join(format!("{:02}/{:02}", dir % 5, dir));
        fs::create_dir_all(&path).unwrap();
        for file in 0..12 {
            fs::write(path.join(format!("file {file}")), vec![0; file * 7]).unwrap();
        }
    }
    // A young boundary, so that the racy flags and subtree bits matter as well.
    let middle = place.root().join("01/11").symlink_metadata().unwrap();
    let time = std::os::unix::fs::MetadataExt::ctime_nsec(&middle);
    let sec = std::os::unix::fs::MetadataExt::ctime(&middle);
    let boundary = fastdiff::Time::new(sec, u32::try_from(time).unwrap());
    let old = place.snap(Boundary::At(boundary, std::time::Duration::ZERO));
    fs::remove_dir_all(place.root().join("00/05")).unwrap();
    fs::rename(place.root().join("02/07"), place.root().join("02/77")).unwrap();
    fs::write(place.root().join("03/13/file 3"), "more than before").unwrap();
    fs::write(place.root().join("04/new"), "new").unwrap();
    [old, place.snap(Boundary::Late)]
}

/// The whole list, or why there is none.
fn list(old: &Snapshot, new: &Snapshot, renames: bool) -> fastdiff::Result<Vec<Change>> {
    Diff::new(old, new, &options(renames))?.changes().collect()
}

struct Truth {
    old: Snapshot,
    new: Snapshot,
    lists: [Vec<Change>; 2],
    entries: [Vec<Entry>; 2],
}

impl Truth {
    fn new(place: &Place) -> Self {
        let [old, new] = two_snapshots(place);
        let lists = [false, true].map(|renames| list(&old, &new, renames).unwrap());
        assert!(lists.iter().all(|l| l.len() > 20), "a list that says something: {}", lists[1].len());
        let entries = [entries(&old), entries(&new)];
        Self { old, new, lists, entries }
    }

    /// Whether a damaged copy of one of the two was recognised as such everywhere that it matters.
    fn holds(&self, damaged: &std::path::Path, is_old: bool) -> Result<bool, TestCaseError> {
        let Ok(snapshot) = Snapshot::open(damaged) else { return Ok(true) };
        let (old, new) = if is_old { (&snapshot, &self.new) } else { (&self.old, &snapshot) };
        let mut noticed = false;
        for (renames, truth) in [false, true].into_iter().zip(&self.lists) {
            match list(old, new, renames) {
                Ok(found) => prop_assert_eq!(&found, truth, "another list than the true one"),
                Err(_) => noticed = true,
            }
        }
        let truth = &self.entries[usize::from(!is_old)];
        match snapshot.entries().collect::<fastdiff::Result<Vec<_>>>() {
            Ok(found) => prop_assert_eq!(&found, truth, "other entries than the true ones"),
            Err(_) => noticed = true,
        }
        match snapshot.verify() {
            Ok(verified) => {
                prop_assert!(!noticed, "verify overlooks what the diff or the list of entries finds");
                prop_assert_eq!(verified.entries, truth.len() as u64);
                Ok(false)
            }
            Err(_) => Ok(true),
        }
    }
}

fn runner(cases: u32) -> TestRunner {
    let seed = proptest::test_runner::RngAlgorithm::ChaCha;
    TestRunner::new_with_rng(
        Config { cases, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(seed),
    )
}

#[test]
fn a_flipped_bit_is_found_or_changes_nothing() {
    let place = Place::new(&[]);
    let truth = Truth::new(&place);
    let copy = place.beside("damaged.snap");
    let files = [&truth.old, &truth.new].map(|s| fs::read(s.path()).unwrap());
    let unnoticed = std::cell::Cell::new(0);
    runner(1500)
        .run(&(any::<bool>(), any::<prop::sample::Index>()), |(is_old, at)| {
            let mut bytes = files[usize::from(!is_old)].clone();
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&copy, &bytes).unwrap();
            if !truth.holds(&copy, is_old)? {
                unnoticed.set(unnoticed.get() + 1);
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(unnoticed.get(), 0, "verify promises that every byte is covered");
}

#[test]
fn a_cut_or_lengthened_snapshot_is_found() {
    let place = Place::new(&[]);
    let truth = Truth::new(&place);
    let copy = place.beside("damaged.snap");
    let bytes = fs::read(truth.new.path()).unwrap();
    runner(300)
        .run(&(any::<prop::sample::Index>(), 1..9_usize, any::<bool>()), |(at, more, cut)| {
            let damaged =
                if cut { bytes[..at.index(bytes.len())].to_vec() } else { [&bytes, &vec![0; more][..]].concat() };
            fs::write(&copy, damaged).unwrap();
            prop_assert!(Snapshot::open(&copy).is_err());
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_run_of_foreign_bytes_is_found_or_changes_nothing() {
    let place = Place::new(&[]);
    let truth = Truth::new(&place);
    let copy = place.beside("damaged.snap");
    let bytes = fs::read(truth.new.path()).unwrap();
    let foreign = proptest::collection::vec(any::<u8>(), 1..64);
    runner(400)
        .run(&(any::<prop::sample::Index>(), foreign), |(at, foreign)| {
            let mut damaged = bytes.clone();
            let start = at.index(bytes.len() - foreign.len());
            damaged[start..start + foreign.len()].copy_from_slice(&foreign);
            prop_assume!(damaged != bytes);
            fs::write(&copy, damaged).unwrap();
            prop_assert!(truth.holds(&copy, false)?, "the damage at {} went unnoticed", start);
            Ok(())
        })
        .unwrap();
}
