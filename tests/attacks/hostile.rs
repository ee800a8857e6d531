//! Hostile trees: whoever may write in the tree tries to lead the walk out of it, to make it open what must not be
//! opened, to command the terminal, or to be too much for it. What the owner of the tree can do to the snapshot file is
//! in `output`.

mod names;
mod output;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fastdiff::{Collected, NoMonitor, ScanOptions, Snapshot, WalkerKind, scan};
use rustix::fs::{CWD, FileType, Mode, OFlags, RenameFlags, mkdirat, mknodat, openat, renameat_with};

use super::report::{Attack, Promise, at_length_asked, times};
use crate::testenv::{TestEnv, is_root, mode_of, skip};

/// A thread that swaps pairs of names as fast as it can while something else goes on; returns how often.
fn while_swapping<T>(pairs: &[(PathBuf, PathBuf)], action: impl FnOnce() -> T) -> (T, u64) {
    let (stop, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for (a, b) in pairs.iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).unwrap();
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        let result = action();
        stop.store(true, Ordering::Relaxed);
        (result, swaps.load(Ordering::Relaxed))
    })
}

fn scanned(env: &TestEnv, options: &ScanOptions) -> Snapshot {
    let output = env.path("a.snap");
    scan(options, None, &output, &NoMonitor).unwrap();
    Snapshot::open(&output).unwrap()
}

fn paths(snapshot: &Snapshot) -> Vec<String> {
    snapshot.entries().map(|e| String::from_utf8(e.unwrap().path).unwrap()).collect()
}

#[test]
fn a_directory_that_becomes_a_symlink_leads_nowhere() {
    let mut attack = Attack::on(Promise::NeverLeavesTheRoot, "a directory is swapped for a symlink to elsewhere");
    let env = TestEnv::new();
    env.write("outside/secret", "");
    env.write("outside/deeper/secret", "");
    let mut pairs = Vec::new();
    for number in 0..20 {
        env.write(format!("tree/{number}/x/inside"), "");
        env.write(format!("tree/{number}/x/deeper/inside"), "");
        env.symlink(env.path("outside"), format!("tree/{number}/y"));
        pairs.push((env.path(format!("tree/{number}/x")), env.path(format!("tree/{number}/y"))));
    }
    // One level up as well: what was opened stays what it was.
    env.write("tree/above/deeper/inside", "");
    env.symlink(env.path("outside"), "tree/z");
    pairs.push((env.path("tree/above"), env.path("tree/z")));
    let mut options = ScanOptions::new([env.path("tree")]);
    options.threads = Some(4);
    let ((), swaps) = while_swapping(&pairs, || {
        for _ in 0..times(80, 5000) {
            let found = paths(&scanned(&env, &options));
            let outside: Vec<_> = found.iter().filter(|p| p.contains("secret")).collect();
            attack.check(outside.is_empty(), || format!("entries from outside of the root: {outside:?}"));
        }
    });
    println!("{swaps} swaps");
    assert!(swaps > 100, "hardly anything was swapped");
}

#[test]
fn a_directory_that_is_moved_out_of_the_root_during_the_walk_does_not_take_the_walk_with_it() {
    let mut attack = Attack::on(Promise::NeverLeavesTheRoot, "a directory is moved out of the root during the walk");
    let env = TestEnv::new();
    for number in 0..20 {
        env.write(format!("tree/a/b/c/{number}/inside"), "");
    }
    env.write("outside/secret", "");
    env.write("secret", "");
    env.write("outside/a/b/c/secret", "");
    // The walk comes back to its parents by descriptor, never by `..`, which leads elsewhere by then.
    let pairs = [(env.path("tree/a/b/c"), env.path("outside/a/b/c")), (env.path("tree/a/b"), env.path("outside/a/b"))];
    let mut options = ScanOptions::new([env.path("tree")]);
    options.threads = Some(4);
    // What was moved in belongs to the tree; what was always outside does not.
    let root = env.path("tree");
    let beside = [env.path("secret"), env.path("outside")];
    while_swapping(&pairs, || {
        for _ in 0..times(60, 2000) {
            let found = paths(&scanned(&env, &options));
            let wrong: Vec<_> = found
                .iter()
                .filter(|p| !Path::new(p).starts_with(&root) || beside.iter().any(|b| p.contains(b.to_str().unwrap())))
                .collect();
            let moved_in = found.iter().any(|p| p.ends_with("outside") || p.ends_with("tree/secret"));
            attack.check(wrong.is_empty() && !moved_in, || format!("{wrong:?}"));
        }
    });
}

#[test]
fn fifos_sockets_and_devices_are_never_opened() {
    let mut attack = Attack::on(Promise::NeverLeavesTheRoot, "fifos, sockets, devices (opened?)");
    let env = TestEnv::new();
    for dir in ["tree", "tree/tagged"] {
        env.fifo(format!("{dir}/special-fifo"));
        env.socket(format!("{dir}/special-socket"));
        if is_root() {
            env.null_device(format!("{dir}/special-null")).unwrap();
            env.loop_device(format!("{dir}/special-loop")).unwrap();
        }
    }
    // Their names may be ones that are looked into.
    env.fifo("tree/tagged/CACHEDIR.TAG");
    env.fifo("tree/.ignored");
    for walker in ["native", "portable"] {
        let more = ["--exclude-caches", "--exclude-if-present", ".none", "--walker", walker];
        let mut strace = std::process::Command::new("strace");
        strace.args(["-f", "-qq", "-e", "trace=open,openat,openat2,connect", "-o"]).arg(env.path("trace"));
        strace.arg(crate::testenv::BINARY).args(["snap", "tree", "-o", "a.snap", "-q"]).args(more);
        match strace.current_dir(env.path("")).stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => return skip(&format!("nothing can be traced here: {output:?}")),
            Err(e) => return skip(&format!("there is no strace(1): {e}")),
        }
        let trace = fs::read_to_string(env.path("trace")).unwrap();
        assert!(trace.contains("\"tagged\"") || trace.contains("/tagged\""), "the walk is not in the trace");
        let opened: Vec<_> = trace
            .lines()
            .filter(|l| l.contains("special-") || l.contains("CACHEDIR") || l.contains(".ignored"))
            .collect();
        attack.check(opened.is_empty(), || format!("{walker}: {opened:?}"));
    }
}

