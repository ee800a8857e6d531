//! What a program cannot be told is refused before the first line, with exit code 3.

use crate::testenv::TestEnv;

/// The one line about the list of what happens in `edit`.
#[track_caller]
fn refused(edit: impl FnOnce(&TestEnv), args: &[&str]) -> String {
    let env = TestEnv::new();
    env.write("tree/gone", "x");
    env.write("tree/there", "x");
    env.snap("old.snap");
    edit(&env);
    env.snap("new.snap");
    let line = env.run(["diff", "old.snap", "new.snap"].iter().chain(args)).failure(3);
    let to_file = env.run(["diff", "old.snap", "new.snap", "-o", "list"].iter().chain(args));
    assert_eq!(to_file.code, Some(3));
    assert!(!env.path("list").exists());
    line
}

#[test]
fn an_empty_list_is_refused_where_it_would_be_misread() {
    for format in ["restic", "borg"] {
        let line = refused(|_| (), &["--emit", format]);
        assert!(line.contains(&format!("no list for {format}: there is nothing to list")), "{line}");
    }
    // A removal alone leaves restic nothing to read.
    refused(|env| env.remove("tree/gone"), &["--emit", "restic"]);
}

#[test]
fn an_empty_list_is_one_where_it_does_no_harm() {
    let env = TestEnv::new();
    env.snap("old.snap");
    env.snap("new.snap");
    for args in [
        ["--emit", "rsync", "--list", "all"],
        ["--emit", "rclone", "--list", "all"],
        ["--emit", "tar", "--list", "changed"],
        ["--emit", "tar", "--list", "deleted"],
    ] {
        assert_eq!(env.run(["diff", "old.snap", "new.snap"].iter().chain(&args)).success(), "", "{args:?}");
    }
}

#[test]
fn a_program_that_deletes_nothing_takes_no_list_of_deletions() {
    for (format, part) in
        [("restic", "deleted"), ("borg", "deleted"), ("restic", "all"), ("borg", "all"), ("tar", "all")]
    {
        let env = TestEnv::new();
        env.snap("old.snap");
        let args = ["diff", "old.snap", "old.snap", "--emit", format, "--list", part];
        let line = env.run(args).failure(2);
        assert!(line.contains(&format!("--emit {format} has no --list {part}")), "{line}");
    }
}

#[test]
fn a_name_that_rclone_does_not_find_is_refused() {
    let line = refused(|env| drop(env.write("tree/\u{201b}x", "")), &["--emit", "rclone"]);
    assert!(line.contains("U+201B"), "{line}");
}

#[test]
fn a_name_that_borg_reads_as_another_is_refused() {
    let line = refused(|env| drop(env.write("tree/a\rb", "")), &["--emit", "borg"]);
    assert!(line.contains("carriage return"), "{line}");
}

#[test]
fn a_change_of_kind_is_refused_for_rclone() {
    let line = refused(
        |env| {
            env.remove("tree/gone");
            env.dir("tree/gone");
        },
        &["--emit", "rclone"],
    );
    assert!(line.contains("was a file and is a directory now"), "{line}");
    let line = refused(
        |env| {
            env.remove("tree/gone");
            env.symlink("there", "tree/gone");
        },
        &["--emit", "rclone"],
    );
    assert!(line.contains("was a file and is a symlink now"), "{line}");
}

#[test]
fn what_rclone_does_not_store_is_gone_for_it() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    env.snap("old.snap");
    env.remove("tree/file");
    env.fifo("tree/file");
    env.snap("new.snap");
    assert_eq!(env.run(["diff", "old.snap", "new.snap", "--emit", "rclone"]).success(), "file\n");
}

#[test]
fn a_path_that_no_program_can_open_is_refused() {
    for format in ["rsync", "rclone", "restic", "borg", "tar"] {
        let edit = |env: &TestEnv| {
            let mut dir = std::fs::File::open(env.path("tree")).unwrap();
            for _ in 0..20 {
                let name = "d".repeat(250);
                rustix::fs::mkdirat(&dir, &*name, rustix::fs::Mode::from_raw_mode(0o755)).unwrap();
                let next = rustix::fs::openat(&dir, &*name, rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty());
                dir = next.unwrap().into();
            }
            let new = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
            rustix::fs::openat(&dir, "file", new, rustix::fs::Mode::from_raw_mode(0o644)).unwrap();
        };
        let line = refused(edit, &["--emit", format]);
        assert!(line.contains("is longer than the longest path that a program can open"), "{line}");
    }
}

#[test]
fn parts_are_for_lists_of_paths() {
    let env = TestEnv::new();
    env.snap("s");
    let line = env.run(["diff", "s", "s", "--emit", "json", "--list", "all"]).failure(2);
    assert!(line.contains("--list is for"), "{line}");
}

#[test]
fn several_roots_are_relative_to_the_top() {
    let env = TestEnv::new();
    env.dir("tree/a");
    env.dir("tree/b");
    env.settle();
    env.run(["snap", "tree/a", "tree/b", "-o", "old.snap", "-q", "--racy-window", "0"]).success();
    env.write("tree/b/new", "");
    env.settle();
    env.run(["snap", "tree/a", "tree/b", "-o", "new.snap", "-q", "--racy-window", "0"]).success();
    let run = env.run(["diff", "old.snap", "new.snap", "--emit", "rsync"]);
    let listed = run.stdout.replace('\0', "\n");
    assert_eq!(listed, "[ROOT]/tree/b\n[ROOT]/tree/b/new\n");
}
