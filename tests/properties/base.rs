//! A scan with a base gives the same snapshot as a scan without one.

use fastdiff::{NoMonitor, ScanOptions, Snapshot, Time, WalkerKind, scan};
use proptest::prelude::*;
use rustix::time::{ClockId, clock_gettime};

use super::cases;
use super::edits::{Edit, changing, making};
use super::names::any_name;
use super::place::{Boundary, Place};

/// What two snapshots of one state share: all that the root digest covers, and the counts.
pub(super) fn state(snapshot: &Snapshot) -> (fastdiff::Digest, fastdiff::Counts) {
    (snapshot.header().root_digest, snapshot.header().counts)
}

fn by_base(place: &Place, options: &ScanOptions, base: &Snapshot, name: &str) -> Snapshot {
    let output = place.beside(name);
    scan(options, Some(base), &output, &NoMonitor).expect("a scan of a readable tree");
    Snapshot::open(&output).expect("what was just written")
}

/// Now, by the clock that stamps files.
pub(super) fn now() -> Boundary {
    let now = clock_gettime(ClockId::RealtimeCoarse);
    Boundary::At(Time::new(now.tv_sec, u32::try_from(now.tv_nsec).expect("below a second")), std::time::Duration::ZERO)
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_scan_by_a_base_comes_to_what_a_full_one_does(
        made in making(any_name(), true),
        rounds in proptest::collection::vec((changing(any_name(), true, 4), any::<bool>()), 1..5),
        portable: bool,
        marked: bool,
    ) {
        let mut place = Place::new(&made);
        let filter = Place::marked(marked);
        let mut base = place.snap_by(Boundary::Settled, WalkerKind::Native, &filter);
        for (number, (edits, at_once)) in rounds.iter().enumerate() {
            let edits: &[Edit] = edits;
            place.tree.edit(edits);
            // Without waiting: what was just changed is racy, so the names of its directory prove nothing next time.
            let boundary = if *at_once { now() } else { let _ = place.options(Boundary::Settled); now() };
            let mut options = place.options(boundary);
            options.filter = filter.clone();
            let full = place.snap_with(&options);
            if portable {
                options.walker = WalkerKind::Portable;
            }
            let short = by_base(&place, &options, &base, &format!("base-{number}.snap"));
            prop_assert_eq!(state(&short), state(&full));
            prop_assert_eq!(short.verify().expect("undamaged").entries, full.header().counts.entries);
            base = short;
        }
    }
}
