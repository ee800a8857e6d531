//! A list with renames leads from the old tree to the new one, and means the same as the list without them.

use std::collections::{BTreeSet, HashMap, HashSet};

use fastdiff::{Change, ChangeKind, Kind, Stat};
use proptest::prelude::*;

use super::cases;
use super::edits::{Edit, changing, making};
use super::model::{Model, ancestors, differing, read, said, tree_order, without_birth};
use super::names::any_name;
use super::place::{Boundary, Place, changes};

/// The path of a `D` line or the source of an `R` line, and where a renamed entry went.
struct Moves {
    removed: HashSet<Vec<u8>>,
    renamed: HashMap<Vec<u8>, Vec<u8>>,
}

impl Moves {
    fn of(list: &[Change]) -> Self {
        let of_kind = |kind| list.iter().filter(move |c| c.kind == kind);
        Self {
            removed: of_kind(ChangeKind::Removed).map(|c| c.path.clone()).collect(),
            renamed: of_kind(ChangeKind::Renamed)
                .map(|c| (c.from.clone().expect("an old path"), c.path.clone()))
                .collect(),
        }
    }

    /// Where an old entry is in the new tree. Entries below a renamed directory moved with it.
    fn now(&self, path: &[u8]) -> Option<Vec<u8>> {
        if self.removed.contains(path) {
            return None;
        }
        let moved = std::iter::once(path).chain(ancestors(path)).find_map(|p| Some((p, self.renamed.get(p)?)));
        Some(moved.map_or_else(|| path.to_vec(), |(from, to)| [to.as_slice(), &path[from.len()..]].concat()))
    }
}

/// Applies a list to a tree. Uses only the names in the list.
fn apply(a: &Model, list: &[Change]) -> Result<Model, TestCaseError> {
    let moves = Moves::of(list);
    let mut tree = Model::new();
    for (path, stat) in a {
        if let Some(now) = moves.now(path) {
            prop_assert!(tree.insert(now, *stat).is_none(), "two entries end at one path");
        }
    }
    for path in moves.removed.iter().chain(moves.renamed.keys()) {
        prop_assert!(a.contains_key(path), "what was never there is gone: {:?}", path);
    }
    for change in list {
        let new = change.new.map(|side| without_birth(side.stat));
        let was_there = match change.kind {
            ChangeKind::Removed => continue,
            ChangeKind::Unknown => return Err(TestCaseError::fail("everything can be read")),
            ChangeKind::Suspect => tree.get(&change.path).copied() == new,
            ChangeKind::Added => tree.insert(change.path.clone(), new.expect("a new side")).is_none(),
            _ => tree.insert(change.path.clone(), new.expect("a new side")).is_some(),
        };
        prop_assert!(was_there, "it stands at a place that it cannot have: {:?}", change);
    }
    Ok(tree)
}

/// Letter and path. A rename is expanded to what is removed and added, with everything that moved with it.
fn plain(a: &Model, list: &[Change]) -> BTreeSet<(char, Vec<u8>)> {
    let moves = Moves::of(list);
    let mut plain = BTreeSet::new();
    let mut arrived = HashSet::new();
    for path in a.keys() {
        match moves.now(path) {
            Some(now) if now != *path => {
                plain.insert(('D', path.clone()));
                plain.insert(('A', now.clone()));
                arrived.insert(now);
            }
            _ => {}
        }
    }
    let others = list.iter().filter(|c| c.kind != ChangeKind::Renamed && !arrived.contains(&c.path));
    plain.extend(others.map(|c| (c.kind.letter(), c.path.clone())));
    plain
}

fn letters(list: &[Change]) -> BTreeSet<(char, Vec<u8>)> {
    list.iter().map(|c| (c.kind.letter(), c.path.clone())).collect()
}

/// Tree order. No path is there twice, except a renamed entry that changed otherwise too.
fn order_holds(list: &[Change]) -> Result<(), TestCaseError> {
    for pair in list.windows(2) {
        let both = pair[0].kind == ChangeKind::Renamed
            && matches!(pair[1].kind, ChangeKind::Modified | ChangeKind::Suspect)
            && pair[0].path == pair[1].path;
        prop_assert!(both || tree_order(&pair[0].path, &pair[1].path).is_lt(), "{:?}", said(list));
        prop_assert_eq!(
            fastdiff::path::compare(&pair[0].path, &pair[1].path),
            tree_order(&pair[0].path, &pair[1].path)
        );
    }
    Ok(())
}

/// What two entries must share to be the same one: inode, kind and birth time.
fn identity(stat: &Stat) -> (u64, Kind, u32) {
    (stat.ino, stat.kind(), stat.birth)
}

