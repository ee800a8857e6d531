//! Promise 6, by the program: a snapshot that is cut or overwritten while a command reads it, or that is damaged
//! while memory is short, ends in one clear line or in the truth; no signal ends it.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::process::Stdio;
use std::time::Instant;

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
        // The program itself, two threads and their arenas take some 160 MB of addresses, of which they use little.
        let run = env.finish(env.shell("ulimit -v 200000; exec $0 \"$@\"").args(args));
        let starved = run.stderr.contains("out of memory") || run.stderr.contains("start threads");
        let held = !starved && (is_clear(&run) || run.code == Some(0) || run.code == Some(3));
        attack.check(held, || format!("{args:?}: {:?}, signal {:?}: {}", run.code, run.signal, run.stderr));
    }
}
