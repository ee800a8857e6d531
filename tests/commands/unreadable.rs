//! Promise 2: what cannot be read is unknown, not removed; with a base its last known state is kept.

use crate::testenv::{Run, TestEnv, shown};

const WALKERS: [&str; 2] = ["native", "portable"];

/// A tree with a directory that can be closed, and a snapshot of it while it was open.
fn tree_with_old_snapshot() -> TestEnv {
    let env = TestEnv::new();
    env.write("tree/closed/a", "1");
    env.write("tree/closed/deep/b", "2");
    env.write("tree/open/c", "3");
    assert_eq!(env.snap_as_nobody("old.snap", &[]).success(), "");
    env
}

/// A diff as nobody: who wrote the snapshots can read them.
#[track_caller]
fn changes(env: &TestEnv, old: &str, new: &str) -> Run {
    env.changes_with(&format!("out/{old}"), &format!("out/{new}"), &[])
}

#[track_caller]
fn assert_incomplete(run: &Run, expected: &str) {
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), expected), "{}", run.stderr);
    assert!(run.stderr.contains("exit code 3"), "{}", run.stderr);
}

#[test]
fn without_a_base_a_closed_directory_is_unknown_and_its_old_children_are_not_removed() {
    let env = tree_with_old_snapshot();
    env.chmod("tree/closed", 0);
    for walker in WALKERS {
        let run = env.snap_as_nobody("new.snap", &["--walker", walker]);
        assert_eq!(run.code, Some(3));
        let first = "fastdiff: warning: cannot list [ROOT]/tree/closed: Permission denied (os error 13) (its entries are unknown, not removed)\n";
        assert!(run.stderr.starts_with(first), "{walker}: {}", run.stderr);
        assert!(run.stderr.contains("exit code 3"), "{}", run.stderr);
        assert_eq!(shown(&env, "out/new.snap").len(), 4);
        assert_incomplete(&changes(&env, "old.snap", "new.snap"), "M closed\nU closed\n");
    }
}

#[test]
fn with_a_base_a_closed_directory_keeps_its_last_known_children() {
    let env = tree_with_old_snapshot();
    env.chmod("tree/closed", 0);
    for walker in WALKERS {
        let run = env.snap_as_nobody("new.snap", &["--base", "out/old.snap", "--walker", walker]);
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        let (old, new) = (shown(&env, "out/old.snap"), shown(&env, "out/new.snap"));
        assert!(new.keys().eq(old.keys()), "{walker}: {new:?}");
        let same = old.iter().filter(|(path, entry)| new[*path] == **entry).count();
        assert_eq!(same, 6, "all but the closed directory, whose mode is another: {new:?}");
        assert_incomplete(&changes(&env, "old.snap", "new.snap"), "M closed\nU closed\n");
        assert_eq!(env.run(["verify", "out/new.snap", "-q"]).success(), "");
        // The next in the chain, with the directory still closed.
        let run = env.snap_as_nobody("newer.snap", &["--base", "out/new.snap", "--walker", walker]);
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        assert!(shown(&env, "out/newer.snap") == new, "{walker}: carried once more");
        assert_incomplete(&changes(&env, "new.snap", "newer.snap"), "U closed\n");
    }
}

#[test]
fn a_state_taken_over_from_before_the_older_snapshot_is_no_proof_and_refused() {
    for walker in WALKERS {
        let env = tree_with_old_snapshot();
        env.write("tree/closed/added", "");
        assert_eq!(env.snap_as_nobody("later.snap", &[]).success(), "");
        env.chmod("tree/closed", 0);
        let from = |base: &str| format!("out/{base}.snap");
        for base in ["old", "later"] {
            let args = ["--walker", walker, "--base", &from(base)];
            assert_eq!(env.snap_as_nobody(&format!("from-{base}.snap"), &args).code, Some(3));
        }
        // Seen from later.snap, what was taken over from old.snap would be a removal of `added`.
        let error = changes(&env, "later.snap", "from-old.snap").failure(2);
        assert!(error.contains("later.snap") && error.contains("from-old.snap") && error.contains("--base"), "{error}");
        assert_incomplete(&changes(&env, "later.snap", "from-later.snap"), "M closed\nU closed\n");
        assert_incomplete(&changes(&env, "old.snap", "from-old.snap"), "M closed\nU closed\n");
        let run = changes(&env, "old.snap", "from-later.snap");
        assert_incomplete(&run, "M closed\nU closed\nA closed/added\n");
    }
}

