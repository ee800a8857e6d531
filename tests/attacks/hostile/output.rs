//! Where a snapshot is written, somebody else may have been before: symlinks, fifos, guessed temporary names.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use fastdiff::Snapshot;

use super::super::report::{Attack, Promise, times};
use super::while_swapping;
use crate::testenv::{TestEnv, is_root, mode_of, skip};

/// Another user, who is not root and not the one who takes the snapshot.
const OTHER: u32 = 12_345;

/// The start of the names of temporary files for `a.snap`.
fn temporary_prefix(env: &TestEnv) -> String {
    // As seen in a directory while one is written.
    env.dir("probe");
    let mut child = slow_snap(env, "probe/a.snap");
    let found = loop {
        let names = env.names("probe");
        if let Some(name) = names.iter().find(|name| is_temporary(name)) {
            break name.clone();
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended before its temporary file was seen");
    };
    child.kill().unwrap();
    child.wait().unwrap();
    env.remove("probe");
    found[..=found.rfind('-').unwrap()].to_owned()
}

fn is_temporary(name: &str) -> bool {
    name.starts_with(".fastdiff-")
}

/// A snapshot whose writing takes long enough to be watched.
fn slow_snap(env: &TestEnv, output: &str) -> Child {
    if !env.path("tree/00").exists() {
        for dir in 0..40 {
            for file in 0..50 {
                env.write(format!("tree/{dir:02}/{file}"), "");
            }
        }
    }
    env.shell(&format!("umask 0; exec $0 snap tree -o {output} -q --threads 1")).spawn().unwrap()
}

/// Ends a run that takes too long.
fn ends(child: &mut Child, within: Duration) -> Option<i32> {
    let began = Instant::now();
    while began.elapsed() < within {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

#[test]
fn a_snapshot_is_its_owners_alone_from_its_first_byte() {
    let mut attack = Attack::on(Promise::WholeOrAbsent, "somebody else looks while a snapshot is written (umask 0)");
    let env = TestEnv::new();
    env.dir("out");
    let mut seen = 0;
    for _ in 0..times(5, 60) {
        let mut child = slow_snap(&env, "out/a.snap");
        while child.try_wait().unwrap().is_none() {
            for name in env.names("out") {
                // It may have got its name by now.
                if let Ok(found) = env.path("out").join(&name).symlink_metadata() {
                    seen += u64::from(is_temporary(&name));
                    let mode = found.mode() & 0o7777;
                    attack.check(mode == 0o600, || format!("{name} has mode {mode:o}"));
                }
            }
        }
        attack.check(mode_of(&env.path("out/a.snap")) == 0o600, || "the snapshot is open to others".into());
        env.remove("out/a.snap");
    }
    assert!(seen > 0, "no temporary file was seen");
}

#[test]
fn what_others_planted_where_a_snapshot_is_to_be_is_not_followed() {
    if !is_root() {
        return skip("only root can plant what belongs to another user");
    }
    let mut attack = Attack::on(Promise::WholeOrAbsent, "planted symlinks, fifos and guessed temporary names");
    let env = TestEnv::new();
    let prefix = temporary_prefix(&env);
    let victim = env.write("victim", "dear");
    for number in 0..times(3, 40) {
        for way in 0..7 {
            let place = env.dir("sticky");
            env.chmod("sticky", 0o1777);
            let planted = place.join("a.snap");
            let guessed = place.join(format!("{prefix}{number:08}.tmp"));
            match way {
                0 => symlink(&victim, &planted).unwrap(),
                1 => symlink(place.join("nowhere"), &planted).unwrap(),
                2 => drop(env.fifo("sticky/a.snap")),
                3 => symlink(&victim, &guessed).unwrap(),
                4 => drop(env.fifo(guessed.strip_prefix(env.path("")).unwrap())),
                5 => fs::create_dir(&guessed).unwrap(),
                _ => fs::write(&guessed, "of another").unwrap(),
            }
            for path in [&planted, &guessed] {
                if path.symlink_metadata().is_ok() {
                    std::os::unix::fs::lchown(path, Some(OTHER), Some(OTHER)).unwrap();
                }
            }
            let mut child = env.command_as_nobody();
            let mut child = child.args(["snap", "tree", "-o", "sticky/a.snap", "-q"]).spawn().unwrap();
            let code = ends(&mut child, Duration::from_secs(20));
            let expected = if way < 3 { Some(2) } else { Some(0) };
            attack.check(code == expected, || format!("way {way}: exit code {code:?}"));
            attack.check(env.read("victim") == b"dear", || format!("way {way}: the file behind the symlink changed"));
            attack.check(!place.join("nowhere").exists(), || format!("way {way}: written through a symlink"));
            if way >= 3 {
                attack.check(Snapshot::open(&planted).is_ok(), || format!("way {way}: no snapshot"));
            }
            env.remove("sticky");
        }
    }
}

#[test]
fn temporary_names_that_turn_into_fifos_and_symlinks_neither_stop_nor_lead_a_run() {
    let mut attack = Attack::on(Promise::WholeOrAbsent, "a guessed temporary name turns into a fifo and a symlink");
    let env = TestEnv::new();
    let prefix = temporary_prefix(&env);
    env.dir("out");
    let victim = env.write("victim", "dear");
    let stale = |n: u32| env.path(format!("out/{prefix}{n:08}.tmp"));
    let pairs: Vec<_> = (0..8).map(|n| (stale(n), env.path(format!("out/other-{n}")))).collect();
    let deadline = Instant::now() + Duration::from_secs(times(4, 40).into());
    for _ in 0..times(30, 600) {
        if Instant::now() > deadline {
            break;
        }
        for (number, (stale, other)) in pairs.iter().enumerate() {
            let _ = fs::remove_file(stale);
            let _ = fs::remove_file(other);
            File::create(stale).unwrap();
            let other_name = other.strip_prefix(env.path("")).unwrap();
            if number % 2 == 0 {
                env.fifo(other_name);
            } else {
                symlink(&victim, other).unwrap();
            }
        }
        // Until its own clean-up removes one of a pair.
        let flip = |stop: &std::sync::atomic::AtomicBool| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for (a, b) in &pairs {
                    let _ = rustix::fs::renameat_with(
                        rustix::fs::CWD,
                        a,
                        rustix::fs::CWD,
                        b,
                        rustix::fs::RenameFlags::EXCHANGE,
                    );
                }
            }
        };
        let stop = std::sync::atomic::AtomicBool::new(false);
        let code = std::thread::scope(|scope| {
            scope.spawn(|| flip(&stop));
            let mut child = env.command().args(["snap", "tree", "-o", "out/a.snap", "-q"]).spawn().unwrap();
            let code = ends(&mut child, Duration::from_secs(10));
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            code
        });
        attack.check(code == Some(0), || format!("exit code {code:?} (none: it waited for ever)"));
        attack.check(env.read("victim") == b"dear", || "the file behind the symlink changed".into());
    }
}

#[test]
fn an_output_that_becomes_a_symlink_during_the_run_is_replaced_and_not_followed() {
    let mut attack = Attack::on(Promise::WholeOrAbsent, "the output becomes a symlink during the run");
    let env = TestEnv::new();
    let victim = env.write("victim", "dear");
    env.snap("first.snap");
    for _ in 0..times(20, 300) {
        for name in ["out", "other"] {
            let _ = fs::remove_file(env.path(name));
        }
        fs::copy(env.path("first.snap"), env.path("out")).unwrap();
        symlink(&victim, env.path("other")).unwrap();
        let pair = [(env.path("out"), env.path("other"))];
        let (run, _) = while_swapping(&pair, || env.run(["snap", "tree", "-o", "out", "-q"]));
        attack.check(matches!(run.code, Some(0 | 2)), || format!("{run:?}"));
        attack.check(env.read("victim") == b"dear", || "the file behind the symlink changed".into());
    }
}

#[test]
fn the_directory_of_another_user_is_an_error_and_nothing_else() {
    if !is_root() {
        return skip("only root can make a directory for another user");
    }
    let mut attack = Attack::on(Promise::WholeOrAbsent, "-o into the directory of another user");
    let env = TestEnv::new();
    for mode in [0o755, 0o700, 0o1755, 0o000] {
        let dir = env.dir("theirs");
        chown(&dir, Some(OTHER), Some(OTHER)).unwrap();
        env.chmod("theirs", mode);
        let run = env.run_as_nobody(&["snap", "tree", "-o", "theirs/a.snap"]);
        attack.check(run.code == Some(2), || format!("{mode:o}: {run:?}"));
        attack.check(env.names("theirs").is_empty(), || format!("{mode:o}: something was left"));
        env.remove("theirs");
    }
}

#[test]
fn whoever_reads_while_several_write_finds_a_whole_snapshot() {
    let mut attack = Attack::on(Promise::WholeOrAbsent, "several runs for one output, and readers meanwhile");
    let env = TestEnv::new();
    for file in 0..500 {
        env.write(format!("tree/{}/{file}", file % 7), "");
    }
    env.snap("a.snap");
    let verified = |path: &Path| Snapshot::open(path).and_then(|s| s.verify()).map(|v| v.entries);
    for _ in 0..times(4, 80) {
        let mut command = env.command();
        command.args(["snap", "tree", "-o", "a.snap", "-q"]);
        let mut children: Vec<_> = (0..3).map(|_| command.spawn().unwrap()).collect();
        while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
            let found = verified(&env.path("a.snap"));
            attack.check(matches!(found, Ok(508)), || format!("{found:?}"));
        }
        let codes: Vec<_> = children.iter_mut().map(|child| child.wait().unwrap().code()).collect();
        attack.check(codes.iter().all(|code| *code == Some(0)), || format!("{codes:?}"));
        attack.check(env.names("") == ["a.snap", "tree"], || format!("{:?}", env.names("")));
    }
}
