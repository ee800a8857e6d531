//! `diff`: refusals. Another scope (promise 7), an emptied root, too many removals (promise 8), swapped snapshots.

use crate::testenv::TestEnv;

#[test]
fn an_emptied_root_is_refused_unless_it_is_meant() {
    let env = TestEnv::new();
    env.write("tree/dir/file", "");
    env.snap("a.snap");
    env.remove("tree/dir");
    env.snap("b.snap");
    for format in ["text", "name-status", "json", "paths"] {
        let error = env.run(["diff", "a.snap", "b.snap", "--emit", format]).failure(2);
        let says = "root [ROOT]/tree: held entries before and is empty now; check that it is mounted; if this is intended, pass --allow-root-change";
        assert!(error.ends_with(says), "{error}");
    }
    let run = env.changes_with("a.snap", "b.snap", &["--allow-root-change"]);
    assert_eq!(run.success(), "M .\nD dir\nD dir/file\n");
    let filled = env.changes_with("b.snap", "a.snap", &[]);
    assert_eq!(filled.stdout, "M .\nA dir\nA dir/file\n", "filling one is no such case");
}

#[test]
fn another_directory_in_the_place_of_a_root_is_refused_unless_it_is_meant() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    env.snap("a.snap");
    env.rename("tree", "aside");
    env.write("tree/other", "");
    env.snap("b.snap");
    let error = env.run(["diff", "a.snap", "b.snap"]).failure(2);
    assert!(error.contains("root [ROOT]/tree: is another directory than before"), "{error}");
    let run = env.changes_with("a.snap", "b.snap", &["--allow-root-change"]);
    assert_eq!(run.success(), "M .\nD file\nA other\n");
}

#[test]
fn a_root_that_was_empty_before_may_stay_so() {
    let env = TestEnv::new();
    env.snap("a.snap");
    env.chmod("tree", 0o700);
    env.snap("b.snap");
    assert_eq!(env.changes("a.snap", "b.snap"), "M .\n");
}

#[test]
fn one_emptied_root_of_several_is_refused() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    env.write("other/file", "");
    for (name, gone) in [("a.snap", false), ("b.snap", true)] {
        if gone {
            env.remove("other/file");
        }
        env.run(["snap", "tree", "other", "-o", name, "-q"]).success();
    }
    let error = env.run(["diff", "a.snap", "b.snap"]).failure(2);
    assert!(error.contains("root [ROOT]/other: "), "{error}");
}

#[test]
fn a_vanished_root_stops_the_scan() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    env.snap("a.snap");
    let before = env.read("a.snap");
    env.remove("tree");
    let error = env.run(["snap", "tree", "-o", "a.snap"]).failure(2);
    assert!(
        error.contains("root [ROOT]/tree: does not exist; check the spelling, or whether it is mounted"),
        "{error}"
    );
    assert!(env.read("a.snap") == before);
}

#[test]
fn too_many_removals_are_refused_by_number_and_by_percentage() {
    let env = TestEnv::new();
    // The root, eight files and a directory: ten entries.
    for i in 0..8 {
        env.write(format!("tree/{i}"), "");
    }
    env.dir("tree/dir");
    env.snap("a.snap");
    for i in 0..3 {
        env.remove(format!("tree/{i}"));
    }
    env.remove("tree/dir");
    env.write("tree/new", "");
    env.snap("b.snap");
    let with = |limit: &str| env.changes_with("a.snap", "b.snap", &["--max-delete", limit]);
    for limit in ["4", "40%", "40.0%", "100%", "1000"] {
        assert_eq!(with(limit).success().matches("D ").count(), 4, "{limit}");
    }
    for limit in ["3", "0", "39.9%", "0%"] {
        let error = with(limit).failure(2);
        let shown = limit.trim_start_matches('=');
        assert!(
            error.contains(&format!(
                "4 entries were removed, more than the limit of {shown} (a rename counts if the list has no renames); nothing was written; "
            )),
            "{error}"
        );
    }
    for wrong in ["many", "-1", "101%", "%", ""] {
        let run = with(wrong);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{wrong}");
        assert!(!run.stderr.is_empty());
    }
}

