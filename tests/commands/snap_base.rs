//! `snap --base`: what a base may be, and that it changes nothing where everything can be read.

use crate::testenv::{TestEnv, on_disk, shown};

#[test]
fn a_base_changes_nothing_where_everything_can_be_read() {
    let env = TestEnv::new();
    env.write("tree/sub/file", "1");
    env.write("tree/gone/file", "1");
    env.snap("base.snap");
    env.write("tree/sub/file", "22");
    env.write("tree/new", "");
    env.remove("tree/gone");
    env.snap("without.snap");
    for walker in ["native", "portable"] {
        assert_eq!(env.snap_with("with.snap", &["--base", "base.snap", "--walker", walker]).success(), "");
        assert_eq!(shown(&env, "with.snap"), on_disk(&env.path("tree")), "{walker}");
        assert_eq!(env.run(["diff", "without.snap", "with.snap"]).success(), "no changes\n", "{walker}");
    }
}

#[test]
fn the_base_may_be_the_output() {
    let env = TestEnv::new();
    env.write("tree/file", "1");
    env.snap("a.snap");
    env.write("tree/new", "");
    assert_eq!(env.snap_with("a.snap", &["--base", "a.snap"]).success(), "");
    assert_eq!(shown(&env, "a.snap"), on_disk(&env.path("tree")));
    assert_eq!(env.run(["verify", "a.snap", "-q"]).success(), "");
}

#[test]
fn a_base_of_other_roots_or_filters_is_refused_with_both_values() {
    let env = TestEnv::new();
    env.dir("other");
    env.snap("base.snap");
    let refused = |args: &[&str]| {
        let all = [&["snap", "-o", "new.snap", "--base", "base.snap"], args].concat();
        env.run(all).failure(2)
    };
    let error = refused(&["other"]);
    assert!(error.contains("roots: [ROOT]/tree before, [ROOT]/other now"), "{error}");
    let error = refused(&["tree", "--exclude", "*.tmp"]);
    assert!(error.contains("exclude patterns: none before, \"*.tmp\" now"), "{error}");
    let error = refused(&["tree", "-x"]);
    assert!(error.contains("--one-file-system: off before, on now"), "{error}");
    assert_eq!(env.names(""), ["base.snap", "other", "tree"]);
}

#[test]
fn a_base_that_cannot_be_used_is_an_error() {
    let env = TestEnv::new();
    env.write("text", "text");
    env.write("empty", "");
    env.fifo("fifo");
    for (base, says) in [
        ("missing", "snapshot missing: does not exist"),
        ("text", "snapshot text: is not a fastdiff snapshot"),
        ("empty", "snapshot empty: is empty"),
        ("tree", "snapshot tree: is a directory"),
        ("fifo", "snapshot fifo: is not a regular file"),
        ("-", "cannot come from standard input"),
    ] {
        let error = env.run(["snap", "tree", "-o", "a.snap", "--base", base]).failure(2);
        assert!(error.contains(says), "{error}");
    }
    assert!(!env.path("a.snap").exists());
}
