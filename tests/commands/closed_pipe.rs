//! Standard output that nobody reads, or that cannot take it.

use std::fs::OpenOptions;

use crate::testenv::{Run, TestEnv};

/// Two snapshots with a list between them that fits in no buffer.
fn with_a_long_list() -> TestEnv {
    let env = TestEnv::new();
    env.snap("a.snap");
    crate::testenv::tree_of_many_files(&env, 2000);
    env.snap("b.snap");
    env
}

/// A run whose standard output is a pipe that nobody holds the other end of.
#[track_caller]
fn unread(env: &TestEnv, args: &[&str]) -> Run {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = env.command().args(args).stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap();
    Run::new(child.wait_with_output().unwrap(), &env.path(""))
}

#[test]
fn a_closed_pipe_is_success_for_what_people_read() {
    let env = with_a_long_list();
    for args in [
        &["diff", "a.snap", "b.snap"][..],
        &["diff", "a.snap", "b.snap", "--emit", "text", "--exit-code"],
        &["diff", "a.snap", "a.snap"],
        &["show", "b.snap"],
        &["info", "b.snap"],
        &["man"],
        &["completions", "bash"],
        &["--help"],
    ] {
        let run = unread(&env, args);
        assert_eq!(run.code, Some(0), "{args:?}: {}", run.stderr);
        assert!(!run.stderr.contains("error"), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn a_closed_pipe_is_an_error_for_what_programs_read() {
    let env = with_a_long_list();
    for args in [
        &["diff", "a.snap", "b.snap", "--emit", "json"][..],
        &["diff", "a.snap", "b.snap", "--emit", "name-status"],
        &["diff", "a.snap", "b.snap", "--emit", "name-status", "-z", "--exit-code"],
        &["diff", "a.snap", "b.snap", "--emit", "paths", "-z"],
        &["diff", "a.snap", "b.snap", "--emit", "duplicati", "--duplicati-db", "none"],
        &["show", "b.snap", "--json"],
        &["info", "b.snap", "--json"],
    ] {
        let error = unread(&env, args).failure(2);
        assert!(error.contains("cannot write to standard output: Broken pipe"), "{args:?}: {error}");
    }
}

#[test]
fn a_short_list_into_a_closed_pipe_is_an_error_too() {
    let env = TestEnv::new();
    env.snap("a.snap");
    env.write("tree/file", "");
    env.snap("b.snap");
    unread(&env, &["diff", "a.snap", "b.snap", "--emit", "json"]).failure(2);
}

#[test]
fn a_full_device_is_an_error_for_everything() {
    let env = with_a_long_list();
    for args in [
        &["diff", "a.snap", "b.snap"][..],
        &["diff", "a.snap", "b.snap", "--emit", "paths"],
        &["diff", "a.snap", "a.snap"],
        &["show", "b.snap"],
        &["info", "b.snap"],
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = env.command();
        let child = command.args(args).stdout(full).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let run = Run::new(child.wait_with_output().unwrap(), &env.path(""));
        assert_eq!(run.code, Some(2), "{args:?}");
        let last = run.stderr.lines().last().unwrap();
        assert_eq!(last, "fastdiff: error: cannot write to standard output: No space left on device (os error 28)");
    }
}
