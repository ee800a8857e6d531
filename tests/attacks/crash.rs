//! Promise 9: killed, cut from power, out of room, on a file system that turns read-only: the old file is whole,
//! the new one whole or absent, and what a dead run left is gone after the next one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fastdiff::{Entry, Snapshot};

use super::draw::Random;
use super::report::{Attack, Promise, at_length_asked, times};
use crate::testenv::{TestEnv, on_disk, shown, skip, tree_of_many_files};

const TEMPORARY: &str = ".fastdiff-";

/// The files in the output directory that a run left in the making.
fn strays(env: &TestEnv) -> usize {
    env.names("out").iter().filter(|name| name.starts_with(TEMPORARY)).count()
}

/// How long a run takes that nobody interrupts: the longest of some.
fn uninterrupted(mut command: impl FnMut() -> Command) -> Duration {
    let times = (0..5).map(|_| {
        let began = Instant::now();
        assert!(command().output().unwrap().status.success());
        began.elapsed()
    });
    times.max().unwrap()
}

/// Starts a run and kills it after a part of the time that it would take, or a little later than that. Whether it
/// had ended well before.
fn killed(mut command: Command, takes: Duration, random: &mut Random) -> bool {
    let after = takes.mul_f64(f64::from(u32::try_from(random.below(1100)).unwrap()) / 1000.0);
    let began = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while began.elapsed() < after {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap().success()
}

/// Kills runs that write `out/FILE`, which is absent at first or holds something. `is_whole` says what is right to be
/// there.
fn kill_at_random(
    attack: &mut Attack,
    env: &TestEnv,
    (file, old): (&str, Option<&[u8]>),
    command: impl Fn() -> Command,
    is_whole: impl Fn(&Path) -> bool,
) {
    let path = env.path("out").join(file);
    let takes = uninterrupted(&command);
    let mut random = Random(takes.as_nanos() as u64);
    let (mut left_behind, mut untouched, mut replaced) = (0, 0, 0);
    for number in 0..times(25, 150) {
        match old {
            Some(old) => fs::write(&path, old).unwrap(),
            None if path.exists() => fs::remove_file(&path).unwrap(),
            None => {}
        }
        let before = old.map(<[u8]>::to_vec);
        let done = killed(command(), takes, &mut random);
        let after = fs::read(&path).ok();
        let as_before = after == before;
        *if as_before { &mut untouched } else { &mut replaced } += 1;
        let held = if as_before { !done } else { is_whole(&path) };
        attack.check(held, || format!("kill {number}: {} is neither old nor new (done: {done})", path.display()));
        left_behind += strays(env);
        // The next run, for the same file: every other time, so that leftovers of several are met too.
        if number % 2 == 0 {
            assert!(command().output().unwrap().status.success());
            attack.check(is_whole(&path) && strays(env) == 0, || format!("kill {number}: stray files stay"));
        }
    }
    if at_length_asked() {
        assert!(
            left_behind > 5 && untouched > 5 && replaced > 0,
            "kills at all times: {left_behind} {untouched} {replaced}"
        );
    }
}

/// The entries of a snapshot that is whole.
fn entries(path: &Path) -> Option<Vec<Entry>> {
    let snapshot = Snapshot::open(path).ok()?;
    snapshot.verify().ok()?;
    snapshot.entries().collect::<Result<_, _>>().ok()
}

/// A tree that takes a few times as long as a start to scan, and its snapshots from before and now.
fn environment() -> TestEnv {
    let env = TestEnv::new();
    env.write("tree/early", "");
    env.dir("out");
    env.snap("before.snap");
    tree_of_many_files(&env, 1200);
    env.snap("now.snap");
    assert!(shown(&env, "now.snap") == on_disk(&env.path("tree")));
    env
}

#[test]
fn a_killed_snap_leaves_the_old_snapshot_or_none_or_the_new_one() {
    let env = environment();
    let expected = entries(&env.path("now.snap"));
    let old = env.read("before.snap");
    let is_new = |path: &Path| entries(path) == expected;
    let mut attack = Attack::on(Promise::WholeOrAbsent, "kill -9 of snap, for a new file and over an old one");
    for (walker, old) in [("native", None), ("native", Some(&old[..])), ("portable", Some(&old[..]))] {
        let command = || {
            let mut command = env.command();
            command.args(["snap", "tree", "-o", "out/a.snap", "-q", "--racy-window=0", "--walker", walker]);
            command
        };
        kill_at_random(&mut attack, &env, ("a.snap", old), command, is_new);
    }
}

#[test]
fn a_killed_diff_leaves_the_old_list_or_none_or_the_new_one() {
    let env = environment();
    let args = ["diff", "before.snap", "now.snap", "--emit", "json"];
    let whole = env.run(args).bytes;
    let mut attack = Attack::on(Promise::WholeOrAbsent, "kill -9 of diff -o, for a new file and over an old one");
    for old in [None, Some(&b"an old list"[..])] {
        let command = || {
            let mut command = env.command();
            command.args(args).args(["-o", "out/list"]);
            command
        };
        kill_at_random(&mut attack, &env, ("list", old), command, |path| fs::read(path).unwrap() == whole);
    }
}

#[test]
fn runs_that_live_lose_nothing_to_those_that_clean_up() {
    let env = environment();
    let expected = entries(&env.path("now.snap"));
    let mut attack = Attack::on(Promise::WholeOrAbsent, "several runs for one file, some of them killed");
    let mut random = Random(1);
    let command = || {
        let mut command = env.command();
        command.args(["snap", "tree", "-o", "out/a.snap", "-q", "--racy-window=0"]);
        command
    };
    let takes = uninterrupted(command);
    for number in 0..times(6, 80) {
        let living: Vec<_> = (0..3).map(|_| command().stderr(Stdio::piped()).spawn().unwrap()).collect();
        for _ in 0..2 {
            killed(command(), takes, &mut random);
        }
        for child in living {
            let output = child.wait_with_output().unwrap();
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            attack.check(output.status.success(), || format!("{number}: a run lost its file to another: {error}"));
        }
        attack.check(entries(&env.path("out/a.snap")) == expected, || format!("{number}: not the tree"));
        assert!(command().output().unwrap().status.success());
        attack.check(strays(&env) == 0, || format!("{number}: stray files stay"));
    }
}

/// What a script does to a file system in the middle of a run.
struct Fault {
    what: &'static str,
    kind: &'static str,
    make: &'static str,
    /// Done to the mount point `m` while a run writes there.
    cut: &'static str,
    /// Done to the unmounted image.
    repair: &'static str,
}

const EXT4: &str = "mkfs.ext4 -q -F";
const XFS: &str = "mkfs.xfs -q -f";
const FAULTS: [Fault; 3] = [
    Fault { what: "power cut", kind: "ext4", make: EXT4, cut: "xfs_io -x -c shutdown m", repair: "true" },
    Fault { what: "power cut", kind: "xfs", make: XFS, cut: "xfs_io -x -c shutdown m", repair: "true" },
    // The journal gives up, and what is being written can go no further.
    Fault {
        what: "read-only in the middle",
        kind: "ext4",
        make: EXT4,
        cut: "mount -o remount,abort m",
        repair: "e2fsck -fy img >/dev/null 2>&1 || true",
    },
];

/// Takes snapshots onto a file system that fails at some moment, mounts it again and prints a line a time: what the
/// run said of itself (its code), and what is there: old, new, none, or BROKEN.
fn with_fault(env: &TestEnv, fault: &Fault, delays: &str) -> Option<Vec<String>> {
    let Fault { kind, make, cut, repair, .. } = fault;
    let script = format!(
        r#"
        mkdir -p m; rm -f img; truncate -s 320M img
        {make} img
        mount -o loop img m
        verdict() {{
            if [ ! -e "$1" ]; then echo none; elif cmp -s before.snap "$1"; then echo old
            elif $FASTDIFF verify -q "$1" 2>error; then echo new; else echo "BROKEN $(cat error)"; fi
        }}
        for delay in {delays}; do
            for old in yes no; do
                rm -f m/a.snap m/.fastdiff*; [ $old = no ] || cp before.snap m/a.snap
                sync -f m
                $FASTDIFF snap tree -o m/a.snap -q --racy-window=0 2>error & run=$!
                if [ $delay = done ]; then wait $run && code=0 || code=$?; {cut}
                else sleep $delay; {cut}; wait $run && code=0 || code=$?; fi
                lines=$(grep -c . error || true); clear=$(grep -c '^fastdiff: error: ' error || true)
                umount m; {repair}
                mount -o loop img m
                echo "$old $code $lines $clear $(verdict m/a.snap)"
                $FASTDIFF snap tree -o m/a.snap -q --racy-window=0
                if [ -n "$(ls -A m | grep fastdiff- || true)" ]; then echo "yes 0 0 0 BROKEN strays stay"; fi
            done
        done
        umount m
        echo end of {kind}"#
    );
    let run = env.with_mounts(&script)?;
    let lines: Vec<_> = run.stdout.lines().map(str::to_owned).collect();
    assert!(lines.last().is_some_and(|line| line.starts_with("end of")), "{}{}", run.stdout, run.stderr);
    Some(lines[..lines.len() - 1].to_vec())
}

/// Whether a line of [`with_fault`] keeps the promise.
fn judged(line: &str) -> Result<(), String> {
    let words: Vec<_> = line.splitn(5, ' ').collect();
    let [had_old, code, lines, clear, verdict] = words[..] else { return Err(format!("no verdict: {line}")) };
    let right = match (code, verdict) {
        // What was said to be done is there after the power came back.
        ("0", verdict) => verdict == "new",
        ("2", "old") => had_old == "yes" && lines == "1" && clear == "1",
        ("2", "none") => had_old == "no" && lines == "1" && clear == "1",
        // Failed after the rename, when the directory could not be synced: the new one is whole.
        ("2", "new") => lines == "1" && clear == "1",
        _ => false,
    };
    if right { Ok(()) } else { Err(format!("old one there, code, lines, clear, now: {line}")) }
}

#[test]
fn a_file_system_that_fails_in_the_middle_keeps_the_old_snapshot_or_the_new_one() {
    let env = environment();
    for program in ["xfs_io", "mkfs.xfs", "mkfs.ext4"] {
        let found = ["/usr/sbin", "/sbin", "/usr/bin"].iter().any(|dir| Path::new(dir).join(program).exists());
        if !found {
            return skip(&format!("there is no {program}"));
        }
    }
    let takes = uninterrupted(|| {
        let mut command = env.command();
        command.args(["snap", "tree", "-o", "out/a.snap", "-q"]);
        command
    });
    for fault in FAULTS {
        let mut attack = Attack::on(Promise::WholeOrAbsent, fault.what);
        let mut random = Random(3);
        let mut delays = vec!["done".to_owned()];
        delays.extend((0..times(2, 25)).map(|_| {
            let part = f64::from(u32::try_from(random.below(1300)).unwrap()) / 1000.0;
            format!("{:.4}", takes.mul_f64(part).as_secs_f64())
        }));
        let Some(lines) = with_fault(&env, &fault, &delays.join(" ")) else { return attack.skipped() };
        for line in lines {
            attack.tried(judged(&line).map_err(|e| format!("{}: {e}", fault.kind)));
        }
    }
}

/// Shut down while a run waits before or after each of its syncs: held up there by strace(1), whatever the luck.
#[test]
fn a_shutdown_around_a_sync_is_told_or_the_new_snapshot_is_there() {
    let env = environment();
    let mut attack = Attack::on(Promise::WholeOrAbsent, "power cut before and after each sync");
    let script = r#"
        strace -o /dev/null true && xfs_io -V >/dev/null || { echo "nothing to do it with"; exit; }
        mkdir m
        for kind in "ext4 -q -F" "xfs -q -f"; do
            rm -f img; truncate -s 320M img; mkfs.$kind img; mount -o loop img m
            for number in 1 2; do for side in enter exit; do
                cp before.snap m/a.snap; sync -f m
                rm -f trace
                strace -f -qq -o trace -e trace=fsync -e inject=fsync:delay_$side=500000:when=$number \
                    $FASTDIFF snap tree -o m/a.snap -q --racy-window=0 2>error & run=$!
                until [ "$(grep -c fsync trace 2>/dev/null)" = $number ]; do sleep 0.01; done
                sleep 0.1; xfs_io -x -c shutdown m; wait $run && code=0 || code=$?
                lines=$(grep -c . error || true); clear=$(grep -c '^fastdiff: error: ' error || true)
                umount m; mount -o loop img m
                if cmp -s before.snap m/a.snap; then now=old
                elif $FASTDIFF verify -q m/a.snap 2>error; then now=new; else now="BROKEN $(cat error)"; fi
                echo "yes $code $lines $clear $now"
            done; done
            umount m
        done"#;
    let Some(run) = env.with_mounts(script) else { return attack.skipped() };
    let lines: Vec<_> = run.stdout.lines().collect();
    if lines.first() == Some(&"nothing to do it with") {
        skip("there is no strace or no xfs_io");
        return attack.skipped();
    }
    assert_eq!(lines.len(), 8, "{}{}", run.stdout, run.stderr);
    assert!(lines.iter().filter(|line| line.starts_with("yes 2")).count() >= 6, "{lines:?}");
    for line in lines {
        attack.tried(judged(line));
    }
}

#[test]
fn a_full_disk_keeps_the_old_snapshot_and_no_stray_file() {
    let env = environment();
    let step = if at_length_asked() { 4 } else { 40 };
    let mut attack = Attack::on(Promise::WholeOrAbsent, "a full disk: data and inodes");
    // Each time so many kilobytes are free; at last no inode is.
    let script = format!(
        r#"
        mkdir m; truncate -s 8M img; mkfs.ext4 -q -F -N 32 img 2>/dev/null; mount -o loop img m
        size=$(stat -c %s now.snap)
        try() {{
            "$@" 2>error && code=0 || code=$?
            lines=$(grep -c . error || true); clear=$(grep -c '^fastdiff: error: .*No space left' error || true)
            if cmp -s before.snap m/a.snap; then now=old
            elif $FASTDIFF verify -q m/a.snap 2>error; then now=new; else now="BROKEN $(cat error)"; fi
            if [ "$(cat m/list)" != list ] && [ $(wc -l <m/list) != $changes ]; then now="BROKEN list"; fi
            [ -z "$(ls -A m | grep fastdiff- || true)" ] || now="BROKEN strays"
            if [ $code = 0 ]; then lines=0; clear=0; now=new; fi
            echo "yes $code $lines $clear $now"
        }}
        changes=$($FASTDIFF diff before.snap now.snap --emit name-status | wc -l)
        for free in $(seq 0 {step} $((size / 1024 + 40))); do
            for command in snap diff; do
                rm -f m/filler; cp before.snap m/a.snap; echo list >m/list; sync -f m
                fallocate -l "${{free}}K" m/hole 2>/dev/null || touch m/hole
                cat /dev/zero >m/filler 2>/dev/null || true
                rm m/hole
                if [ $command = snap ]; then try $FASTDIFF snap tree -o m/a.snap -q --racy-window=0
                else try $FASTDIFF diff before.snap now.snap --emit name-status -o m/list; fi
            done
        done
        rm -f m/filler; cp before.snap m/a.snap; echo list >m/list
        while touch m/inode.$((n = n + 1)) 2>/dev/null; do :; done
        try $FASTDIFF snap tree -o m/a.snap -q
        try $FASTDIFF diff before.snap now.snap --emit name-status -o m/list
        umount m; echo end"#
    );
    let Some(run) = env.with_mounts(&script) else { return attack.skipped() };
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(lines.last(), Some(&"end"), "{}{}", run.stdout, run.stderr);
    let tried = &lines[..lines.len() - 1];
    assert!(tried.iter().any(|l| l.starts_with("yes 0")) && tried.iter().any(|l| l.starts_with("yes 2")), "{tried:?}");
    for line in tried {
        attack.tried(judged(line));
    }
}
