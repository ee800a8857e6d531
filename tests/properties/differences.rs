//! The list without renames is the same as a comparison of two plain lists of entries.

use fastdiff::{ChangeKind, Snapshot};
use proptest::prelude::*;

use super::cases;
use super::edits::{changing, making};
use super::model::{Model, expected, read, said, without_birth};
use super::names::any_name;
use super::place::{Boundary, Place, changes};

/// Every change has the metadata before and after that the model has.
fn sides_are_true(a: &Model, b: &Model, changes: &[fastdiff::Change]) -> Result<(), TestCaseError> {
    for change in changes {
        let from = change.from.as_ref().unwrap_or(&change.path);
        let old = if change.kind == ChangeKind::Added { None } else { a.get(from).copied() };
        let new = if change.kind == ChangeKind::Removed { None } else { b.get(&change.path).copied() };
        let told = [change.old, change.new].map(|side| side.map(|s| without_birth(s.stat)));
        prop_assert_eq!(told, [old, new], "{:?}", change);
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn the_list_without_renames_is_that_of_the_model(
        made in making(any_name(), true), changed in changing(any_name(), true, 12),
    ) {
        let mut place = Place::new(&made);
        let (a, old) = (read(place.root()), place.snap(Boundary::Late));
        place.tree.edit(&changed);
        let (b, new) = (read(place.root()), place.snap(Boundary::Late));
        let list = changes(&old, &new, false);
        prop_assert_eq!(said(&list), expected(&a, &b, |_| false));
        sides_are_true(&a, &b, &list)?;
        // Also the other way, as if OLD and NEW were swapped.
        prop_assert_eq!(said(&changes(&new, &old, false)), expected(&b, &a, |_| false));
    }

    #[test]
    fn a_snapshot_does_not_differ_from_itself(made in making(any_name(), true), young: bool, renames: bool) {
        let place = Place::new(&made);
        let snapshot = place.snap(if young { Boundary::Now } else { Boundary::Late });
        let again = Snapshot::open(snapshot.path()).expect("the same file");
        prop_assert_eq!(changes(&snapshot, &snapshot, renames), []);
        prop_assert_eq!(changes(&snapshot, &again, renames), []);
    }

    #[test]
    fn a_quiet_tree_does_not_differ(made in making(any_name(), true), renames: bool, young: bool) {
        let place = Place::new(&made);
        let old = place.snap(Boundary::Late);
        let new = place.snap(if young { Boundary::Now } else { Boundary::Late });
        prop_assert_eq!(old.header().root_digest == new.header().root_digest, !young);
        prop_assert_eq!(changes(&old, &new, renames), []);
    }

    #[test]
    fn a_tree_that_was_just_made_is_suspect_and_nothing_else(made in making(any_name(), true), renames: bool) {
        let place = Place::new(&made);
        let (old, new) = (place.snap(Boundary::Now), place.snap(Boundary::Late));
        let list = changes(&old, &new, renames);
        prop_assert!(list.iter().all(|c| c.kind == ChangeKind::Suspect && c.fields.is_empty()));
        prop_assert_eq!(list.len(), read(place.root()).len());
        // The tree was quiet at the second scan, so nothing is suspect after it.
        prop_assert_eq!(changes(&new, &place.snap(Boundary::Late), renames), []);
    }
}
