//! `snap`: how roots may be spelled, several of them, and which are refused.

use std::os::unix::ffi::OsStrExt as _;

use crate::testenv::{TestEnv, on_disk, shown};

/// The paths that a snapshot holds, relative to the test's directory.
#[track_caller]
fn paths(env: &TestEnv, snapshot: &str) -> Vec<String> {
    let root = env.path("");
    let relative = |path: Vec<u8>| {
        let path = std::path::PathBuf::from(std::ffi::OsStr::from_bytes(&path));
        path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()
    };
    shown(env, snapshot).into_keys().map(relative).collect()
}

/// Whole snapshots of other spellings of one root.
#[test]
fn a_root_may_be_spelled_with_dots_and_slashes() {
    let env = TestEnv::new();
    env.write("tree/sub/file", "");
    env.snap("expected.snap");
    let expected = paths(&env, "expected.snap");
    assert_eq!(expected, ["tree", "tree/sub", "tree/sub/file"]);
    let absolute = env.path("tree");
    for spelling in
        ["tree/", "./tree", "tree/.", "tree/sub/..", "tree//", ".//tree/sub/../.", absolute.to_str().unwrap()]
    {
        assert_eq!(env.run(["snap", spelling, "-o", "a.snap", "--quiet"]).success(), "", "{spelling}");
        assert_eq!(paths(&env, "a.snap"), expected, "{spelling}");
        assert_eq!(env.run(["diff", "expected.snap", "a.snap"]).success(), "no changes\n", "{spelling}");
    }
}

#[test]
fn a_root_may_be_the_current_directory_or_one_above() {
    let env = TestEnv::new();
    env.write("tree/sub/file", "");
    for (current, root) in [("tree", "."), ("tree/sub", ".."), ("tree/sub", "../sub/..")] {
        let run =
            env.finish(env.command().args(["snap", root, "-o", "../a.snap", "--quiet"]).current_dir(env.path(current)));
        assert_eq!(run.success(), "", "{root}");
    }
    assert_eq!(paths(&env, "a.snap"), ["tree", "tree/sub", "tree/sub/file"]);
    assert_eq!(paths(&env, "tree/a.snap"), ["tree", "tree/sub", "tree/sub/file"], "its own output is left out");
}

#[test]
fn a_root_that_is_a_symlink_is_followed_and_its_spelling_kept() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    env.symlink("tree", "link");
    env.symlink("link", "link-to-link");
    for (spelling, kept) in
        [("link", "link"), ("link/", "link"), ("./link/.", "link"), ("link-to-link", "link-to-link")]
    {
        assert_eq!(env.run(["snap", spelling, "-o", "a.snap", "--quiet"]).success(), "", "{spelling}");
        assert_eq!(paths(&env, "a.snap"), [kept.to_owned(), format!("{kept}/file")], "{spelling}");
    }
    let shown = shown(&env, "a.snap");
    let root = &shown[env.path("link-to-link").as_os_str().as_bytes()];
    assert_eq!(root.kind, "directory");
    assert_eq!(Some(root), on_disk(&env.path("tree")).values().next(), "the record is that of the directory");
}

#[test]
fn a_symlink_below_a_root_is_not_followed() {
    let env = TestEnv::new();
    env.write("elsewhere/file", "");
    env.symlink("../elsewhere", "tree/link");
    env.symlink("..", "tree/up");
    env.snap("a.snap");
    assert_eq!(paths(&env, "a.snap"), ["tree", "tree/link", "tree/up"]);
}

#[test]
fn several_roots_go_into_one_snapshot_in_the_order_of_their_paths() {
    let env = TestEnv::new();
    for file in ["b/1", "b/4", "a-b/2", "a/c/3"] {
        env.write(file, file);
    }
    env.settle();
    assert_eq!(env.run(["snap", "b", "a-b", "a", "-o", "x.snap", "--quiet"]).success(), "");
    assert_eq!(env.run(["snap", "a", "b", "a-b", "-o", "y.snap", "--quiet"]).success(), "");
    let listed = env.run(["show", "x.snap"]).success();
    let order: Vec<_> =
        listed.lines().map(|l| l.rsplit("[ROOT]/").next().unwrap().trim_end_matches("  [racy]")).collect();
    assert_eq!(order, ["a", "a/c", "a/c/3", "a-b", "a-b/2", "b", "b/1", "b/4"]);
    assert_eq!(env.run(["verify", "x.snap", "-q"]).success(), "");
    env.write("a-b/new", "");
    env.remove("b/1");
    assert_eq!(env.run(["snap", "a", "b", "a-b", "-o", "z.snap", "--quiet"]).success(), "");
    let run = env.run(["diff", "x.snap", "z.snap", "--emit", "paths"]);
    assert!(run.stdout.contains("[ROOT]/a-b/new\n"), "{}", run.stdout);
}

