//! Copies that are kept equal by lists alone, by rsync, rclone and tar, through rounds of random edits: renamed
//! directories, odd names, hard links, changes of kind.

use proptest::prelude::*;

use super::{Edited, ROUNDS, as_path, program, script, shown};
use crate::properties::names::{any_name, sayable_name};

#[test]
fn rsync_keeps_a_mirror() {
    if program("rsync").is_none() {
        return;
    }
    // rsync does not part the names of a symlink or a fifo again, with a list or without.
    let mut edited = Edited::linking_files_only(any_name());
    script(&edited.env, "rsync -aH --modify-window=-1 --numeric-ids tree/ copy/");
    for round in 0..ROUNDS {
        edited.edit("rsync", &["all"]);
        script(
            &edited.env,
            "rsync -aHI --modify-window=-1 --numeric-ids --from0 --files-from=all --delete-missing-args --force tree/ copy/",
        );
        edited.assert_equal("copy", round, false);
    }
}

#[test]
fn tar_keeps_a_copy() {
    if program("tar").is_none() {
        return;
    }
    // tar stores each name of a fifo by itself.
    let mut edited = Edited::linking_files_only(any_name());
    script(&edited.env, "cp -a tree copy");
    for round in 0..ROUNDS {
        edited.edit("tar", &["changed", "deleted"]);
        script(
            &edited.env,
            "tar --create --format=posix --no-recursion -C tree --null -T changed --file changes.tar
             (cd copy && xargs -0 -r rm -rf --) <deleted &&
             tar --extract --preserve-permissions --numeric-owner --delay-directory-restore --file changes.tar -C copy",
        );
        edited.assert_equal("copy", round, true);
    }
}

#[test]
fn rclone_keeps_the_files_of_a_mirror() {
    if program("rclone").is_none() {
        return;
    }
    let mut edited = Edited::new(
        prop_oneof![6 => sayable_name(), 1 => proptest::sample::select(&["a\t", "c\r", "n\nl", "\u{7f}", "␁", "a:b"][..]).prop_map(|n| n.as_bytes().to_vec())].boxed(),
    );
    // Its list cannot say what rclone does not find; see the test of what is refused.
    script(&edited.env, "mkdir copy && rclone sync -l tree copy --config ''");
    let mut by_list = 0;
    for round in 0..ROUNDS {
        if !edited.edit_unless_refused("rclone", &["all"]) {
            script(&edited.env, "rm -rf copy && mkdir copy && rclone sync -l tree copy --config ''");
            continue;
        }
        by_list += 1;
        script(&edited.env, "rclone sync -l --ignore-times --files-from-raw all tree copy --config ''");
        let files = |root: &str| {
            let mut all = shown(&edited.env.path(root));
            all.retain(|path, _| {
                let kind = edited.env.path(root).join(as_path(path)).symlink_metadata().unwrap().file_type();
                kind.is_file() || kind.is_symlink()
            });
            all.into_iter().map(|(path, is)| (path, is.content)).collect::<Vec<_>>()
        };
        let (tree, copy) = (files("tree"), files("copy"));
        let named = |one: &[(Vec<u8>, Vec<u8>)], other: &[(Vec<u8>, Vec<u8>)]| {
            let only = one.iter().filter(|entry| !other.contains(entry));
            only.map(|(path, _)| String::from_utf8_lossy(path).into_owned()).collect::<Vec<_>>()
        };
        let (here, there) = (named(&tree, &copy), named(&copy, &tree));
        assert!(here.is_empty() && there.is_empty(), "round {round}: in the tree {here:?}, in the copy {there:?}");
    }
    assert!(by_list > ROUNDS / 2, "{by_list} lists");
}