/// No rename is missed, none is invented, and none is listed twice.
fn renames_are_right(list: &[Change], off: &[Change]) -> Result<(), TestCaseError> {
    let moves = Moves::of(list);
    let side = |c: &Change| c.old.or(c.new).map(|s| identity(&s.stat)).expect("a side");
    let of_kind = |kind| list.iter().filter(move |c| c.kind == kind);
    let removed: HashSet<_> = of_kind(ChangeKind::Removed).map(side).collect();
    let missed: Vec<_> = of_kind(ChangeKind::Added).filter(|c| removed.contains(&side(c))).collect();
    prop_assert!(missed.is_empty(), "still removed and added: {:?}", missed);
    let off_letters = letters(off);
    for change in of_kind(ChangeKind::Renamed) {
        let from = change.from.clone().expect("an old path");
        let (old, new) = (change.old.expect("an old side").stat, change.new.expect("a new side").stat);
        prop_assert_eq!(identity(&old), identity(&new));
        prop_assert!(off_letters.contains(&('D', from.clone())) && off_letters.contains(&('A', change.path.clone())));
        prop_assert_eq!(change.fields, differing(&old, &new));
        let without = |path: &[u8]| ancestors(path).next().map(<[u8]>::to_vec).unwrap_or_default();
        let dir_now = moves.now(&without(&from));
        let came_along = dir_now.map(|dir| [&dir, &from[without(&from).len()..]].concat());
        prop_assert_ne!(came_along.as_ref(), Some(&change.path), "its directory's rename says so already");
    }
    Ok(())
}

/// Two trees and the lists between them.
fn check(place: &mut Place, changed: &[Edit], boundary: Boundary) -> Result<(), TestCaseError> {
    let (a, old) = (read(place.root()), place.snap(boundary));
    place.tree.edit(changed);
    let (b, new) = (read(place.root()), place.snap(Boundary::Late));
    let (on, off) = (changes(&old, &new, true), changes(&old, &new, false));
    order_holds(&on)?;
    order_holds(&off)?;
    prop_assert!(off.iter().all(|c| c.kind != ChangeKind::Renamed && c.from.is_none()));
    prop_assert_eq!(apply(&a, &off)?, b.clone());
    prop_assert_eq!(apply(&a, &on)?, b);
    prop_assert_eq!(plain(&a, &on), letters(&off));
    renames_are_right(&on, &off)
}

/// Mostly renames of directories, into and out of each other.
fn moving() -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<prop::sample::Index>;
    let rename = (at(), at(), any_name()).prop_map(|(what, dir, name)| Edit::Rename { what, dir, name });
    let renames = proptest::collection::vec(rename, 1..8);
    (renames, changing(any_name(), true, 4)).prop_map(|(renames, mut edits)| {
        edits.extend(renames);
        edits
    })
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_list_leads_from_the_old_tree_to_the_new_one(
        made in making(any_name(), true), changed in changing(any_name(), true, 12),
    ) {
        check(&mut Place::new(&made), &changed, Boundary::Late)?;
    }

    #[test]
    fn renamed_directories_take_along_what_is_in_them(made in making(any_name(), true), changed in moving()) {
        check(&mut Place::new(&made), &changed, Boundary::Late)?;
    }

    #[test]
    fn suspects_change_nothing_of_what_a_list_says(made in making(any_name(), true), changed in moving()) {
        check(&mut Place::new(&made), &changed, Boundary::Now)?;
    }
}

#[test]
fn a_renamed_tree_is_one_line_and_its_own_changes() {
    let place = Place::new(&[]);
    let path = |name: &str| place.root().join(name);
    std::fs::create_dir_all(path("old/deep/deeper")).unwrap();
    for file in ["old/stays", "old/deep/edited", "old/deep/deeper/goes", "old/deep/leaves"] {
        std::fs::write(path(file), file).unwrap();
    }
    let before = place.snap(Boundary::Late);
    std::fs::rename(path("old"), path("new")).unwrap();
    std::fs::write(path("new/deep/edited"), "otherwise").unwrap();
    std::fs::remove_file(path("new/deep/deeper/goes")).unwrap();
    std::fs::rename(path("new/deep/leaves"), path("left")).unwrap();
    let list = changes(&before, &place.snap(Boundary::Late), true);
    let short = |path: &[u8]| String::from_utf8_lossy(&path[place.root().as_os_str().len()..]).into_owned();
    let lines: Vec<_> = list
        .iter()
        .map(|c| format!("{} {} {}", c.kind.letter(), c.from.as_deref().map(short).unwrap_or_default(), short(&c.path)))
        .collect();
    assert_eq!(
        lines,
        [
            "M  ",
            "R /old/deep/leaves /left",
            "R /old /new",
            "M  /new/deep",
            "M  /new/deep/deeper",
            "M  /new/deep/edited",
            "D  /old/deep/deeper/goes",
        ]
    );
}