#[test]
fn when_it_can_be_read_again_the_true_difference_shows() {
    for walker in WALKERS {
        let env = tree_with_old_snapshot();
        env.chmod("tree/closed", 0);
        let walker = ["--walker", walker];
        assert_eq!(env.snap_as_nobody("lost.snap", &walker).code, Some(3));
        let with_base = [&walker[..], &["--base", "out/old.snap"]].concat();
        assert_eq!(env.snap_as_nobody("carried.snap", &with_base).code, Some(3));
        env.chmod("tree/closed", 0o755);
        env.remove("tree/closed/a");
        env.write("tree/closed/deep/b", "changed");
        env.write("tree/closed/new", "");
        assert_eq!(env.snap_as_nobody("again.snap", &with_base).success(), "");
        let truth = "M closed\nD closed/a\nM closed/deep/b\nA closed/new\n";
        assert_eq!(changes(&env, "old.snap", "again.snap").success(), truth);
        assert_eq!(changes(&env, "carried.snap", "again.snap").success(), truth, "against the last known state");
        let seen_first = "A closed\nA closed/deep\nA closed/deep/b\nA closed/new\n";
        assert_eq!(changes(&env, "lost.snap", "again.snap").success(), seen_first, "against nothing known");
    }
}

#[test]
fn entries_whose_metadata_cannot_be_read_are_unknown_one_by_one() {
    for walker in WALKERS {
        let env = tree_with_old_snapshot();
        // Names can be listed, but nothing can be looked at.
        env.chmod("tree/closed", 0o444);
        let run = env.snap_as_nobody("new.snap", &["--walker", walker]);
        assert_eq!(run.code, Some(3));
        assert!(
            run.stderr.contains("cannot read the metadata of [ROOT]/tree/closed/a: Permission denied"),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains("cannot list [ROOT]/tree/closed/deep: Permission denied"), "{}", run.stderr);
        assert_incomplete(&changes(&env, "old.snap", "new.snap"), "M closed\nU closed/a\nU closed/deep\n");

        let run = env.snap_as_nobody("based.snap", &["--walker", walker, "--base", "out/old.snap"]);
        assert_eq!(run.code, Some(3));
        let (old, based) = (shown(&env, "out/old.snap"), shown(&env, "out/based.snap"));
        assert_eq!(old.iter().filter(|(path, entry)| based.get(*path) == Some(entry)).count(), 6, "{based:?}");
        assert_incomplete(&changes(&env, "old.snap", "based.snap"), "M closed\nU closed/a\nU closed/deep\n");

        env.chmod("tree/closed", 0o755);
        assert_eq!(env.snap_as_nobody("again.snap", &["--walker", walker]).success(), "");
        assert_eq!(changes(&env, "based.snap", "again.snap").success(), "M closed\n");
        let run = changes(&env, "new.snap", "again.snap");
        assert_eq!(run.success(), "M closed\nA closed/a\nA closed/deep\nA closed/deep/b\n", "never seen before");
    }
}

#[test]
fn what_is_new_and_cannot_be_read_is_unknown_and_added_once_it_can() {
    for walker in WALKERS {
        let env = tree_with_old_snapshot();
        env.write("tree/new/file", "");
        env.chmod("tree/new", 0);
        assert_eq!(env.snap_as_nobody("new.snap", &["--walker", walker]).code, Some(3));
        assert_incomplete(&changes(&env, "old.snap", "new.snap"), "M .\nU new\n");
        env.chmod("tree/new", 0o755);
        assert_eq!(env.snap_as_nobody("newer.snap", &["--walker", walker]).success(), "");
        assert_eq!(changes(&env, "new.snap", "newer.snap").success(), "A new\nA new/file\n");
    }
}

