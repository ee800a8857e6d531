//! `snap -o`: the file appears whole or not at all, is its owner's alone, costs nobody a file, and is
//! no part of the tree.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::testenv::{TestEnv, mode_of, on_disk, shown, skip};

/// Runs the program from a shell with this umask.
#[track_caller]
fn with_umask(env: &TestEnv, umask: &str, args: &str) -> String {
    let script = format!("umask {umask}; exec $0 {args}");
    env.finish(&mut env.shell(&script)).success()
}

#[test]
fn a_snapshot_is_readable_by_its_owner_alone() {
    let env = TestEnv::new();
    with_umask(&env, "000", "snap tree -o a.snap --quiet");
    assert_eq!(mode_of(&env.path("a.snap")), 0o600);
    env.chmod("a.snap", 0o644);
    with_umask(&env, "000", "snap tree -o a.snap --quiet");
    assert_eq!(mode_of(&env.path("a.snap")), 0o600, "also one that replaces another");
}

#[test]
fn an_existing_snapshot_is_replaced_by_another_file() {
    let env = TestEnv::new();
    env.snap("a.snap");
    env.hard_link("a.snap", "kept");
    let before = env.read("kept");
    env.write("tree/file", "");
    env.snap("a.snap");
    assert!(env.read("kept") == before, "the old file itself is not touched");
    assert!(env.read("a.snap") != before);
    assert_ne!(env.path("a.snap").metadata().unwrap().ino(), env.path("kept").metadata().unwrap().ino());
    assert_eq!(env.changes("kept", "a.snap"), "M .\nA file\n");
}

#[test]
fn an_existing_file_that_is_no_snapshot_is_refused_and_stays() {
    let env = TestEnv::new();
    env.write("thesis.txt", "years of work");
    env.write("one-byte", "x");
    // The bytes of a file say what it is, not its name.
    env.write("x.snap", "years of work too");
    for file in ["thesis.txt", "one-byte", "x.snap"] {
        let before = (env.read(file), env.path(file).metadata().unwrap().ino());
        let error = env.run(["snap", "tree", "-o", file]).failure(2);
        assert!(error.contains(&format!("output {file}: exists and is not a snapshot")), "{error}");
        assert_eq!(before, (env.read(file), env.path(file).metadata().unwrap().ino()));
    }
    assert_eq!(env.names(""), ["one-byte", "thesis.txt", "tree", "x.snap"]);
}

#[test]
fn an_existing_file_that_cannot_be_read_is_refused_and_stays() {
    let env = TestEnv::new();
    env.dir("out");
    env.write("out/diary", "secret");
    env.chmod("out/diary", 0);
    let run = env.snap_as_nobody("diary", &[]);
    let error = run.failure(2);
    assert!(error.contains("out/diary"), "{error}");
    env.chmod("out/diary", 0o600);
    assert_eq!(env.read("out/diary"), b"secret");
}

#[test]
fn an_empty_file_is_replaced() {
    let env = TestEnv::new();
    env.write("a.snap", "");
    env.snap("a.snap");
    assert_eq!(shown(&env, "a.snap"), on_disk(&env.path("tree")));
}

#[test]
fn a_damaged_snapshot_is_replaced_by_a_good_one() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    env.snap("a.snap");
    let good = env.read("a.snap");
    env.write("a.snap", &good[..good.len() / 2]);
    env.snap("a.snap");
    assert_eq!(shown(&env, "a.snap"), on_disk(&env.path("tree")));
}

#[test]
fn a_symlink_is_no_output() {
    let env = TestEnv::new();
    env.snap("a.snap");
    let before = env.read("a.snap");
    env.symlink("a.snap", "link");
    env.symlink("new.snap", "dangling");
    for link in ["link", "dangling"] {
        let error = env.run(["snap", "tree", "-o", link]).failure(2);
        assert!(error.contains(&format!("output {link}: is a symbolic link")), "{error}");
        assert!(env.path(link).symlink_metadata().unwrap().is_symlink());
    }
    assert!(env.read("a.snap") == before);
    assert_eq!(env.names(""), ["a.snap", "dangling", "link", "tree"]);
}

