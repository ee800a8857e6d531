//! The names of a list that a destination may take for one are those that a plain model finds.

use std::collections::BTreeSet;

use fastdiff::consumers::{NameCollisions, NamePair};
use fastdiff::path::{folded, is_within};
use fastdiff::{Diff, DiffOptions};
use proptest::prelude::*;

use super::cases;
use super::edits::{changing, making};
use super::model::{Model, read};
use super::place::{Boundary, Place};

/// A few names, most of which are one to some destination.
fn name() -> BoxedStrategy<Vec<u8>> {
    const NAMES: [&str; 10] = ["a", "A", "a.", "b", "B ", "\u{e9}", "E\u{301}", "\u{df}", "ss", "n"];
    prop_oneof![9 => proptest::sample::select(&NAMES[..]).prop_map(|name| name.as_bytes().to_vec()), 1 => Just(b"\xffx".to_vec())]
        .boxed()
}

fn folded_path(path: &[u8]) -> Vec<u8> {
    path.split(|b| *b == b'/').map(|name| folded(name).into_owned()).collect::<Vec<_>>().join(&b"/"[..])
}

type Pairs = BTreeSet<(Vec<u8>, Vec<u8>)>;

/// Each path of one tree that the other lacks, with each other path of the new tree that may be the same.
fn pairs(of: &Model, without: &Model, new: &Model) -> Pairs {
    let only = of.keys().filter(|path| !without.contains_key(*path));
    only.flat_map(|path| {
        let same = new.keys().filter(move |other| *other != path && folded_path(other) == folded_path(path));
        same.map(move |other| (path.clone(), other.clone()))
    })
    .collect()
}

/// Without what lies below another one.
fn topmost(pairs: &Pairs) -> Pairs {
    let is_below = |path: &[u8]| pairs.iter().any(|(above, _)| above != path && is_within(path, above));
    pairs.iter().filter(|(path, _)| !is_below(path)).cloned().collect()
}

fn found(pairs: &[NamePair]) -> Pairs {
    pairs.iter().map(|pair| (pair.path.clone(), pair.other.clone())).collect()
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn the_names_that_may_be_one_are_those_of_a_plain_model(
        made in making(name(), false), changed in changing(name(), false, 12),
    ) {
        let mut place = Place::new(&made);
        let (a, old) = (read(place.root()), place.snap(Boundary::Late));
        place.tree.edit(&changed);
        let (b, new) = (read(place.root()), place.snap(Boundary::Late));
        let mut options = DiffOptions::default();
        options.allow_root_change = true;
        let names = NameCollisions::of(&Diff::new(&old, &new, &options).expect("one scope")).expect("whole snapshots");
        prop_assert_eq!(found(&names.removed), topmost(&pairs(&a, &b, &b)));
        prop_assert_eq!(found(&names.present), pairs(&b, &a, &b));
        let all = NameCollisions::of(&Diff::everything(&new)).expect("a whole snapshot");
        prop_assert_eq!(found(&all.present), pairs(&b, &Model::new(), &b));
        prop_assert!(all.removed.is_empty());
    }
}