#[test]
fn too_many_changes_are_refused_by_number_and_by_percentage() {
    let env = TestEnv::new();
    // The root, eight files and a directory: ten entries.
    for i in 0..8 {
        env.write(format!("tree/{i}"), "");
    }
    env.dir("tree/dir");
    env.snap("a.snap");
    env.remove("tree/0");
    env.write("tree/1", "more");
    env.remove("tree/dir");
    env.symlink("0", "tree/dir");
    env.rename("tree/2", "tree/renamed");
    env.write("tree/new", "");
    env.snap("b.snap");
    let with =
        |limit: &str, more: &[&str]| env.changes_with("a.snap", "b.snap", &[&["--max-change", limit], more].concat());
    let all = "M .\nD 0\nM 1\nT dir\nA new\nR 2 renamed\n";
    for limit in ["6", "60%", "100%", "1000"] {
        assert_eq!(with(limit, &[]).success(), all, "{limit}");
    }
    for limit in ["5", "0", "59.9%", "0%"] {
        let error = with(limit, &[]).failure(2);
        let expected =
            format!("6 entries changed, more than the limit of {limit} (added, removed, modified or renamed; ");
        assert!(error.contains(&expected) && error.contains("nothing was written; "), "{error}");
    }
    assert_eq!(with("7", &["--no-renames"]).code, Some(0), "a rename is two changes then");
    assert!(with("6", &["--no-renames"]).failure(2).contains("7 entries changed"));
    assert!(with("0", &["--max-delete", "0"]).failure(2).contains("1 entry was removed"), "the nearer word");
    for wrong in ["many", "-1", "101%", "%", ""] {
        assert_eq!(with(wrong, &[]).code, Some(2), "{wrong}");
    }
}

#[test]
fn suspects_are_no_changes_for_a_limit() {
    let env = TestEnv::new();
    env.write("tree/a", "");
    let snap = |name: &str| env.run(["snap", "tree", "-q", "-o", name, "--racy-window", "1h"]).success();
    snap("a.snap");
    snap("b.snap");
    assert_eq!(env.changes_with("a.snap", "b.snap", &["--max-change", "0"]).success(), "S .\nS a\n");
}

#[test]
fn descendants_of_what_changed_its_kind_count_as_removed() {
    let env = TestEnv::new();
    env.write("tree/x/1", "");
    env.write("tree/x/2", "");
    env.snap("a.snap");
    env.remove("tree/x");
    env.write("tree/x", "");
    env.snap("b.snap");
    let error = env.changes_with("a.snap", "b.snap", &["--max-delete", "1"]).failure(2);
    assert!(error.contains("2 entries were removed"), "{error}");
}

#[test]
fn a_refused_list_leaves_the_old_one_alone() {
    let env = TestEnv::new();
    env.write("tree/a", "");
    env.write("tree/b", "");
    env.snap("a.snap");
    env.remove("tree/a");
    env.snap("b.snap");
    env.write("list", "old");
    let error = env.run(["diff", "a.snap", "b.snap", "-o", "list", "--max-delete", "0"]).failure(2);
    assert!(error.contains("1 entries were removed") || error.contains("1 entry was removed"), "{error}");
    assert_eq!(env.read("list"), b"old");
    assert_eq!(env.names(""), ["a.snap", "b.snap", "list", "tree"]);
}

#[test]
fn swapped_snapshots_are_pointed_out() {
    let env = TestEnv::new();
    env.write("tree/a", "");
    env.snap("a.snap");
    env.write("tree/b", "");
    env.snap("b.snap");
    let run = env.changes_with("b.snap", "a.snap", &[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "M .\nD b\n"));
    assert_eq!(run.stderr, "fastdiff: warning: OLD was taken after NEW; are they swapped?\n");
}

#[test]
fn snapshots_of_other_roots_are_refused_with_both_named() {
    let env = TestEnv::new();
    env.dir("other");
    env.snap("a.snap");
    env.run(["snap", "other", "-o", "b.snap", "-q"]).success();
    env.run(["snap", "tree", "other", "-o", "c.snap", "-q"]).success();
    let error = env.run(["diff", "a.snap", "b.snap"]).failure(2);
    assert!(
        error.contains(
            "these snapshots cannot be compared: roots: [ROOT]/tree before, [ROOT]/other now; take one of them again"
        ),
        "{error}"
    );
    let error = env.run(["diff", "a.snap", "c.snap"]).failure(2);
    assert!(error.contains("[ROOT]/tree before, [ROOT]/other, [ROOT]/tree now;"), "{error}");
}

