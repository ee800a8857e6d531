//! Promise 6, by the program: a snapshot that is cut or overwritten while a command reads it, or that is damaged
//! while memory is short, ends in one clear line or in the truth; no signal ends it.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::process::Stdio;
use std::sync::Once;
use std::time::{Instant, SystemTime};

use fastdiff::{Diff, DiffOptions, Error, Monitor, NoMonitor, ScanOptions, Snapshot, SnapshotProblem, scan};

use super::damage::fit_header;
use super::draw::Random;
use super::report::{Attack, Promise, times};
use crate::testenv::{Run, TestEnv, tree_of_many_files};

/// Every command that reads snapshots; `a.snap` is what is damaged.
const COMMANDS: [&[&str]; 8] = [
    &["verify", "-q", "a.snap"],
    &["show", "a.snap"],
    &["show", "a.snap", "--json"],
    &["info", "a.snap"],
    &["diff", "a.snap", "b.snap", "--emit", "json"],
    &["diff", "b.snap", "a.snap", "--emit", "name-status"],
    &["diff", "b.snap", "b.snap", "-o", "a.snap"],
    &["snap", "tree", "-o", "c.snap", "-q", "--base", "a.snap"],
];

/// A tree and two snapshots of it, which differ.
fn two_snapshots(files: usize) -> TestEnv {
    let env = TestEnv::new();
    tree_of_many_files(&env, files);
    env.snap("a.snap");
    env.write("tree/0000/new", "");
    env.remove("tree/0001");
    env.snap("b.snap");
    env
}

/// Whether a run failed and said so in one line.
fn is_clear(run: &Run) -> bool {
    let mut lines: Vec<_> = run.stderr.lines().collect();
    // Two of the commands here have to say something else too.
    lines.retain(|line| !line.starts_with("fastdiff: note: ") && !line.starts_with("fastdiff: warning: OLD was"));
    run.code == Some(2) && lines.len() == 1 && lines[0].starts_with("fastdiff: error: ")
}

#[test]
fn a_snapshot_cut_or_overwritten_at_any_moment_gives_an_error_or_the_truth() {
    let env = two_snapshots(1500);
    let good = env.read("a.snap");
    let mut attack = Attack::on(Promise::DamagedIsNotBelieved, "cut or overwritten while it is read");
    let mut random = Random(11);
    for args in COMMANDS {
        env.write("a.snap", &good);
        let truth = env.run(args);
        let began = Instant::now();
        env.run(args);
        let takes = began.elapsed();
        for number in 0..times(12, 250) {
            fs::write(env.path("a.snap"), &good).unwrap();
            let file = OpenOptions::new().write(true).open(env.path("a.snap")).unwrap();
            let mut command = env.command();
            let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let after = takes.mul_f64(f64::from(u32::try_from(random.below(1000)).unwrap()) / 1000.0);
            let began = Instant::now();
            while began.elapsed() < after && child.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
            match number % 3 {
                // What is cut to nothing leaves no page in the mapping, what is cut a little leaves most.
                0 => file.set_len(0).unwrap(),
                1 => file.set_len(random.below(good.len()) as u64).unwrap(),
                // Some bits of every row, so that no length changes.
                _ => {
                    let from = random.below(good.len());
                    let bytes: Vec<_> = good[from..].iter().map(|byte| byte ^ 0x5a).collect();
                    file.write_all_at(&bytes, from as u64).unwrap();
                }
            }
            let run = Run::new(child.wait_with_output().unwrap(), &env.path(""));
            // A list to a pipe may have begun; which paths it has so far is true.
            let held = if is_clear(&run) {
                !args.contains(&"name-status") || truth.bytes.starts_with(&run.bytes)
            } else {
                // What is empty by then may be replaced by a list.
                let replaced = args.contains(&"-o") && run.code == Some(0);
                replaced || run.code == truth.code && run.bytes == truth.bytes
            };
            attack
                .check(held, || format!("{number} {args:?}: {:?}, signal {:?}: {}", run.code, run.signal, run.stderr));
        }
    }
}

fn is_damage(error: &Error) -> bool {
    matches!(error, Error::Snapshot { problem: SnapshotProblem::Damaged(_), .. })
}

/// Flips a byte of the first directory, as a program that knows nothing of snapshots may.
fn write_in_place(env: &TestEnv, file: &str) {
    const AT: usize = 400;
    let byte = !env.read(file)[AT];
    OpenOptions::new().write(true).open(env.path(file)).unwrap().write_all_at(&[byte], AT as u64).unwrap();
}

