//! Promise 6: no command uses a damaged snapshot, and each says so. tests/attacks/damage.rs tries all kinds of damage.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::process::Stdio;

use crate::testenv::{Run, TestEnv, tree_of_many_files};

/// Two small snapshots that differ in each directory.
fn two_small_snapshots() -> TestEnv {
    let env = TestEnv::new();
    env.write("tree/a/deep/file", "1");
    env.write("tree/b/file", "1");
    env.dir("tree/empty/empty");
    env.snap("a.snap");
    env.write("tree/a/deep/file", "22");
    env.write("tree/b/new", "");
    env.remove("tree/b/file");
    env.snap("b.snap");
    env
}

/// Each command that reads a snapshot.
fn each_command(env: &TestEnv, snapshot: &str) -> Vec<Run> {
    [
        vec!["verify", snapshot],
        vec!["show", snapshot],
        vec!["show", snapshot, "--json"],
        vec!["info", snapshot],
        vec!["diff", snapshot, "b.snap"],
        vec!["diff", "b.snap", snapshot, "--emit", "json"],
        vec!["snap", "tree", "-o", "c.snap", "--base", snapshot],
    ]
    .into_iter()
    .map(|args| env.run(args))
    .collect()
}

#[test]
fn every_command_has_one_clear_line_for_a_file_that_is_no_snapshot() {
    let env = two_small_snapshots();
    let good = env.read("a.snap");
    env.write("empty", "");
    env.write("text", "a letter\n");
    env.write("cut", &good[..good.len() - 1]);
    env.write("cut-in-header", &good[..100]);
    env.write("cut-in-magic", &good[..4]);
    let mut future = good.clone();
    future[8] = 7;
    env.write("future", &future);
    env.dir("dir");
    env.fifo("fifo");
    env.socket("socket");
    env.symlink("missing", "broken");
    env.symlink("loop", "loop");
    let names = env.names("");
    for (snapshot, says) in [
        ("missing", "snapshot missing: does not exist; take it first with `fastdiff snap`"),
        ("broken", "snapshot broken: does not exist"),
        ("empty", "snapshot empty: is empty; take it again with `fastdiff snap`"),
        ("text", "snapshot text: is not a fastdiff snapshot"),
        ("cut", "bytes long and should be"),
        ("cut-in-header", "is 100 bytes long, shorter than the header of a snapshot: it was cut short; take it again"),
        ("cut-in-magic", "is 4 bytes long, shorter than the header of a snapshot: it was cut short; take it again"),
        ("future", "has format version 7, this program reads version 4; use a newer fastdiff"),
        ("dir", "snapshot dir: is a directory, not a snapshot file"),
        ("fifo", "snapshot fifo: is a special file, not a snapshot file"),
        ("socket", "snapshot socket: is a special file, not a snapshot file"),
        ("/dev/null", "snapshot /dev/null: is a special file, not a snapshot file"),
        ("loop", "cannot open snapshot loop: "),
        ("text/below", "cannot open snapshot text/below: Not a directory"),
        ("-", "cannot come from standard input"),
    ] {
        for run in each_command(&env, snapshot) {
            let error = run.failure(2);
            assert!(error.contains(says), "{snapshot:?}: {error}");
        }
    }
    assert_eq!(env.names(""), names, "nothing is left behind");
}

#[test]
fn a_snapshot_that_cannot_be_read_is_an_error_with_its_name() {
    let env = two_small_snapshots();
    env.chmod("a.snap", 0);
    for command in ["verify", "show", "info"] {
        let error = env.run_as_nobody(&[command, "a.snap"]).failure(2);
        assert!(error.contains("cannot open snapshot a.snap: Permission denied"), "{error}");
    }
}

#[test]
fn every_command_has_one_clear_line_for_damage_found_on_the_way() {
    let env = two_small_snapshots();
    let truth = env.run(["diff", "a.snap", "b.snap", "--emit", "json"]);
    let good = env.read("a.snap");
    for byte in (0..good.len()).step_by(37) {
        let mut bytes = good.clone();
        bytes[byte] ^= 0x10;
        env.write("bad.snap", &bytes);
        env.run(["verify", "bad.snap"]).failure(2);
        let run = env.run(["diff", "bad.snap", "b.snap", "--emit", "json"]);
        if run.code == Some(0) {
            assert!(run.bytes == truth.bytes, "byte {byte}: another answer was given");
        } else {
            run.failure(2);
        }
    }
}

/// Starts a command and does not read its output until the pipe is full. Then cuts the snapshot that it reads, and
/// reads on.
fn cut_while_it_is_read(env: &TestEnv, snapshot: &str, args: &[&str]) -> (Vec<u8>, Run) {
    let mut command = env.command();
    let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    // The first byte comes as soon as the program writes. It cannot write everything.
    let mut read = vec![0];
    stdout.read_exact(&mut read).unwrap();
    let file = OpenOptions::new().write(true).open(env.path(snapshot)).unwrap();
    file.set_len(4096).unwrap();
    (&file).flush().unwrap();
    stdout.read_to_end(&mut read).unwrap();
    let output = child.wait_with_output().unwrap();
    (read, Run::new(output, &env.path("")))
}

#[test]
fn a_snapshot_that_is_cut_while_it_is_mapped_ends_in_the_same_error() {
    let env = TestEnv::new();
    env.snap("a.snap");
    // More than a diff caches in its first pass.
    tree_of_many_files(&env, 17_000);
    env.snap("b.snap");
    let good = env.read("b.snap");
    for args in [
        &["show", "b.snap"][..],
        &["show", "b.snap", "--json"],
        &["diff", "a.snap", "b.snap", "--emit", "name-status"],
        &["diff", "a.snap", "b.snap"],
    ] {
        let whole = env.run(args).bytes;
        let (read, run) = cut_while_it_is_read(&env, "b.snap", args);
        assert!(whole.starts_with(&read) && read.len() < whole.len(), "what came out before is no more than true");
        let error = run.failure(2);
        assert!(error.contains("snapshot b.snap: is damaged (it was cut short while it was read)"), "{error}");
        env.write("b.snap", &good);
    }
}
