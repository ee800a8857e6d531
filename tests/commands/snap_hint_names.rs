//! `snap --hints`: names are not files. A hint that tells the truth names one way to a file; the others are read too.

use super::snap_hinted_places::{hint, is_as_full};
use crate::testenv::TestEnv;

/// Appends to a file without replacing it.
fn append(env: &TestEnv, path: &str) {
    let more = [env.read(path), b"more".to_vec()].concat();
    env.write(path, more);
}

#[test]
fn a_file_with_a_name_that_is_left_out_is_read_whatever_became_of_that_name() {
    let ways: [&[&str]; 3] = [&["--exclude", "/ex/"], &["--exclude-if-present", ".skip"], &["--exclude-caches"]];
    for args in ways {
        for is_replaced in [false, true] {
            let env = TestEnv::new();
            env.write("tree/a/x", "1");
            env.write("tree/ex/.skip", "");
            env.write("tree/ex/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");
            env.hard_link("tree/a/x", "tree/ex/y");
            env.snap_with("0.snap", args).success();
            append(&env, "tree/ex/y");
            env.remove("tree/ex/y");
            if is_replaced {
                env.write("tree/ex/y", "another");
            }
            hint(&env, "0.snap", &["ex/y"]);
            assert_eq!(is_as_full(&env, "0.snap", args), "", "{args:?}");
            assert_eq!(env.changes("0.snap", "narrow.snap"), "M a/x\n", "{args:?}");
        }
    }
}

#[test]
fn a_new_name_in_what_is_left_out_of_a_directory_that_is_hinted_whole_is_seen() {
    let args = ["--exclude", "/b/out/"];
    let env = TestEnv::new();
    env.write("tree/a/x", "1");
    env.write("tree/b/out/y", "1");
    env.snap_with("0.snap", &args).success();
    env.hard_link("tree/a/x", "tree/b/out/new");
    append(&env, "tree/b/out/new");
    // As a watcher names a directory that was moved in, or of which it lost events.
    hint(&env, "0.snap", &["b/"]);
    assert_eq!(is_as_full(&env, "0.snap", &args), "");
    assert_eq!(env.changes("0.snap", "narrow.snap"), "M a/x\n");
}

#[test]
fn a_name_outside_of_the_tree_counts_as_one_that_is_left_out() {
    let env = TestEnv::new();
    env.write("tree/a/x", "1");
    env.hard_link("tree/a/x", "tree/a/y");
    env.dir("out");
    env.hard_link("tree/a/x", "out/z");
    env.snap("0.snap");
    append(&env, "out/z");
    hint(&env, "0.snap", &[]);
    assert_eq!(is_as_full(&env, "0.snap", &[]), "");
    assert_eq!(env.changes("0.snap", "narrow.snap"), "M a/x\nM a/y\n");
    // One that came since is named, where the watcher sees more than the tree.
    env.write("tree/b/x", "1");
    env.snap("1.snap");
    env.hard_link("tree/b/x", "out/new");
    append(&env, "out/new");
    hint(&env, "1.snap", &[env.path("out/new").to_str().unwrap()]);
    is_as_full(&env, "1.snap", &[]);
    assert_eq!(env.changes("1.snap", "narrow.snap"), "M b/x\n");
}

#[test]
fn a_name_with_a_line_break_is_found_in_a_list_by_lines() {
    let env = TestEnv::new();
    for dir in ["a\nb", "a", "deep/c\nd\ne", "e"] {
        env.write(format!("tree/{dir}/x"), "1");
    }
    env.write("tree/e/f\ng", "1");
    env.write("tree/e/f", "1");
    env.snap("0.snap");
    append(&env, "tree/a\nb/x");
    append(&env, "tree/deep/c\nd\ne/x");
    append(&env, "tree/e/f\ng");
    // The line breaks of names and those between names are one.
    let tree = env.path("tree");
    let tree = tree.to_str().unwrap();
    let lines = [&format!("{tree}/a\nb/x"), &format!("{tree}/deep/c\nd\ne/x"), &format!("{tree}/e/f\ng")];
    hint(&env, "0.snap", &lines.map(String::as_str));
    is_as_full(&env, "0.snap", &[]);
    // Also where each part of the name is a name.
    for dir in ["b", "d", "g"] {
        env.write(format!("tree/{dir}/x"), "1");
    }
    env.write("tree/e/x", "1");
    env.snap("1.snap");
    append(&env, "tree/a\nb/x");
    append(&env, "tree/e/f\ng");
    append(&env, "tree/deep/c\nd\ne/x");
    hint(&env, "1.snap", &["a\nb/x", "deep/c\nd\ne/x", "e/f\ng"]);
    let told = is_as_full(&env, "1.snap", &[]);
    assert_eq!(told, "", "what lines can mean is read, and nothing else");
}

#[test]
fn a_root_with_a_line_break_is_no_root_for_a_list_by_lines() {
    let env = TestEnv::new();
    env.write("tree/r\nx/file", "1");
    let snap = |output: &str, more: &[&str]| {
        env.settle();
        env.run([&["snap", "tree/r\nx", "-o", output, "-q", "--racy-window", "0"], more].concat())
    };
    snap("0.snap", &[]).success();
    append(&env, "tree/r\nx/file");
    hint(&env, "0.snap", &[env.path("tree/r\nx/file").to_str().unwrap()]);
    let run = snap("1.snap", &["--base", "0.snap", "--hints", "hints", "--audit", "0"]);
    assert!(run.stderr.contains("a root holds a line break"), "{}", run.stderr);
    assert_eq!(env.changes("0.snap", "1.snap"), "M file\n");
}