#[test]
fn a_repeated_root_counts_once() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    env.write("other/file", "");
    let run = env.run(["snap", "tree", "other", "tree/", "./tree", "tree/../tree", "-o", "a.snap", "--quiet"]);
    assert_eq!(run.success(), "");
    assert_eq!(paths(&env, "a.snap"), ["other", "other/file", "tree", "tree/file"]);
}

#[test]
fn a_root_within_another_is_refused_with_both_named() {
    let env = TestEnv::new();
    env.dir("tree/sub/deep");
    env.dir("tree-2");
    for roots in [["tree", "tree/sub"], ["tree/sub/deep", "tree"], ["tree/sub/..", "./tree/sub"]] {
        let error = env.run(["snap", roots[0], roots[1], "-o", "a.snap"]).failure(2);
        assert!(error.contains("[ROOT]/tree/sub") && error.contains("inside of the root [ROOT]/tree;"), "{error}");
    }
    assert_eq!(env.run(["snap", "tree", "tree-2", "-o", "a.snap", "-q"]).success(), "", "a prefix is no parent");
}

#[test]
fn dots_behind_a_symlink_could_mean_two_directories_and_are_refused() {
    let env = TestEnv::new();
    env.dir("elsewhere/deep");
    env.dir("elsewhere/tree");
    env.symlink("../elsewhere/deep", "tree/link");
    let error = env.run(["snap", "tree/link/../tree", "-o", "a.snap"]).failure(2);
    assert!(error.starts_with("fastdiff: error: root "), "{error}");
    let error = env.run(["snap", "tree/link/..", "-o", "a.snap"]).failure(2);
    assert!(error.contains("symlink") && error.contains("[ROOT]/tree"), "{error}");
    assert!(!env.path("a.snap").exists());
}

#[test]
fn a_root_that_cannot_be_scanned_is_refused_with_its_name_and_what_to_do() {
    let env = TestEnv::new();
    env.write("file", "");
    env.fifo("fifo");
    env.symlink("file", "link-to-file");
    env.symlink("nowhere", "broken");
    for (root, says) in [
        ("missing", "root [ROOT]/missing: does not exist; check the spelling"),
        ("broken", "root [ROOT]/broken: does not exist"),
        ("file", "root [ROOT]/file: is a file, not a directory; name the directory that holds it"),
        ("link-to-file", "root [ROOT]/link-to-file: is a file, not a directory"),
        ("fifo", "root [ROOT]/fifo: is a fifo, not a directory"),
        ("file/below", "root [ROOT]/file/below: is not a directory"),
    ] {
        let error = env.run(["snap", "tree", root, "-o", "a.snap"]).failure(2);
        assert!(error.contains(says), "{root:?}: {error}");
    }
    assert_eq!(env.names(""), ["broken", "fifo", "file", "link-to-file", "tree"], "nothing is left behind");
}

#[test]
fn a_root_of_any_bytes_is_a_root() {
    let env = TestEnv::new();
    let name = std::ffi::OsStr::from_bytes(b"\xff\n \x1b[31m");
    env.write(std::path::Path::new(name).join("file"), "");
    let run = env.finish(env.command().arg("snap").arg(name).args(["-o", "a.snap", "--quiet"]));
    assert_eq!(run.success(), "");
    assert_eq!(shown(&env, "a.snap"), on_disk(&env.path(name)));
    let info = env.run(["info", "a.snap"]).success();
    assert!(!info.contains('\u{1b}'), "{info:?}");
    let error = env.finish(
        env.command()
            .arg("snap")
            .args([name, std::path::Path::new(name).join("file").as_os_str()])
            .args(["-o", "b.snap"]),
    );
    error.failure(2);
}

#[test]
fn two_names_of_one_directory_are_refused() {
    let env = TestEnv::new();
    env.write("tree/sub/file", "");
    env.symlink("tree", "link");
    env.symlink("tree/sub", "into");
    env.dir("other");
    for roots in [["tree", "link"], ["link", "tree"]] {
        let error = env.run(["snap", roots[0], roots[1], "-o", "a.snap"]).failure(2);
        let says = "root [ROOT]/link: is the same directory as the root [ROOT]/tree, so everything would be listed twice; leave one";
        assert!(error.contains(says), "{error}");
    }
    let error = env.run(["snap", "tree", "into", "other", "-o", "a.snap"]).failure(2);
    assert!(error.contains("root [ROOT]/into: lies inside of the root [ROOT]/tree; leave one"), "{error}");
    assert_eq!(env.run(["snap", "link", "other", "-o", "a.snap", "-q"]).success(), "");
    let script = "mount --bind tree other; $FASTDIFF snap tree other -o a.snap";
    if let Some(run) = env.with_mounts(script) {
        let error = run.failure(2);
        assert!(error.contains("root [ROOT]/tree: is the same directory as the root [ROOT]/other, "), "{error}");
    }
}
