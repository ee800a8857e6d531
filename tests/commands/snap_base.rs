//! `snap --base`: what a base may be, and that it changes nothing if everything can be read.

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

/// The times of the directory that holds the one with the marker do not change.
#[test]
fn what_a_marker_left_out_is_there_again_without_it_and_gone_with_it() {
    let tag = "Signature: 8a477f597d28d172789f06886806bc55";
    for (args, marker, content) in
        [(&["--exclude-if-present", ".skip"][..], "d/.skip", ""), (&["--exclude-caches"], "d/CACHEDIR.TAG", tag)]
    {
        let env = TestEnv::new();
        for file in ["tree/p/d/file", "tree/p/d/sub/file", "tree/p/e/file", "tree/d/file"] {
            env.write(file, "");
        }
        let (below, at_top) = (format!("tree/p/{marker}"), format!("tree/{marker}"));
        let mark = |is_marked: bool, is_top_marked: bool| {
            for (marker, is_marked) in [(&below, is_marked), (&at_top, is_top_marked)] {
                if !is_marked && env.path(marker).exists() {
                    // It is removed, or it is not a valid marker any more.
                    if content.is_empty() { env.remove(marker) } else { drop(env.write(marker, "empty")) }
                } else if is_marked {
                    env.write(marker, content);
                }
            }
        };
        for [before, after] in
            [[(true, true), (false, false)], [(false, false), (true, true)], [(true, false), (false, true)]]
        {
            mark(before.0, before.1);
            let snap = |name: &str, more: &[&str]| {
                let run = env.snap_with(name, &[args, more].concat());
                assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{marker} {before:?} {after:?} {more:?}");
            };
            snap("before.snap", &[]);
            mark(after.0, after.1);
            snap("now.snap", &[]);
            let base = env.run(["info", "before.snap", "--json"]).success();
            let base: serde_json::Value = serde_json::from_str(&base).unwrap();
            let base = format!("# complete since base {}\n", base["identity"].as_str().unwrap());
            env.write("told", format!("{base}p/{marker}\n{marker}\n"));
            env.write("dirs", format!("{base}p/d/\nd/\n"));
            let native: [&[&str]; 5] = [
                &["--walker", "portable"],
                &["--base", "before.snap"],
                &["--base", "before.snap", "--hints", "told", "--audit", "0%"],
                &["--base", "before.snap", "--hints", "dirs", "--audit", "0%"],
                &["--base", "before.snap", "--hints", "told", "--audit", "0%", "--overlay"],
            ];
            for more in native {
                snap("again.snap", more);
                assert_eq!(
                    shown(&env, "again.snap"),
                    shown(&env, "now.snap"),
                    "{marker} {before:?} {after:?} {more:?}"
                );
                let digest = |name| {
                    let info = env.run(["info", name, "--json"]).success();
                    serde_json::from_str::<serde_json::Value>(&info).unwrap()["root_digest"].clone()
                };
                assert_eq!(digest("again.snap"), digest("now.snap"), "{marker} {before:?} {after:?} {more:?}");
            }
        }
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
    assert!(error.contains("these snapshots cannot be compared: one-file-system: off before, on now"), "{error}");
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
        ("fifo", "snapshot fifo: is a special file, not a snapshot file"),
        ("-", "cannot come from standard input"),
    ] {
        let error = env.run(["snap", "tree", "-o", "a.snap", "--base", base]).failure(2);
        assert!(error.contains(says), "{error}");
    }
    assert!(!env.path("a.snap").exists());
}
