//! Snapshots and diffs of random trees, against what the standard library shows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastdiff::{
    ChangeKind, Diff, DiffOptions, Entry, FilterOptions, Kind, NoMonitor, ScanOptions, Snapshot, Time, WalkerKind, scan,
};
use proptest::prelude::*;

use super::model::{Model, Tree, edits, read};
use super::place::{Place, settle};

fn cases() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(if cfg!(windows) { 24 } else { 48 }) }
}

/// Scans without young entries.
fn snap(place: &Place, name: &str, base: Option<&Snapshot>, walker: WalkerKind) -> Snapshot {
    settle();
    let mut options = ScanOptions::new([place.path("tree")]);
    options.racy_window = Some(Duration::ZERO);
    options.walker = walker;
    options.threads = Some(2);
    options.filter = FilterOptions::default();
    let output = place.path(name);
    scan(&options, base, &output, &NoMonitor).unwrap();
    Snapshot::open(output).unwrap()
}

fn entries(snapshot: &Snapshot) -> Vec<Entry> {
    snapshot.entries().map(Result::unwrap).collect()
}

/// An entry as the model knows it. The size of a directory is the file system's own affair.
fn known(entry: &Entry) -> (Vec<u8>, (Kind, u64, Time)) {
    let size = if entry.kind() == Kind::Dir { 0 } else { entry.stat.size };
    (entry.path.clone(), (entry.kind(), size, entry.stat.mtime))
}

/// Whether two stats of an entry are of one file, by number.
fn numbers(snapshot: &Snapshot) -> BTreeMap<Vec<u8>, u64> {
    entries(snapshot).into_iter().map(|entry| (entry.path, entry.stat.ino)).collect()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_snapshot_holds_what_is_there_by_either_walker_and_with_a_base(
        made in edits(30), changed in edits(12), portable: bool,
    ) {
        let place = Place::new();
        let tree = Tree { root: place.path("tree") };
        tree.edit(&made);
        let walker = if portable { WalkerKind::Portable } else { WalkerKind::Native };
        let old = snap(&place, "old.fds", None, walker);
        let found = entries(&old);
        prop_assert!(found.is_sorted_by(|a, b| fastdiff::path::compare(&a.path, &b.path).is_lt()));
        prop_assert!(found.iter().all(|entry| entry.flags.is_empty() && entry.stat.ino != 0));
        prop_assert_eq!(found.iter().map(known).collect::<Model>(), read(&tree.root));

        tree.edit(&changed);
        let with_base = snap(&place, "base.fds", Some(&old), walker);
        let without = snap(&place, "new.fds", None, WalkerKind::Native);
        prop_assert_eq!(entries(&with_base), entries(&without));
        prop_assert_eq!(entries(&without).iter().map(known).collect::<Model>(), read(&tree.root));
    }

    #[test]
    fn a_diff_lists_what_changed_and_nothing_else(made in edits(30), changed in edits(12)) {
        let place = Place::new();
        let tree = Tree { root: place.path("tree") };
        tree.edit(&made);
        let before = read(&tree.root);
        let old = snap(&place, "old.fds", None, WalkerKind::Native);
        settle();
        tree.edit(&changed);
        let after = read(&tree.root);
        let new = snap(&place, "new.fds", Some(&old), WalkerKind::Native);
        let mut options = DiffOptions::default();
        options.renames = false;
        options.allow_root_change = true;
        let diff = Diff::new(&old, &new, &options).unwrap();
        let said: BTreeMap<_, _> =
            diff.changes().map(|change| change.map(|change| (change.path, change.kind)).unwrap()).collect();
        let (numbers_before, numbers_after) = (numbers(&old), numbers(&new));
        let all: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for path in all {
            let kind = said.get(path).copied();
            match (before.get(path), after.get(path)) {
                (Some(_), None) => prop_assert_eq!(kind, Some(ChangeKind::Removed)),
                (None, Some(_)) => prop_assert_eq!(kind, Some(ChangeKind::Added)),
                (Some(old), Some(new)) if old.0 != new.0 => prop_assert_eq!(kind, Some(ChangeKind::TypeChanged)),
                (Some(old), Some(new)) if old != new || numbers_before[path] != numbers_after[path] => {
                    prop_assert_eq!(kind, Some(ChangeKind::Modified));
                }
                // Nothing that the standard library shows on every system differs: the change time may, or the number
                // of its names, and that is a change too.
                _ => prop_assert!(matches!(kind, None | Some(ChangeKind::Modified)), "{:?}", kind),
            }
        }
        prop_assert!(said.keys().all(|path| before.contains_key(path) || after.contains_key(path)));
    }
}

#[test]
fn of_a_quiet_tree_nothing_is_listed() {
    let place = Place::new();
    for number in 0..300 {
        place.write(format!("tree/{}/{number}", number % 7), number.to_string());
    }
    place.snap("old.fds", &[]);
    place.snap("new.fds", &["--base", "old.fds"]);
    place.snap("portable.fds", &["--walker", "portable"]);
    for new in ["new.fds", "portable.fds"] {
        assert_eq!(place.changes("old.fds", new), "");
        place.run(["diff", "old.fds", new, "--exit-code"]).success();
    }
}