#[test]
fn a_tree_of_closed_directories_and_files_is_recorded_as_far_as_it_goes() {
    let mut attack = Attack::on(Promise::UnreadableIsNotDeleted, "permissions 000 everywhere");
    let env = TestEnv::new();
    for number in 0..times(20, 300) {
        env.write(format!("tree/{number}/dir/file"), "");
        env.write(format!("tree/{number}/file"), "");
    }
    let first = env.snap_as_nobody("first.snap", &[]);
    assert_eq!((first.code, first.stderr.as_str()), (Some(0), ""));
    for number in 0..times(20, 300) {
        for name in ["dir/file", "dir", "file", ""] {
            env.chmod(format!("tree/{number}/{name}"), 0);
        }
    }
    for (walker, base) in [("native", true), ("native", false), ("portable", true), ("portable", false)] {
        let mut more = vec!["--walker", walker];
        more.extend(["--base", "out/first.snap"].iter().filter(|_| base));
        let run = env.snap_as_nobody("closed.snap", &more);
        attack.check(run.code == Some(3), || format!("{walker}: {:?}", run.code));
        let diff = ["diff", "out/first.snap", "out/closed.snap", "--emit", "name-status", "--relative"];
        let list = env.run_as_nobody(&diff);
        attack.check(list.code == Some(3), || format!("{walker}: {:?}", list.code));
        let gone: Vec<_> = list.stdout.lines().filter(|line| line.starts_with('D')).collect();
        attack.check(gone.is_empty(), || format!("{walker}, base {base}: {gone:?}"));
    }
    for number in 0..times(20, 300) {
        env.chmod(format!("tree/{number}"), 0o755);
    }
}

#[test]
fn ten_thousand_levels_and_very_many_entries_are_recorded() {
    let mut attack = Attack::on(Promise::AnswersInTime, "ten thousand levels, a million entries in one directory");
    let env = TestEnv::new();
    let mut dir = openat(CWD, env.dir("tree/deep"), OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..10_000 {
        mkdirat(&dir, "d", Mode::RWXU).unwrap();
        dir = openat(&dir, "d", OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    drop(dir);
    let wide = if at_length_asked() { 1_000_000 } else { 20_000 };
    let dir = openat(CWD, env.dir("tree/wide"), OFlags::DIRECTORY, Mode::empty()).unwrap();
    let mut made = 0;
    for number in 0..wide {
        match mknodat(&dir, format!("{number}"), FileType::RegularFile, Mode::RUSR, 0) {
            Ok(()) => made += 1,
            Err(e) => {
                skip(&format!("no more than {made} files fit here: {e}"));
                break;
            }
        }
    }
    let monitor = Collected::default();
    let mut options = ScanOptions::new([env.path("tree")]);
    options.walker = WalkerKind::Native;
    let began = Instant::now();
    let outcome = scan(&options, None, &env.path("a.snap"), &monitor);
    let warnings = monitor.into_warnings();
    attack.check(warnings.is_empty(), || format!("{:?}", warnings.first()));
    match outcome {
        Ok(outcome) => {
            attack.check(outcome.counts.entries == 10_003 + made, || format!("{:?}", outcome.counts));
            attack.check(began.elapsed() < Duration::from_mins(10), || format!("{:?}", began.elapsed()));
        }
        Err(e) => attack.tried(Err(e.to_string())),
    }
    println!("{made} entries in one directory, 10,000 levels: {:?}", began.elapsed());
    remove_deep(&env.path("tree/deep"));
}

/// Removes a chain of directories that is deeper than a path may be long, from its end.
fn remove_deep(top: &Path) {
    let removed = std::process::Command::new("rm").arg("-rf").arg(top).status();
    assert!(removed.unwrap().success());
}

#[test]
fn a_symlink_to_itself_or_upwards_is_a_symlink() {
    let mut attack = Attack::on(Promise::NeverLeavesTheRoot, "symlinks upwards, to themselves, to the root");
    let env = TestEnv::new();
    for (number, target) in ["..", ".", "/", "self-3", "../tree", "/proc/self/cwd"].iter().enumerate() {
        symlink(target, env.path(format!("tree/self-{number}"))).unwrap();
    }
    for walker in ["native", "portable"] {
        let run = env.run(["snap", "tree", "-o", "a.snap", "-q", "--walker", walker]);
        assert_eq!(run.success(), "");
        let shown = crate::testenv::shown(&env, "a.snap");
        let links = shown.values().filter(|e| e.kind == "symlink").count();
        attack.check(shown.len() == 7 && links == 6, || format!("{walker}: {:?}", shown.keys()));
    }
    assert_eq!(mode_of(&env.path("a.snap")), 0o600);
}
