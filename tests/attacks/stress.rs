//! Promise 1 under fire: a tree changes all the time while snapshots of it are taken and compared in a loop, and a
//! mirror is told nothing but what the lists say. Whenever the tree comes to rest, the mirror has to be equal to it
//! after two more rounds.

mod mirror;
mod writers;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fastdiff::{Diff, DiffOptions, NoMonitor, ScanOptions, Snapshot, WalkerKind, scan};

use self::mirror::Mirror;
use self::writers::Writers;
pub(super) use self::writers::map;
use super::draw::Random;
use super::report::{Attack, Promise, times};
use crate::testenv::{TestEnv, skip};

/// How the tree is looked at.
#[derive(Clone, Copy)]
struct How {
    walker: &'static str,
    base: bool,
    /// With `--settle` and its window of two seconds, else with the default window.
    settle: bool,
}

const NATIVE: How = How { walker: "native", base: false, settle: false };
const PORTABLE: How = How { walker: "portable", ..NATIVE };

/// Snapshots of one tree in a row, and the mirror that is kept by their differences.
struct Rounds {
    env: TestEnv,
    how: How,
    mirror: Mirror,
    random: Random,
    taken: u64,
    listed: usize,
    incomplete: u64,
}

impl Rounds {
    fn start(env: TestEnv, how: How) -> Self {
        let (tree, old) = (env.path("tree"), env.path("old.snap"));
        let mut rounds =
            Self { env, how, mirror: Mirror::default(), random: Random(7), taken: 0, listed: 0, incomplete: 0 };
        while rounds.snap("old.snap", false) == Some(3) {
            rounds.incomplete += 1;
        }
        rounds.mirror = Mirror::first(&tree, &Snapshot::open(&old).unwrap());
        rounds
    }

    fn snap(&self, output: &str, base: bool) -> Option<i32> {
        let mut args = vec!["snap", "tree", "-o", output, "--quiet", "--walker", self.how.walker];
        args.extend(["--base", "old.snap"].iter().filter(|_| base));
        args.extend(["--settle"].iter().filter(|_| self.how.settle));
        // More threads than processors, so that they get in each other's way.
        args.extend(["--threads", "4"]);
        let run = self.env.run(args);
        assert!(run.code == Some(0) || run.code == Some(3), "{run:?}");
        run.code
    }

    /// A snapshot, the list of what changed, and its way into the mirror.
    fn round(&mut self) {
        self.taken += 1;
        if self.snap("new.snap", self.how.base) == Some(3) {
            self.incomplete += 1;
            if !self.how.base {
                // No baseline, as the README says.
                return;
            }
        }
        let mut args = vec!["diff", "old.snap", "new.snap", "--emit", "name-status", "-z", "--relative"];
        // Either way of telling renames has to do.
        args.extend(["--no-renames"].iter().filter(|_| self.random.below(2) == 0));
        let run = self.env.run(args);
        assert!(run.code == Some(0) || run.code == Some(3), "{run:?}");
        self.listed += self.mirror.apply(&run.bytes, &Snapshot::open(self.env.path("new.snap")).unwrap());
        self.env.rename("new.snap", "old.snap");
    }
}

/// Writers against snapshots; the tree comes to rest every second.
fn mirror_under_fire(how: How, what: &'static str) {
    let mut attack = Attack::on(Promise::NoChangeMissed, what);
    let env = TestEnv::new();
    // What a mapped page holds is written back never on tmpfs, and only then does a store set the time.
    let mapped = !is_on_tmpfs(&env);
    if !mapped {
        skip("mapped files change without a new time on tmpfs (a limit that the README names): left out here");
    }
    env.write("tree/still", "never touched");
    let writers = Writers::start(&env.path("tree"), 2, mapped);
    let mut rounds = Rounds::start(env, how);
    let began = Instant::now();
    // A busy machine needs longer until enough happened.
    let enough = |rounds: &Rounds| writers.changes() > 100 && rounds.taken > 3;
    while began.elapsed() < length(how.settle) || !enough(&rounds) && began.elapsed() < Duration::from_mins(1) {
        let rest = Instant::now() + Duration::from_millis(900);
        while Instant::now() < rest {
            rounds.round();
        }
        writers.while_at_rest(|| {
            rounds.round();
            rounds.round();
            attack.tried(rounds.mirror.compare());
        });
    }
    println!(
        "{} changes, {} rounds ({} incomplete), {} lines listed, {} entries at the end",
        writers.changes(),
        rounds.taken,
        rounds.incomplete,
        rounds.listed,
        rounds.mirror.len()
    );
    assert!(enough(&rounds), "hardly anything happened");
}

/// How long an attack goes on: at length, longer than the window, so that most entries are no suspects.
fn length(settle: bool) -> Duration {
    Duration::from_secs(times(if settle { 4 } else { 2 }, if settle { 30 } else { 50 }).into())
}

fn is_on_tmpfs(env: &TestEnv) -> bool {
    rustix::fs::statfs(env.path("tree")).unwrap().f_type == 0x0102_1994
}

#[test]
fn a_mirror_of_a_busy_tree_misses_nothing() {
    mirror_under_fire(NATIVE, "mirror of a busy tree");
}

#[test]
fn a_mirror_of_a_busy_tree_misses_nothing_with_a_base() {
    mirror_under_fire(How { base: true, ..NATIVE }, "mirror of a busy tree, --base");
}

