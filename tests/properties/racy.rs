//! Promise 1: an entry that changed at the boundary or later is flagged, and the next list has it again.

use std::time::Duration;

use fastdiff::{Flags, Time, WalkerKind};
use proptest::prelude::*;
use proptest::sample::Index;

use super::cases;
use super::edits::{changing, making};
use super::model::{Model, expected, is_racy, read, said};
use super::names::any_name;
use super::place::{Boundary, Place, changes, entries};

/// A boundary among the stamps of the tree: some are older, and some are not.
fn among(model: &Model, which: Index, later: i64, window: Duration) -> Boundary {
    let stamps: Vec<_> = model.values().map(|s| s.ctime).collect();
    let Time { sec, nsec } = *which.get(&stamps);
    let total = i64::from(nsec) + later;
    let time =
        Time::new(sec + total.div_euclid(1_000_000_000), u32::try_from(total.rem_euclid(1_000_000_000)).unwrap());
    Boundary::At(time, window)
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn young_entries_are_flagged_and_listed_by_the_next_diff(
        made in making(any_name(), true),
        changed in changing(any_name(), true, 6),
        which: Index,
        // One nanosecond decides. The window moves the boundary like any other offset.
        later in -1..=1_i64,
        window in prop_oneof![Just(0), 0..20_000_000_u64],
        portable: bool,
    ) {
        let mut place = Place::new(&made);
        let a = read(place.root());
        let window = Duration::from_nanos(window);
        let later = later + i64::try_from(window.as_nanos()).unwrap();
        let boundary = among(&a, which, later, window);
        let Boundary::At(time, _) = boundary else { unreachable!() };
        let walker = if portable { WalkerKind::Portable } else { WalkerKind::Native };
        let old = place.snap_by(boundary, walker, &fastdiff::FilterOptions::default());
        let racy = |stat: &fastdiff::Stat| is_racy(stat, time, window);
        for entry in entries(&old) {
            let flags = if racy(&a[&entry.path]) { Flags::RACY } else { Flags::empty() };
            prop_assert_eq!(entry.flags, flags, "{:?}", entry);
        }
        prop_assert_eq!(old.header().counts.racy, a.values().filter(|s| racy(s)).count() as u64);

        place.tree.edit(&changed);
        let (b, new) = (read(place.root()), place.snap(Boundary::Late));
        prop_assert_eq!(said(&changes(&old, &new, false)), expected(&a, &b, racy));
    }

    #[test]
    fn whatever_happens_after_a_fresh_scan_is_in_the_next_list(
        made in making(any_name(), true), changed in changing(any_name(), true, 6),
    ) {
        // Every stamp is young, so every path of either tree must be listed: no change of content
        // can hide, whatever stamps it leaves.
        let mut place = Place::new(&made);
        let (a, old) = (read(place.root()), place.snap(Boundary::Now));
        place.tree.edit(&changed);
        let (b, new) = (read(place.root()), place.snap(Boundary::Late));
        prop_assert_eq!(said(&changes(&old, &new, false)), expected(&a, &b, |_| true));
    }
}