#[test]
fn snapshots_with_other_filters_are_refused_with_both_values() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    env.write("patterns", "*.o\n");
    env.snap("plain.snap");
    let cases: [(&[&str], &str); 7] = [
        (&["--exclude", "*.tmp"], "exclude patterns: none before, \"*.tmp\" now"),
        (&["--exclude", "*.tmp", "--exclude", "!a"], "exclude patterns: none before, \"*.tmp\", \"!a\" now"),
        (&["--exclude-from", "patterns"], "exclude patterns: none before, \"*.o\" now"),
        (&["--exclude-caches"], "exclude-caches: off before, on now"),
        (&["--exclude-if-present", ".skip"], "exclude-if-present: none before, \".skip\" now"),
        (&["--one-file-system"], "one-file-system: off before, on now"),
        (&["-x", "--exclude-caches"], "exclude-caches: off before, on now; one-file-system: off before, on now"),
    ];
    for (filter, says) in cases {
        assert_eq!(env.snap_with("other.snap", filter).success_with_patterns(), "");
        let error = env.run(["diff", "plain.snap", "other.snap"]).failure(2);
        assert!(
            error.contains(&format!("these snapshots cannot be compared: {says}; take one of them again")),
            "{error}"
        );
    }
    env.snap("plain.snap");
    let error = env.run(["diff", "other.snap", "plain.snap"]).failure(2);
    assert!(error.contains("; one-file-system: on before, off now"), "{error}");
}

#[test]
fn the_same_patterns_in_another_order_or_spelling_are_another_filter() {
    let env = TestEnv::new();
    assert_eq!(env.snap_with("a.snap", &["--exclude", "x", "--exclude", "!x"]).success_with_patterns(), "");
    for other in [&["--exclude", "!x", "--exclude", "x"][..], &["--exclude", "x !x"]] {
        assert_eq!(env.snap_with("b.snap", other).success_with_patterns(), "");
        let error = env.run(["diff", "a.snap", "b.snap"]).failure(2);
        assert!(error.contains("these snapshots cannot be compared: exclude patterns"), "{error}");
    }
}

#[test]
fn threads_walker_window_and_where_patterns_stand_are_no_question() {
    let env = TestEnv::new();
    env.write("tree/a.tmp", "");
    env.write("tree/kept", "");
    env.write("patterns", "*.tmp\n");
    assert_eq!(env.snap_with("a.snap", &["--exclude", "*.tmp"]).success(), "");
    let other = ["--exclude-from", "patterns", "--threads", "3", "--walker", "portable", "--settle"];
    assert_eq!(env.snap_with("b.snap", &other).success(), "");
    assert_eq!(env.changes("a.snap", "b.snap"), "");
}

#[test]
fn relative_paths_are_for_one_root() {
    let env = TestEnv::new();
    env.dir("other");
    env.run(["snap", "tree", "other", "-o", "a.snap", "-q"]).success();
    env.run(["snap", "tree", "other", "-o", "b.snap", "-q"]).success();
    let error = env.run(["diff", "a.snap", "b.snap", "--relative"]).failure(2);
    assert!(error.contains("one of several") && error.contains("--relative"), "{error}");
}

#[test]
fn options_that_would_be_ignored_are_refused() {
    let env = TestEnv::new();
    env.snap("a.snap");
    for (args, says) in [
        (&["-z"][..], "-z is for"),
        (&["-z", "--emit", "json"], "-z is for"),
        (&["--suspects", "--emit", "paths"], "--suspects is for"),
        (&["--duplicati-db", "x"], "--duplicati-db is for"),
        (&["--relative", "--emit", "duplicati"], "--emit duplicati always writes absolute paths"),
        (&["--relative", "--emit", "tar"], "--emit tar always writes relative paths"),
    ] {
        let error = env.run(["diff", "a.snap", "a.snap"].iter().chain(args)).failure(2);
        assert!(error.contains(says), "{error}");
    }
}
