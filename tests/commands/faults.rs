//! System calls that fail: whichever it is, nothing is reported as removed, and no half file appears.

use crate::testenv::{TestEnv, on_disk, shown};

/// The directories of the tree that [`deep_tree`] makes.
const DIRECTORIES: [&str; 4] = ["tree", "tree/a", "tree/a/b", "tree/c"];

fn deep_tree() -> TestEnv {
    let env = TestEnv::new();
    for file in ["a/b/file", "a/file", "c/file", "file"] {
        env.write(format!("tree/{file}"), "");
    }
    env.symlink("nowhere", "tree/link");
    env.snap("old.snap");
    env
}

const SNAP: [&str; 9] = ["snap", "tree", "-o", "new.snap", "--racy-window", "0", "--quiet", "--threads", "1"];

/// Lets the first, the second, … of each kind of call about the tree fail.
fn no_failure_removes_anything(walker: &str) {
    let env = deep_tree();
    let mut incomplete = 0;
    for call in ["statx", "openat", "getdents64", "newfstatat"] {
        for number in 1..=9 {
            let fault = format!("{call}:error=EIO:when={number}");
            let args = [&SNAP[..], &["--walker", walker]].concat();
            let Some(run) = env.with_fault(&fault, &DIRECTORIES, &args) else { return };
            if run.code == Some(2) {
                run.failure(2);
                assert_eq!(env.names(""), ["old.snap", "tree"], "{fault}");
                continue;
            }
            let new = shown(&env, "new.snap");
            let diff = env.changes_with("old.snap", "new.snap", &[]);
            if run.code == Some(3) {
                assert!(run.stderr.contains("Input/output error"), "{fault}: {}", run.stderr);
                assert_eq!(diff.code, Some(3), "{fault}: {}", diff.stderr);
                assert!(diff.stdout.contains("U ") && !diff.stdout.contains("D "), "{fault}: {}", diff.stdout);
                let again = env.changes_with("new.snap", "old.snap", &["--allow-root-change"]);
                assert!(!again.stdout.contains("D "), "{fault}: {}", again.stdout);
                incomplete += 1;
            } else {
                assert_eq!(run.success(), "", "{fault}");
                assert_eq!(new, on_disk(&env.path("tree")), "{fault}");
                assert_eq!(diff.success(), "", "{fault}");
            }
            env.remove("new.snap");
        }
    }
    assert!(incomplete >= 8, "only {incomplete} failures met the walk");
}

#[test]
fn no_failing_call_of_the_native_walker_removes_anything() {
    no_failure_removes_anything("native");
}

#[test]
fn no_failing_call_of_the_portable_walker_removes_anything() {
    no_failure_removes_anything("portable");
}

#[test]
fn a_listing_that_breaks_off_in_the_middle_removes_nothing() {
    let env = TestEnv::new();
    // More than one call's worth of names.
    for i in 0..3000 {
        env.write(format!("tree/big/{i:0>50}"), "");
    }
    for walker in ["native", "portable"] {
        env.snap("old.snap");
        let args = [&SNAP[..], &["--walker", walker]].concat();
        let Some(run) = env.with_fault("getdents64:error=EIO:when=3", &["tree/big"], &args) else { return };
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        let says = "fastdiff: warning: cannot list [ROOT]/tree/big: Input/output error (os error 5) (its entries are unknown, not removed)\n";
        assert!(run.stderr.starts_with(says), "{walker}: {}", run.stderr);
        let diff = env.changes_with("old.snap", "new.snap", &[]);
        assert_eq!((diff.code, diff.stdout.as_str()), (Some(3), "U big\n"), "{walker}");
        // As it was, it would not be listed.
        env.chmod("tree/big", 0o755);
        let args = [&args[..], &["--base", "old.snap"]].concat();
        let run = env.with_fault("getdents64:error=ESTALE:when=2", &["tree/big"], &args).unwrap();
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        assert!(shown(&env, "new.snap") == on_disk(&env.path("tree")), "{walker}: all of it is taken over");
        let diff = env.changes_with("old.snap", "new.snap", &[]);
        assert_eq!((diff.code, diff.stdout.as_str()), (Some(3), "M big\nU big\n"), "{walker}");
    }
}

#[test]
fn a_snapshot_that_cannot_be_made_durable_is_not_made() {
    let env = deep_tree();
    env.snap("new.snap");
    let before = env.read("new.snap");
    for fault in [
        "fsync:error=EIO:when=1",
        "rename,renameat,renameat2:error=EIO:when=1",
        "write:error=ENOSPC:when=1",
        "ftruncate,lseek:error=EIO:when=1",
    ] {
        let Some(run) = env.with_fault(fault, &[], &SNAP) else { return };
        if run.code == Some(0) {
            assert_ne!(fault.split(':').next(), Some("fsync"), "an error of fsync was ignored");
            env.write("new.snap", &before);
            continue;
        }
        let error = run.failure(2);
        assert!(error.contains("new.snap") && !error.contains(".tmp"), "{error}");
        assert!(env.read("new.snap") == before, "{fault}");
        assert_eq!(env.names(""), ["new.snap", "old.snap", "tree"], "{fault}");
    }
}

#[test]
fn a_list_that_cannot_be_made_durable_is_not_made() {
    let env = deep_tree();
    env.write("tree/new", "");
    env.snap("new.snap");
    env.write("list", "old");
    for fault in ["fsync:error=EIO:when=1", "rename,renameat,renameat2:error=EACCES:when=1"] {
        let Some(run) = env.with_fault(fault, &[], &["diff", "old.snap", "new.snap", "-o", "list"]) else { return };
        let error = run.failure(2);
        assert!(error.contains("list") && !error.contains(".tmp"), "{error}");
        assert_eq!(env.read("list"), b"old", "{fault}");
        assert_eq!(env.names(""), ["list", "new.snap", "old.snap", "tree"], "{fault}");
    }
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_like_a_full_disk() {
    let env = TestEnv::new();
    for i in 0..1000 {
        env.write(format!("tree/{i:0>100}"), "");
    }
    let error = env.finish(&mut env.shell("ulimit -f 8; exec $0 snap tree -o a.snap -q")).failure(2);
    assert!(error.contains("cannot write a.snap: File too large"), "{error}");
    assert_eq!(env.names(""), ["tree"]);
}