/// Sets its time alone.
fn touch(env: &TestEnv, file: &str) {
    OpenOptions::new().write(true).open(env.path(file)).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
}

#[test]
fn a_snapshot_that_is_written_to_after_it_was_compared_ends_its_list_with_an_error() {
    for (written, everything) in [("a.snap", false), ("b.snap", false), ("b.snap", true)] {
        let in_place = |env: &TestEnv| write_in_place(env, written);
        // As `snap` does: what is open stays as it is.
        let replace = |env: &TestEnv| {
            env.write("other", env.read(written));
            fs::rename(env.path("other"), env.path(written)).unwrap();
        };
        let set_time = |env: &TestEnv| touch(env, written);
        for (write, is_noticed) in [(&replace as &dyn Fn(&TestEnv), false), (&set_time, false), (&in_place, true)] {
            let env = two_snapshots(400);
            let open = |name| Snapshot::open(env.path(name)).unwrap();
            let (old, new) = (open("a.snap"), open("b.snap"));
            let compared = Diff::new(&old, &new, &DiffOptions::default()).unwrap();
            let diff = if everything { Diff::everything(&new) } else { compared };
            let whole = diff.changes().map(Result::unwrap).count();
            write(&env);
            let mut changes: Vec<_> = diff.changes().collect();
            let last = changes.pop_if(|change| change.is_err());
            let count = changes.into_iter().flatten().count();
            assert!(count == whole || count < whole && is_noticed, "{count} of {whole}");
            assert_eq!(last.is_some_and(|last| is_damage(&last.unwrap_err())), is_noticed, "{written} {everything}");
            let again = Diff::new(&old, &new, &DiffOptions::default());
            assert_eq!(again.is_err_and(|e| is_damage(&e)), is_noticed);
        }
    }
}

#[test]
fn a_base_that_is_written_to_during_a_scan_leaves_no_snapshot() {
    struct Writer<'e>(&'e TestEnv, Once);
    impl Monitor for Writer<'_> {
        fn cancelled(&self) -> bool {
            self.1.call_once(|| write_in_place(self.0, "a.snap"));
            false
        }
    }
    let env = two_snapshots(400);
    let base = Snapshot::open(env.path("a.snap")).unwrap();
    let options = ScanOptions::new([env.path("tree")]);
    let outcome = scan(&options, Some(&base), &env.path("c.snap"), &Writer(&env, Once::new()));
    assert!(outcome.is_err_and(|e| is_damage(&e)));
    assert!(!env.path("c.snap").exists());
    write_in_place(&env, "a.snap");
    let base = Snapshot::open(env.path("a.snap")).unwrap();
    touch(&env, "a.snap");
    scan(&options, Some(&base), &env.path("c.snap"), &NoMonitor).unwrap();
}

#[test]
fn a_damaged_snapshot_makes_no_command_need_much_memory() {
    let env = two_snapshots(400);
    let good = env.read("a.snap");
    let mut attack = Attack::on(Promise::DamagedIsNotBelieved, "damage in little address space");
    let mut random = Random(5);
    for number in 0..times(40, 1500) as usize {
        let args = COMMANDS[number % COMMANDS.len()];
        let mut bytes = good.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len() - 8);
            let size = 1 + random.below(8);
            bytes[at..at + size].copy_from_slice(&[[0xff; 8], [0; 8], [0x7f; 8]][random.below(3)][..size]);
        }
        // Half of them with a header that fits, so that what it leads to is read.
        if number % 2 == 0 {
            fit_header(&mut bytes);
        }
        env.write("a.snap", &bytes);
        // With one arena for all threads (each of its own would reserve up to 128 MB of addresses and use little), and
        // with so many threads on any machine, a sound snapshot needs some 25 MB.
        let mut command = env.shell("ulimit -v 100000; exec $0 \"$@\"");
        command.env("MALLOC_ARENA_MAX", "1").args(args);
        if args[0] == "snap" {
            command.args(["--threads", "2"]);
        }
        let run = env.finish(&mut command);
        let starved = run.stderr.contains("out of memory") || run.stderr.contains("start threads");
        let held = !starved && (is_clear(&run) || run.code == Some(0) || run.code == Some(3));
        attack.check(held, || format!("{args:?}: {:?}, signal {:?}: {}", run.code, run.signal, run.stderr));
    }
}
