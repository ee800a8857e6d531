//! restic and borg take a list whole, odd names included, and what they give back is the tree.

use std::collections::BTreeSet;

use proptest::strategy::Strategy as _;

use super::{Edited, as_path, paths, program, script, shown};
use crate::properties::names::any_name;

/// Every listed path was stored, nothing else but the directories above, and with the content that it has.
#[track_caller]
fn assert_holds(edited: &Edited, restored: &str, list: &str) {
    let root = edited.env.path("tree");
    let tree = shown(&root);
    let back = shown(&edited.env.path(restored).join(root.strip_prefix("/").unwrap()));
    let listed: BTreeSet<_> = paths(&edited.env, list)
        .iter()
        .map(|path| as_path(path).strip_prefix(&root).unwrap().as_os_str().as_encoded_bytes().to_vec())
        .collect();
    for path in &listed {
        let (is, was) = (&tree[path], back.get(path));
        let was = was.unwrap_or_else(|| panic!("{:?} was not stored", String::from_utf8_lossy(path)));
        assert_eq!((was.mode, &was.content), (is.mode, &is.content), "{:?}", String::from_utf8_lossy(path));
    }
    for path in back.keys().filter(|path| !listed.contains(*path)) {
        let is_above = path.is_empty() || listed.iter().any(|l| as_path(l).starts_with(as_path(path)));
        assert!(is_above, "{:?} was stored and not listed", String::from_utf8_lossy(path));
    }
}

#[test]
fn restic_takes_the_list_whole() {
    if program("restic").is_none() {
        return;
    }
    let mut edited = Edited::new(any_name());
    script(&edited.env, "restic init -q -r repo");
    for round in 0..3 {
        edited.edit("restic", &["changed"]);
        script(
            &edited.env,
            &format!(
                "restic backup -q -r repo --files-from-raw changed && restic restore -q -r repo latest --target out{round}"
            ),
        );
        assert_holds(&edited, &format!("out{round}"), "changed");
    }
}

#[test]
fn borg_takes_the_list_whole() {
    if program("borg").is_none() {
        return;
    }
    // In its list it reads such a name as another; see the test of what is refused.
    let names = any_name().prop_filter("a carriage return", |name| !name.contains(&b'\r'));
    let mut edited = Edited::new(names.boxed());
    script(&edited.env, "borg init -e none repo");
    for round in 0..3 {
        edited.edit("borg", &["changed"]);
        script(
            &edited.env,
            &format!(
                "borg create --paths-from-stdin --paths-delimiter '\\0' repo::r{round} <changed &&
                 mkdir out{round} && cd out{round} && borg extract ../repo::r{round}"
            ),
        );
        assert_holds(&edited, &format!("out{round}"), "changed");
    }
}
