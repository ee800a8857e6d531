//! A scan with hints equals a full one if the hints name every change as a watcher does: each entry that came, went or
//! changed; of a moved directory only itself; of a file with several names only one of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use fastdiff::{Digest, Hints, HintsUse, NoMonitor, ScanOptions, ScanOutcome, Snapshot, WalkerKind, scan};
use proptest::prelude::*;

use super::base::{now, state};
use super::cases;
use super::edits::{Edit, changing, making};
use super::model::{Model, ancestors, read};
use super::names::any_name;
use super::place::{Boundary, Place};

/// The statement that hints are complete since a base began.
fn since(base: &Snapshot) -> Vec<u8> {
    let hex = |digest: &Digest| {
        digest.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    format!("# complete since base {}\0", hex(&base.header().identity)).into_bytes()
}

/// The hints of a watcher: the paths at which something changed, less what follows from others. Of the names of one
/// file it names the first or the last.
fn watched(before: &Model, after: &Model, first: bool) -> BTreeSet<Vec<u8>> {
    let is_directory = |stat: &fastdiff::Stat| stat.kind() == fastdiff::Kind::Dir;
    let differs = |path: &Vec<u8>| before.get(path) != after.get(path);
    let mut paths: BTreeSet<_> = before.keys().chain(after.keys()).filter(|path| differs(path)).cloned().collect();
    let arrived = |path: &[u8]| match (before.get(path), after.get(path)) {
        (Some(before), Some(after)) => before.ino != after.ino,
        _ => true,
    };
    // It names nothing below an entry that came, went or was replaced.
    let told: Vec<_> =
        paths.iter().filter(|path| !ancestors(path).any(|a| paths.contains(a) && arrived(a))).cloned().collect();
    paths = told.into_iter().collect();
    let mut names: std::collections::BTreeMap<u64, Vec<Vec<u8>>> = std::collections::BTreeMap::new();
    for path in &paths {
        // The same name before and after: a change through one of the names.
        if let (Some(old), Some(new)) = (before.get(path), after.get(path))
            && old.ino == new.ino
            && !is_directory(new)
        {
            names.entry(new.ino).or_default().push(path.clone());
        }
    }
    for same in names.values().filter(|same| same.len() > 1) {
        let kept = if first { 0 } else { same.len() - 1 };
        for (number, path) in same.iter().enumerate() {
            if number != kept {
                paths.remove(path);
            }
        }
    }
    paths
}

fn by_hints(place: &Place, options: &ScanOptions, base: &Snapshot, name: &str) -> (ScanOutcome, Snapshot) {
    let output = place.beside(name);
    let outcome = scan(options, Some(base), &output, &NoMonitor).expect("a scan of a readable tree");
    (outcome, Snapshot::open(&output).expect("what was just written"))
}

proptest! {
    #![proptest_config(cases(80))]

    #[test]
    fn a_scan_with_the_hints_of_a_watcher_equals_a_full_one(
        made in making(any_name(), true),
        rounds in proptest::collection::vec((changing(any_name(), true, 4), any::<bool>(), any::<bool>()), 1..5),
        audit in proptest::sample::select(&[0.0, 5.0, 30.0][..]),
        marked: bool,
    ) {
        let mut place = Place::new(&made);
        let filter = Place::marked(marked);
        let mut base = place.snap_by(Boundary::Settled, WalkerKind::Native, &filter);
        let mut before = read(place.root());
        for (number, (edits, first, overlay)) in rounds.iter().enumerate() {
            let edits: &[Edit] = edits;
            place.tree.edit(edits);
            let after = read(place.root());
            let mut bytes = since(&base);
            for path in watched(&before, &after, *first) {
                bytes.extend_from_slice(&path);
                bytes.push(0);
            }
            let _ = place.options(Boundary::Settled);
            let mut options = place.options(now());
            options.filter = filter.clone();
            let full = place.snap_with(&options);
            options.hints = Some(Hints::new("watched", bytes));
            options.audit = audit;
            options.overlay = *overlay;
            let (outcome, short) = by_hints(&place, &options, &base, &format!("hinted-{number}.snap"));
            prop_assert!(matches!(outcome.hints, Some(HintsUse::Used { .. })), "{:?}", outcome.hints);
            prop_assert_eq!(state(&short), state(&full));
            prop_assert_eq!(short.verify().expect("undamaged").entries, full.header().counts.entries);
            (base, before) = (short, after);
        }
    }
}