#[test]
fn a_hint_through_a_symlink_that_came_or_went_is_not_believed() {
    // What is there at the base, and what is there afterwards: a symlink, a directory, a file, nothing.
    let place = |env: &TestEnv, what: &str| match what {
        "symlink" => drop(env.symlink("real", "tree/s")),
        "directory" => drop(env.write("tree/s/x", "1")),
        "file" => drop(env.write("tree/s", "1")),
        _ => {}
    };
    for before in ["symlink", "directory", "file", "nothing"] {
        for after in ["symlink", "file", "nothing"] {
            for hints in [&["s", "s/x"][..], &["s/"]] {
                if (before, after) == ("directory", "file") || (before, after) == ("directory", "nothing") {
                    continue;
                }
                let env = TestEnv::new();
                env.write("tree/real/x", "1");
                place(&env, before);
                env.snap("0.snap");
                if env.path("tree/s").symlink_metadata().is_ok() {
                    env.remove("tree/s");
                }
                append(&env, "tree/real/x");
                place(&env, after);
                hint(&env, "0.snap", hints);
                let told = is_as_full(&env, "0.snap", &[]);
                assert!(told.contains("tree/s"), "{before} {after}: {told}");
            }
        }
    }
}

#[test]
fn a_hint_through_a_symlink_that_is_left_out_is_not_believed() {
    let env = TestEnv::new();
    env.write("tree/real/x", "1");
    env.symlink("real", "tree/s");
    let args = ["--exclude", "/s"];
    env.snap_with("0.snap", &args).success();
    append(&env, "tree/s/x");
    hint(&env, "0.snap", &["s/x"]);
    is_as_full(&env, "0.snap", &args);
}

#[test]
fn hints_below_a_symlink_to_the_root_lie_in_the_root() {
    let env = TestEnv::new();
    env.write("tree/d/x", "1");
    env.write("tree/e/x", "1");
    env.symlink("tree", "other");
    env.symlink("tree/e", "elsewhere");
    env.snap("0.snap");
    append(&env, "tree/d/x");
    append(&env, "tree/e/x");
    env.remove("tree/e/x");
    let hints = [env.path("other/d/x"), env.path("elsewhere/x")];
    hint(&env, "0.snap", &hints.each_ref().map(|path| path.to_str().unwrap()));
    is_as_full(&env, "0.snap", &[]);
    assert_eq!(env.changes("0.snap", "narrow.snap"), "M d/x\nM e\nD e/x\n");
}

#[test]
fn directories_that_came_and_went_are_no_places_unless_the_list_says_that_no_symlink_was_followed() {
    let env = TestEnv::new();
    env.write("tree/d/x", "1");
    env.snap("0.snap");
    append(&env, "tree/d/x");
    hint(&env, "0.snap", &["tmp/a/b", "tmp", "d/x"]);
    let told = is_as_full(&env, "0.snap", &[]);
    assert!(told.contains("number 1") || told.contains("tree/tmp"), "{told}");
    let lines = String::from_utf8(env.read("hints")).unwrap();
    env.write("hints", lines.replacen('\n', " without symlinks\n", 1));
    assert_eq!(is_as_full(&env, "0.snap", &[]), "");
}

#[test]
fn a_hint_that_names_nothing_has_its_directory_read() {
    let env = TestEnv::new();
    env.write("tree/d/name", "1");
    env.write("tree/e/name", "1");
    env.snap("0.snap");
    append(&env, "tree/d/name");
    // A directory that ignores case takes this for the same name, and a watcher says it as it was used.
    hint(&env, "0.snap", &["d/NAME"]);
    assert_eq!(is_as_full(&env, "0.snap", &[]), "");
    assert_eq!(env.changes("0.snap", "narrow.snap"), "M d/name\n");
}

#[test]
fn a_directory_with_the_times_of_another_is_not_taken_for_it() {
    use std::os::unix::fs::MetadataExt as _;
    for _ in 0..200 {
        let env = TestEnv::new();
        env.write("tree/a/sub/f", "1");
        env.write("tree/b/sub/f", "1");
        env.write("tree/b/sub/g", "1");
        let times = ["tree/a/sub", "tree/b/sub"].map(|dir| env.path(dir));
        for dir in &times {
            let time = std::fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
            std::fs::File::open(dir).unwrap().set_times(time).unwrap();
        }
        let [a, b] = times.map(|dir| dir.metadata().unwrap());
        if (a.ctime(), a.ctime_nsec()) != (b.ctime(), b.ctime_nsec()) {
            // The clock ticked between.
            continue;
        }
        env.snap("0.snap");
        for (from, to) in [("a", "t"), ("b", "a"), ("t", "b")] {
            env.rename(format!("tree/{from}"), format!("tree/{to}"));
        }
        env.settle();
        hint(&env, "0.snap", &["a", "b", "t"]);
        is_as_full(&env, "0.snap", &[]);
        env.snap_with("based.snap", &["--base", "0.snap"]).success();
        assert_eq!(env.changes("full.snap", "based.snap"), "");
        return;
    }
    panic!("no two directories got the same change time");
}
