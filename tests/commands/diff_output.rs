//! `diff -o`: the list file appears only when it is complete.

use crate::testenv::{TestEnv, mode_of};

/// Two snapshots, between which `new` was added.
fn with_a_change() -> TestEnv {
    let env = TestEnv::new();
    env.snap("a.snap");
    env.write("tree/new", "");
    env.snap("b.snap");
    env
}

#[test]
fn the_list_goes_to_a_file_or_to_standard_output() {
    let env = with_a_change();
    let args = ["diff", "a.snap", "b.snap", "--emit", "name-status"];
    let expected = "M\t[ROOT]/tree\nA\t[ROOT]/tree/new\n";
    assert_eq!(env.run(args).success(), expected);
    assert_eq!(env.run(args.iter().chain(&["-o", "-"])).success(), expected);
    assert_eq!(env.run(args.iter().chain(&["-o", "list"])).success(), "");
    let list = String::from_utf8(env.read("list")).unwrap();
    assert_eq!(list.replace(env.path("").to_str().unwrap(), "[ROOT]"), expected);
    assert_eq!(env.names(""), ["a.snap", "b.snap", "list", "tree"]);
}

#[test]
fn an_old_list_is_replaced_whole() {
    let env = with_a_change();
    env.write("list", "an older and much longer list than the new one\n".repeat(100));
    env.hard_link("list", "kept");
    env.run(["diff", "a.snap", "b.snap", "--emit", "paths", "--relative", "-o", "list"]).success();
    assert_eq!(env.read("list"), b".\nnew\n");
    assert_eq!(env.read("kept").len(), 4700, "the old file itself is not touched");
}

#[test]
fn a_new_list_may_be_read_by_whom_the_umask_lets() {
    let env = with_a_change();
    for (umask, mode) in [("022", 0o644), ("077", 0o600), ("002", 0o664)] {
        let script = format!("umask {umask}; exec $0 diff a.snap b.snap -o list-{umask}");
        env.finish(&mut env.shell(&script)).success();
        assert_eq!(mode_of(&env.path(format!("list-{umask}"))), mode);
    }
}

#[test]
fn a_list_that_cannot_be_expressed_leaves_the_old_file_alone() {
    let env = with_a_change();
    env.write("tree/with\nnewline", "");
    env.snap("b.snap");
    env.write("list", "old");
    let error = env.run(["diff", "a.snap", "b.snap", "--emit", "paths", "-o", "list"]).failure(3);
    assert!(error.contains("-z"), "{error}");
    assert_eq!(env.read("list"), b"old");
    env.run(["diff", "a.snap", "b.snap", "--emit", "paths", "-o", "new"]).failure(3);
    assert_eq!(env.names(""), ["a.snap", "b.snap", "list", "tree"]);
}

#[test]
fn a_damaged_snapshot_leaves_the_old_file_alone() {
    let env = with_a_change();
    env.write("list", "old");
    let mut damaged = env.read("b.snap");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    env.write("b.snap", damaged);
    let error = env.run(["diff", "a.snap", "b.snap", "-o", "list"]).failure(2);
    assert!(error.contains("snapshot b.snap: is damaged"), "{error}");
    assert_eq!(env.read("list"), b"old");
    assert_eq!(env.names(""), ["a.snap", "b.snap", "list", "tree"]);
}

#[test]
fn what_is_no_regular_file_is_no_destination() {
    let env = with_a_change();
    env.fifo("fifo");
    env.symlink("a.snap", "link");
    let before = env.read("a.snap");
    for (destination, says) in [
        ("tree", "is a directory"),
        ("fifo", "not a regular file"),
        ("link", "symbolic link"),
        ("missing/list", "No such file or directory"),
        ("a.snap/list", "Not a directory"),
    ] {
        let error = env.run(["diff", "a.snap", "b.snap", "-o", destination]).failure(2);
        assert!(error.contains(says) && error.contains(destination.split('/').next().unwrap()), "{error}");
    }
    assert!(env.read("a.snap") == before);
    assert_eq!(env.names(""), ["a.snap", "b.snap", "fifo", "link", "tree"]);
}

#[test]
fn a_list_is_never_written_over_one_of_its_snapshots() {
    let env = with_a_change();
    let before = (env.read("a.snap"), env.read("b.snap"));
    for destination in ["a.snap", "./b.snap", "tree/../a.snap"] {
        let error = env.run(["diff", "a.snap", "b.snap", "-o", destination]).failure(2);
        assert!(error.contains("snapshot"), "{error}");
    }
    assert!((env.read("a.snap"), env.read("b.snap")) == before);
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error() {
    let env = with_a_change();
    env.dir("closed");
    for file in ["a.snap", "b.snap"] {
        env.chmod(file, 0o644);
    }
    env.chmod("closed", 0o555);
    let error = env.run_as_nobody(&["diff", "a.snap", "b.snap", "-o", "closed/list"]).failure(2);
    assert!(error.contains("cannot create a file in closed: Permission denied"), "{error}");
}
