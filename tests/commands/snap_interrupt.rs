//! Runs that are interrupted or killed: never half a file, never a stray temporary one for long.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::testenv::{Run, TestEnv, names_in, on_disk, shown, tree_of_many_files};

/// What begins the names of temporary files.
const TEMPORARY: &str = ".fastdiff-";

/// More than a walk needs to be met by a signal in the middle.
const FILES: usize = 4000;

/// So many runs are tried until one was met in the middle.
const ATTEMPTS: usize = 50;

fn has_temporary(dir: &Path) -> bool {
    names_in(dir).iter().any(|n| n.starts_with(TEMPORARY))
}

/// Whether a child has not ended. One that has is not waited for, so that its number stays its own.
fn is_running(child: &Child) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    waitid(WaitId::Pid(Pid::from_child(child)), options).unwrap().is_none()
}

/// Starts a slow snap and sends it a signal as soon as its temporary file is there; then waits.
fn interrupted(env: &TestEnv, walker: &str, signal: Signal) -> Run {
    let mut command = env.command();
    command.args(["snap", "tree", "-o", "out/a.snap", "--threads", "1", "--walker", walker]);
    let mut child: Child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let out = env.path("out");
    while !has_temporary(&out) && is_running(&child) {
        std::thread::yield_now();
    }
    // A finished child is still there to be waited for, so that no other process can be met.
    kill_process(Pid::from_child(&child), signal).unwrap();
    let mut stderr = Vec::new();
    child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
    let status = child.wait().unwrap();
    Run::new(std::process::Output { status, stdout: Vec::new(), stderr }, &env.path(""))
}

/// Interrupts runs until one was met; checks what each left. `before` is what the output was.
fn never_half_a_file(walker: &str, signal: Signal, with_old: bool) {
    let env = TestEnv::new();
    tree_of_many_files(&env, FILES);
    let expected = on_disk(&env.path("tree"));
    let mut met = 0;
    for _ in 0..ATTEMPTS {
        env.dir("out");
        if with_old {
            env.write("out/a.snap", "");
        }
        let run = interrupted(&env, walker, signal);
        let names = env.names("out");
        if run.signal.is_none() {
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            assert_eq!(names, ["a.snap"]);
            assert!(shown(&env, "out/a.snap") == expected);
        } else {
            assert_eq!(run.signal, Some(signal.as_raw()), "{run:?}");
            assert_eq!(names, if with_old { vec!["a.snap"] } else { vec![] }, "{}", run.stderr);
            assert!(!with_old || env.read("out/a.snap").is_empty(), "the old file was touched");
            assert_eq!(run.stderr, "fastdiff: error: interrupted; nothing was written\n");
            met += 1;
        }
        env.remove("out");
        if met >= 3 {
            return;
        }
    }
    panic!("none of {ATTEMPTS} runs was met by the signal");
}

#[test]
fn an_interrupted_snap_leaves_nothing_and_dies_of_the_signal() {
    never_half_a_file("native", Signal::INT, false);
}

#[test]
fn an_interrupted_snap_leaves_the_old_file_alone() {
    never_half_a_file("native", Signal::INT, true);
}

#[test]
fn an_interrupted_snap_of_the_portable_walker_leaves_nothing_either() {
    never_half_a_file("portable", Signal::INT, false);
}

#[test]
fn a_terminated_snap_leaves_nothing_and_dies_of_the_signal() {
    never_half_a_file("native", Signal::TERM, false);
    never_half_a_file("native", Signal::HUP, false);
}

#[test]
fn what_a_killed_snap_left_is_removed_by_the_next_for_the_same_file() {
    let env = TestEnv::new();
    tree_of_many_files(&env, FILES);
    env.dir("out");
    for _ in 0..ATTEMPTS {
        interrupted(&env, "native", Signal::KILL);
        if has_temporary(&env.path("out")) {
            break;
        }
    }
    assert!(has_temporary(&env.path("out")), "none of {ATTEMPTS} runs was killed in the middle");
    env.write("out/.fastdiff-of-somebody-else.tmp", "");
    let stale = env.names("out").len();
    assert_eq!(env.run(["snap", "tree", "-o", "out/b.snap", "-q"]).success(), "");
    assert_eq!(env.names("out").len(), stale + 1, "not of another output: it may be in the making");
    assert_eq!(env.run(["snap", "tree", "-o", "out/a.snap", "-q"]).success(), "");
    assert_eq!(env.names("out"), [".fastdiff-of-somebody-else.tmp", "a.snap", "b.snap"]);
}

#[test]
fn an_interrupted_list_ends_at_once() {
    let env = TestEnv::new();
    env.snap("a.snap");
    tree_of_many_files(&env, FILES);
    env.snap("b.snap");
    for args in
        [&["diff", "a.snap", "b.snap", "--emit", "json"][..], &["diff", "a.snap", "b.snap"], &["show", "b.snap"]]
    {
        let mut child = env.command().args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        // The first byte is there, and the rest fits in no pipe: it waits for us.
        stdout.read_exact(&mut [0]).unwrap();
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        std::io::copy(&mut stdout, &mut std::io::sink()).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::INT.as_raw()), "{args:?}");
    }
}

#[test]
fn a_signal_that_the_caller_ignores_is_ignored() {
    let env = TestEnv::new();
    tree_of_many_files(&env, FILES);
    for (name, signal) in [("HUP", Signal::HUP), ("INT", Signal::INT)] {
        env.dir("out");
        let script = format!("trap '' {name}; exec $0 snap tree -o out/a.snap --threads 1 --quiet");
        let mut child = env.shell(&script).spawn().unwrap();
        while !has_temporary(&env.path("out")) && is_running(&child) {
            std::thread::yield_now();
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "as nohup(1) has it: {name}");
        assert_eq!(env.names("out"), ["a.snap"]);
        env.remove("out");
    }
}