#[test]
fn a_mirror_of_a_busy_tree_misses_nothing_with_settle() {
    mirror_under_fire(How { settle: true, ..NATIVE }, "mirror of a busy tree, --settle");
}

#[test]
fn a_mirror_of_a_busy_tree_misses_nothing_with_settle_and_a_base() {
    mirror_under_fire(How { settle: true, base: true, ..NATIVE }, "mirror of a busy tree, --settle --base");
}

#[test]
fn a_mirror_of_a_busy_tree_misses_nothing_by_the_portable_walker() {
    mirror_under_fire(PORTABLE, "mirror of a busy tree, portable");
}

#[test]
fn a_mirror_of_a_busy_tree_misses_nothing_by_the_portable_walker_with_a_base() {
    mirror_under_fire(How { base: true, ..PORTABLE }, "mirror of a busy tree, portable --base");
}

#[test]
fn a_mirror_of_a_busy_tree_misses_nothing_by_the_portable_walker_with_settle() {
    mirror_under_fire(How { settle: true, ..PORTABLE }, "mirror of a busy tree, portable --settle");
}

#[test]
fn a_mirror_of_a_busy_tree_misses_nothing_by_the_portable_walker_with_settle_and_a_base() {
    mirror_under_fire(How { settle: true, base: true, ..PORTABLE }, "mirror of a busy tree, portable --settle --base");
}

/// stress-ng(1) below `tree` for so many seconds; nothing without it.
fn stress_ng(env: &TestEnv, seconds: u32) -> Option<std::process::Child> {
    let mut command = Command::new("stress-ng");
    command.current_dir(env.path("")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let stressors = ["dir", "rename", "link", "symlink", "utime", "chmod", "dentry", "hdd", "touch", "filename"];
    for stressor in stressors {
        command.args([format!("--{stressor}"), "1".into()]);
    }
    command.args(["--dentries", "200", "--hdd-bytes", "4m", "--dir-dirs", "64"]);
    command.args(["--quiet", "--no-rand-seed", "--oom-avoid", "--timeout", &format!("{seconds}s"), "--temp-path"]);
    match command.arg(env.path("tree")).spawn() {
        Ok(child) => Some(child),
        Err(e) => {
            skip(&format!("there is no stress-ng(1): {e}"));
            None
        }
    }
}

fn mirror_of_stress_ng(how: How, what: &'static str) {
    let env = TestEnv::new();
    env.write("tree/still", "never touched");
    let Some(mut writers) = stress_ng(&env, times(2, 20)) else { return };
    let mut attack = Attack::on(Promise::NoChangeMissed, what);
    let mut rounds = Rounds::start(env, how);
    while writers.try_wait().unwrap().is_none() {
        rounds.round();
    }
    let output = writers.wait_with_output().unwrap();
    // Which stressors a filesystem can bear differs; some must have run.
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 2 | 3 | 4)), "stress-ng: {} {said}", output.status);
    rounds.round();
    rounds.round();
    attack.tried(rounds.mirror.compare());
    println!("{} rounds ({} incomplete), {} lines listed", rounds.taken, rounds.incomplete, rounds.listed);
    assert!(rounds.listed > 100, "stress-ng hardly changed anything: {said}");
}

#[test]
fn a_mirror_misses_nothing_of_what_stress_ng_does() {
    mirror_of_stress_ng(NATIVE, "stress-ng's filesystem stressors");
}

#[test]
fn a_mirror_misses_nothing_of_what_stress_ng_does_by_the_portable_walker() {
    mirror_of_stress_ng(How { base: true, ..PORTABLE }, "stress-ng's filesystem stressors, portable --base");
}

/// The same within one process, where a sanitizer can look on: both walkers with more threads than processors.
#[test]
fn walks_of_a_busy_tree_in_one_process_agree_with_it_at_rest() {
    let mut attack = Attack::on(Promise::NoChangeMissed, "walks of a busy tree in one process");
    let env = TestEnv::new();
    let writers = Writers::start(&env.path("tree"), 2, false);
    let mut old: Option<(Snapshot, PathBuf)> = None;
    for number in 0..times(12, 200) {
        let walk = |output: &PathBuf, base: Option<&Snapshot>| {
            let mut options = ScanOptions::new([env.path("tree")]);
            options.threads = Some(4);
            options.walker = if number % 2 == 0 { WalkerKind::Native } else { WalkerKind::Portable };
            scan(&options, base, output, &NoMonitor).unwrap();
            Snapshot::open(output).unwrap()
        };
        let output = env.path(format!("{number}.snap"));
        let new = walk(&output, old.as_ref().map(|(snapshot, _)| snapshot));
        if let Some((old, path)) = &old {
            let changes = Diff::new(old, &new, &DiffOptions::default()).unwrap().changes().count();
            attack.check(changes > 0, || "writers changed nothing".into());
            fs::remove_file(path).unwrap();
        }
        if number % 4 == 0 {
            let listed = writers.while_at_rest(|| {
                let rest = walk(&env.path("rest.snap"), None);
                let found: Vec<_> = rest.entries().map(|e| e.unwrap().path).collect();
                (found, crate::testenv::on_disk(&env.path("tree")).into_keys().collect::<Vec<_>>())
            });
            let (mut found, mut there) = listed;
            found.sort();
            there.sort();
            attack.check(found == there, || format!("{} entries of {} were found", found.len(), there.len()));
        }
        old = Some((new, output));
    }
}