#[test]
fn what_is_no_regular_file_is_no_output() {
    let env = TestEnv::new();
    env.dir("dir");
    env.fifo("fifo");
    env.socket("socket");
    env.write("file", "");
    for (output, says) in [
        ("dir", "output dir: is a directory; name a file in it"),
        ("dir/", "is a directory; name a file in it"),
        ("fifo", "output fifo: exists and is not a regular file"),
        ("socket", "output socket: exists and is not a regular file"),
        ("/dev/null", "output /dev/null: exists and is not a regular file"),
        (".", "output .: is "),
        ("..", "output ..: is "),
        ("missing/a.snap", "cannot create a file in missing: No such file or directory"),
        ("file/a.snap", "Not a directory"),
        ("-", "cannot go to standard output"),
    ] {
        let error = env.run(["snap", "tree", "-o", output]).failure(2);
        assert!(error.contains(says), "{output:?}: {error}");
    }
    assert_eq!(env.names(""), ["dir", "fifo", "file", "socket", "tree"]);
    assert_eq!(env.names("dir"), [""; 0]);
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error_and_nothing_else() {
    let env = TestEnv::new();
    env.dir("closed");
    env.chmod("closed", 0o555);
    for output in ["closed/a.snap", "closed/dir/a.snap"] {
        let run = env.run_as_nobody(&["snap", "tree", "-o", output]);
        let error = run.failure(2);
        assert!(error.contains("cannot create a file in closed"), "{error}");
    }
    assert_eq!(env.names("closed"), [""; 0]);
}

#[test]
fn the_output_is_no_part_of_the_tree_that_it_lies_in() {
    let env = TestEnv::new();
    env.write("tree/sub/file", "");
    env.write("tree/sub/other.snap", "stays");
    env.symlink("tree/sub", "way");
    let absolute = env.path("tree/sub/x.snap");
    for walker in ["native", "portable"] {
        for output in ["tree/sub/x.snap", "tree/../tree/sub/x.snap", "way/x.snap", absolute.to_str().unwrap()] {
            for _again in 0..2 {
                assert_eq!(env.run(["snap", "tree", "-o", output, "-q", "--walker", walker]).success(), "");
                let names: Vec<_> = shown(&env, output).into_keys().map(|p| String::from_utf8(p).unwrap()).collect();
                let root = env.path("").display().to_string();
                let names: Vec<_> = names.iter().map(|n| n.strip_prefix(&root).unwrap()).collect();
                assert_eq!(names, ["/tree", "/tree/sub", "/tree/sub/file", "/tree/sub/other.snap"], "{output}");
            }
        }
    }
}

#[test]
fn an_output_and_a_base_in_the_tree_are_both_left_out() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    env.snap("tree/old.snap");
    env.write("tree/sub/old.snap", "a file that only shares the name");
    assert_eq!(env.snap_with("tree/new.snap", &["--base", "tree/old.snap"]).success(), "");
    let names: Vec<_> = shown(&env, "tree/new.snap").into_keys().map(|p| String::from_utf8(p).unwrap()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names[3].ends_with("/sub/old.snap"), "{names:?}");
    assert_eq!(env.changes("tree/old.snap", "tree/new.snap"), "M .\nA sub\nA sub/old.snap\n");
}

#[test]
fn outputs_in_the_tree_are_in_no_list_of_changes() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    env.snap("tree/a.snap");
    env.snap("tree/b.snap");
    // Each of the two scans left out its own output only.
    assert_eq!(shown(&env, "tree/b.snap").len(), 3);
    assert_eq!(env.changes("tree/a.snap", "tree/b.snap"), "M .\n");
    env.write("tree/c.snap", "of somebody else");
    env.snap("tree/b.snap");
    assert_eq!(env.changes("tree/a.snap", "tree/b.snap"), "M .\nA c.snap\n");
}

#[test]
fn an_output_name_may_be_as_long_as_a_name_may_be() {
    let env = TestEnv::new();
    let name = "x".repeat(255);
    env.snap(&name);
    assert_eq!(env.names(""), ["tree".to_owned(), name.clone()]);
    assert_eq!(shown(&env, &name), on_disk(&env.path("tree")));
    let error = env.run(["snap", "tree", "-o", &"x".repeat(256)]).failure(2);
    assert!(error.contains("File name too long"), "{error}");
}

#[test]
fn an_output_of_any_bytes_cannot_command_the_terminal() {
    let env = TestEnv::new();
    let run = env.run(["snap", "tree", "-o", "\u{1b}[31m\n.snap"]);
    assert_eq!(run.code, Some(0));
    assert_eq!(run.stderr.lines().count(), 1, "{:?}", run.stderr);
    assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
    assert!(!env.run(["verify", "\u{1b}[31m\n.snap"]).stderr.contains('\u{1b}'));
    env.run(["show", "\u{1b}[31m\n.snap", "/missing\u{1b}\n"]).failure(2);
    env.run(["show", "\u{1b}[31m missing \n.snap"]).failure(2);
    env.run(["snap", "tree", "-o", "a.snap", "--exclude-from", "\u{1b}missing"]).failure(2);
}

#[test]
fn an_immutable_old_snapshot_is_an_error_and_stays() {
    let env = TestEnv::new();
    env.snap("a.snap");
    let before = env.read("a.snap");
    let set = |flag: &str| {
        let status = std::process::Command::new("chattr").arg(flag).arg(env.path("a.snap")).output();
        status.is_ok_and(|s| s.status.success())
    };
    if !set("+i") {
        return skip("a file cannot be made immutable here");
    }
    let run = env.run(["snap", "tree", "-o", "a.snap"]);
    assert!(set("-i"));
    let error = run.failure(2);
    assert!(error.contains("cannot replace a.snap: Operation not permitted"), "{error}");
    assert!(env.read("a.snap") == before);
    assert_eq!(env.names(""), ["a.snap", "tree"], "no temporary file stays");
    assert!(fs::metadata(env.path("a.snap")).unwrap().is_file());
}

#[test]
fn several_runs_for_one_output_at_once_leave_one_whole_snapshot() {
    let env = TestEnv::new();
    crate::testenv::tree_of_many_files(&env, 1000);
    let expected = on_disk(&env.path("tree"));
    for _round in 0..3 {
        let mut command = env.command();
        command.args(["snap", "tree", "-o", "a.snap", "--quiet"]);
        let children: Vec<_> = (0..6).map(|_| command.spawn().unwrap()).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        assert_eq!(env.names(""), ["a.snap", "tree"]);
        assert!(shown(&env, "a.snap") == expected);
    }
}