#[test]
fn what_is_gone_from_a_directory_that_can_be_read_is_removed_beside_unknown_ones() {
    let env = tree_with_old_snapshot();
    env.chmod("tree/closed", 0);
    env.remove("tree/open");
    assert_eq!(env.snap_as_nobody("new.snap", &[]).code, Some(3));
    assert_incomplete(&changes(&env, "old.snap", "new.snap"), "M .\nM closed\nU closed\nD open\nD open/c\n");
}

#[test]
fn incomplete_goes_before_different() {
    let env = tree_with_old_snapshot();
    env.chmod("tree/closed", 0);
    assert_eq!(env.snap_as_nobody("new.snap", &[]).code, Some(3));
    let run = env.changes_with("out/old.snap", "out/new.snap", &["--exit-code"]);
    assert_eq!(run.code, Some(3));
}

#[test]
fn the_list_of_what_to_look_at_holds_nothing_unknown() {
    let env = tree_with_old_snapshot();
    env.chmod("tree/closed", 0o444);
    assert_eq!(env.snap_as_nobody("new.snap", &[]).code, Some(3));
    let run = env.run(["diff", "out/old.snap", "out/new.snap", "--emit", "paths", "--relative"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), "closed\n"));
}

#[test]
fn both_walkers_record_the_same_of_what_cannot_be_read() {
    let env = tree_with_old_snapshot();
    env.write("tree/half/file", "");
    env.dir("tree/half/dir");
    env.chmod("tree/half", 0o444);
    env.chmod("tree/closed", 0);
    for base in [&[][..], &["--base", "out/old.snap"]] {
        let digests = WALKERS.map(|walker| {
            assert_eq!(env.snap_as_nobody("new.snap", &[base, &["--walker", walker]].concat()).code, Some(3));
            let info: serde_json::Value =
                serde_json::from_str(&env.run(["info", "out/new.snap", "--json"]).success()).unwrap();
            info["root_digest"].to_string()
        });
        assert_eq!(digests[0], digests[1], "{base:?}");
    }
}

#[test]
fn an_unreadable_root_is_an_error() {
    let env = tree_with_old_snapshot();
    env.chmod("tree", 0);
    for walker in WALKERS {
        let error = env.snap_as_nobody("new.snap", &["--walker", walker]).failure(2);
        assert!(error.contains("root [ROOT]/tree: cannot be listed: Permission denied"), "{error}");
    }
    env.chmod("tree", 0o755);
    assert_eq!(env.names("out"), ["old.snap"]);
}

#[test]
fn warnings_quote_names_that_could_command_the_terminal() {
    let env = TestEnv::new();
    env.write("tree/\u{1b}[31m\n/file", "");
    env.chmod("tree/\u{1b}[31m\n", 0);
    for walker in WALKERS {
        let run = env.snap_as_nobody("a.snap", &["--walker", walker]);
        assert_eq!(run.code, Some(3));
        assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
        assert!(run.stderr.lines().all(|l| l.starts_with("fastdiff: ")), "{:?}", run.stderr);
    }
    env.chmod("tree/\u{1b}[31m\n", 0o755);
}

#[test]
fn many_unreadable_directories_are_counted_after_the_first_fifty() {
    let env = TestEnv::new();
    for i in 0..70 {
        env.dir(format!("tree/{i}"));
        env.chmod(format!("tree/{i}"), 0);
    }
    let run = env.snap_as_nobody("a.snap", &[]);
    assert_eq!(run.code, Some(3));
    assert_eq!(run.stderr.matches("cannot list").count(), 50);
    assert!(run.stderr.contains("fastdiff: warning: 20 more warnings\n"), "{}", run.stderr);
    assert!(run.stderr.contains("70 entries could not be read"), "{}", run.stderr);
}
