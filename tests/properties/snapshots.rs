//! A snapshot holds what is on disk, whichever walker read it.

use std::fs;

use fastdiff::{FilterOptions, Pattern, Snapshot, SourceChoice, WalkerKind};
use proptest::prelude::*;

use super::cases;
use super::edits::{Edit, changing, making};
use super::model::{Model, read, tree_order, without_birth};
use super::names::any_name;
use super::place::{Boundary, Place, entries};

/// The bytes of a snapshot after its header. The header holds its own length.
fn after_header(snapshot: &Snapshot) -> Vec<u8> {
    let bytes = fs::read(snapshot.path()).expect("the snapshot file");
    let len = bytes[12..].first_chunk::<4>().map(|len| u32::from_le_bytes(*len)).expect("a header");
    bytes[usize::try_from(len).expect("a short header")..].to_vec()
}

fn place(made: &[Edit], changed: &[Edit]) -> Place {
    let mut place = Place::new(made);
    place.tree.edit(changed);
    place
}

fn filter() -> impl Strategy<Value = FilterOptions> {
    let pattern = proptest::sample::select(&["a", "a-b/", "*b", "/a/*", "!a.b", "**/c"][..]);
    (proptest::collection::vec(pattern, 0..3), proptest::bool::weighted(0.2)).prop_map(|(patterns, marked)| {
        let mut filter = FilterOptions::default();
        filter.patterns = patterns.into_iter().map(Pattern::new).collect();
        filter.exclude_if_present = if marked { vec![".a".to_owned()] } else { Vec::new() };
        filter
    })
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn a_snapshot_holds_exactly_what_is_on_disk_in_tree_order(
        made in making(any_name(), true), changed in changing(any_name(), true, 10), portable: bool,
    ) {
        let place = place(&made, &changed);
        let model = read(place.root());
        let walker = if portable { WalkerKind::Portable } else { WalkerKind::Native };
        let snapshot = place.snap_by(Boundary::Late, walker, &FilterOptions::default());
        let found = entries(&snapshot);
        prop_assert!(found.is_sorted_by(|x, y| tree_order(&x.path, &y.path).is_lt()), "out of order, or twice");
        prop_assert!(found.iter().all(|e| e.flags.is_empty()), "nothing is young or unreadable");
        let found: Model = found.into_iter().map(|e| (e.path, without_birth(e.stat))).collect();
        prop_assert_eq!(&found, &model);
        let verified = snapshot.verify().expect("an undamaged snapshot");
        prop_assert_eq!(verified.entries, model.len() as u64);
        for path in model.keys() {
            let entry = snapshot.find(path).expect("an undamaged snapshot");
            prop_assert_eq!(entry.map(|e| without_birth(e.stat)), model.get(path).copied());
        }
    }

    #[test]
    fn both_walkers_write_the_same_bytes(
        made in making(any_name(), true), changed in changing(any_name(), true, 10), filter in filter(), young: bool,
    ) {
        let place = place(&made, &changed);
        // The same for both scans. Some stamps are young.
        let boundary = if young {
            let model = read(place.root());
            let latest = model.values().map(|s| s.ctime).nth(model.len() / 2).expect("the root");
            Boundary::At(latest, std::time::Duration::ZERO)
        } else {
            Boundary::Late
        };
        // `Late` is a second later with each call, and the devices' table holds it.
        let mut options = place.options(boundary);
        options.filter = filter;
        // Without the mark of a btrfs, which goes on from scan to scan.
        options.source = SourceChoice::Walk;
        let native = place.snap_with(&options);
        options.walker = WalkerKind::Portable;
        let portable = place.snap_with(&options);
        prop_assert_eq!(portable.header().walker, WalkerKind::Portable);
        prop_assert_eq!(native.header().counts, portable.header().counts);
        prop_assert_eq!(after_header(&native), after_header(&portable));
    }

    #[test]
    fn entries_below_a_path_are_those_of_the_whole_list(
        made in making(any_name(), true), which: prop::sample::Index,
    ) {
        let place = place(&made, &[]);
        let snapshot = place.snap(Boundary::Late);
        let all = entries(&snapshot);
        let top = &which.get(&all).path;
        let mut below = top.clone();
        below.push(b'/');
        let expected: Vec<_> =
            all.iter().filter(|e| e.path == *top || e.path.starts_with(&below)).cloned().collect();
        let found = snapshot.entries_below(top).expect("an undamaged snapshot").expect("it is there");
        let found: Vec<_> = found.collect::<Result<_, _>>().expect("an undamaged snapshot");
        prop_assert_eq!(found, expected);
        below.extend_from_slice(b"not there");
        prop_assert!(snapshot.entries_below(&below).expect("an undamaged snapshot").is_none());
    }
}
