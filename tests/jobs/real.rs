//! A mirror that the real rsync keeps through a job, while every other run fails in the middle or is killed.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use super::Jobs;
use super::mirror::{Copied, truth};
use crate::properties::edits::{Tree, changing, making};
use crate::properties::names::any_name;

/// What lies below a directory, by relative path.
fn below(root: &Path) -> Vec<(Vec<u8>, Copied)> {
    let len = root.as_os_str().as_bytes().len();
    let mut found: Vec<_> = truth(root).into_iter().map(|(path, is)| (path[len..].to_vec(), is)).collect();
    found.retain(|(path, _)| !path.is_empty());
    found
}

#[test]
fn a_mirror_by_rsync_is_the_tree_after_each_success_whatever_failed_runs_did_to_it() {
    if !Path::new("/usr/bin/rsync").exists() {
        return crate::testenv::skip("rsync is not installed");
    }
    let jobs = Jobs::with("consumer = \"rsync\"");
    let root = jobs.env.path("tree");
    let mut tree = Tree::new(root.clone());
    let mut runner = TestRunner::deterministic();
    tree.edit(&making(any_name(), true).new_tree(&mut runner).unwrap().current());
    jobs.env.dir("copy");
    let rsync = "rsync -aHI --numeric-ids --from0 --files-from=\"$list\" --delete-missing-args --force tree/ copy/";
    let whole = format!("list=$FASTDIFF_ALL; {rsync}");
    // The first half of the list, then a failure; the second half, then the end of everything.
    let half = "n=$(tr -cd '\\0' <\"$FASTDIFF_ALL\" | wc -c); list=part";
    let first = format!("{half}; head -z -n $((n / 2)) \"$FASTDIFF_ALL\" >part; {rsync}; exit 1");
    let last = format!("{half}; tail -z -n $(((n + 1) / 2)) \"$FASTDIFF_ALL\" >part; {rsync}; kill -9 $PPID");
    let mut number = 0;
    for round in 0..24 {
        tree.edit(&changing(any_name(), true, 6).new_tree(&mut runner).unwrap().current());
        // So that the root is never empty, which would be refused, and there is something to do.
        let _ = fs::write(root.join("always"), round.to_string());
        let script = [&whole, &first, &last, &whole, &last, &first][round % 6];
        let run = jobs.start(&["--", "sh", "-c", script]);
        if round % 3 != 0 {
            assert_ne!(run.code, Some(0), "round {round}");
            continue;
        }
        assert_eq!(run.code, Some(0), "round {round}: {}", run.stderr);
        number += 1;
        assert_eq!(below(&jobs.env.path("copy")), below(&root), "round {round}");
    }
    assert_eq!(number, 8);
}
