//! Promise 9: short of descriptors, memory or room in a file, or in an environment that lacks what is usual, a run
//! does what it is asked or says in one line why not; what it would have replaced stays, and nothing else does.

use std::fs;
use std::process::Stdio;

use super::report::{Attack, Promise, at_length_asked};
use crate::testenv::{Run, TestEnv, names_in, on_disk, shown, skip, tree_of_many_files};

const TEMPORARY: &str = ".fastdiff-";

/// An environment with a tree, the snapshot `out/old.snap` of it without its content, and a list to be replaced.
fn environment(make: impl Fn(&TestEnv)) -> TestEnv {
    let env = TestEnv::new();
    env.dir("out");
    env.snap("out/old.snap");
    make(&env);
    env.write("out/list", "old list");
    env.snap("out/whole.snap");
    fs::copy(env.path("out/old.snap"), env.path("out/a.snap")).unwrap();
    env
}

const COMMANDS: [&[&str]; 4] = [
    &["snap", "tree", "-o", "out/a.snap", "-q", "--racy-window=0", "--threads", "2"],
    &["snap", "tree", "-o", "out/a.snap", "-q", "--racy-window=0", "--threads", "2", "--walker", "portable"],
    &["diff", "out/old.snap", "out/whole.snap", "--emit", "json", "-o", "out/list"],
    &["verify", "-q", "out/whole.snap"],
];

/// Whether a run that failed said so in one line of its own.
fn one_line(run: &Run) -> Result<(), String> {
    let clear = run.stderr.starts_with("fastdiff: error: ") && run.stderr.lines().count() == 1;
    if run.code == Some(2) && clear && run.stdout.is_empty() {
        Ok(())
    } else {
        Err(format!("exit code {:?}, signal {:?}: {}", run.code, run.signal, run.stderr))
    }
}

/// Whether what a run left is right: what it names new and whole if it went well, old if it failed. Then the
/// same without whatever stood in its way: no stray file stays.
fn afterwards(env: &TestEnv, run: &Run, args: &[&str]) -> Result<(), String> {
    let (old_snapshot, old_list) = (env.read("out/old.snap"), b"old list");
    match run.code {
        Some(0) if args[0] == "snap" => {
            if shown(env, "out/a.snap") != on_disk(&env.path("tree")) {
                return Err("the new snapshot is not the tree".into());
            }
        }
        Some(0) if args[0] == "diff" => {
            let whole = env.run(&args[..args.len() - 2]).bytes;
            if env.read("out/list") != whole {
                return Err("the new list is not whole".into());
            }
        }
        Some(0) => {}
        // Incomplete: what could not be read is unknown, and nothing is removed.
        Some(3) => {
            let diff = env.run(["diff", "out/whole.snap", "out/a.snap", "--emit", "name-status"]);
            if diff.code != Some(3) || diff.stdout.lines().any(|line| line.starts_with('D')) {
                return Err(format!("unread became removed: {}", diff.stdout));
            }
        }
        _ => {
            one_line(run)?;
            if env.read("out/a.snap") != old_snapshot || env.read("out/list") != old_list {
                return Err("what was to be replaced was touched".into());
            }
        }
    }
    env.run(args).success();
    let stray: Vec<_> = env.names("out").into_iter().filter(|name| name.starts_with(TEMPORARY)).collect();
    env.write("out/a.snap", old_snapshot);
    env.write("out/list", old_list);
    if stray.is_empty() { Ok(()) } else { Err(format!("stray files after the next run: {stray:?}")) }
}

/// Runs a command after a line of shell script.
fn under(env: &TestEnv, limit: &str, args: &[&str]) -> Run {
    env.finish(env.shell(&format!("{limit}; exec timeout -k 1 100 $0 \"$@\"")).args(args))
}

/// Whether the system could not even load the program.
fn was_not_loaded(run: &Run) -> bool {
    let killed = run.code == Some(139) || run.signal.is_some();
    run.code == Some(127) || killed && run.stderr.is_empty()
}

/// The least address space, in kilobytes, in which the system can load the program at all.
fn least_to_load(env: &TestEnv) -> usize {
    let loads = |kilobytes: &usize| under(env, &format!("ulimit -v {kilobytes}"), &["--version"]).code == Some(0);
    (8_000..100_000).step_by(500).find(loads).expect("100 MB are enough")
}

/// Whether the standard library or the C library could not prepare a thread that was started, and said so its own way.
fn had_no_thread(run: &Run) -> bool {
    let words = ["failed to allocate an alternative stack", "Fatal glibc error: failed to register TLS destructor"];
    run.code != Some(0) && words.iter().any(|words| run.stderr.contains(words))
}

/// What a run leaves that was aborted is removed by the next one for the same destination.
fn clean_up(env: &TestEnv, args: &[&str]) {
    let (snapshot, list) = (env.read("out/a.snap"), env.read("out/list"));
    env.run(args).success();
    env.write("out/a.snap", snapshot);
    env.write("out/list", list);
}

#[test]
fn few_descriptors_are_enough_or_an_error() {
    let env = environment(|env| {
        env.write(format!("tree/{}", ["d"; 80].join("/")) + "/file", "");
        (0..60).for_each(|number| drop(env.write(format!("tree/wide {number}/{number}"), "")));
    });
    let mut attack = Attack::on(Promise::WholeOrAbsent, "few descriptors");
    for limit in [3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 24, 32, 64, 128] {
        for args in COMMANDS {
            let run = under(&env, &format!("ulimit -n {limit}"), args);
            // Below that the system cannot even load the program.
            if was_not_loaded(&run) && limit < 6 {
                continue;
            }
            let outcome = afterwards(&env, &run, args);
            attack.tried(outcome.map_err(|e| format!("{limit} descriptors, {args:?}: {e}")));
        }
    }
}

#[test]
fn little_memory_is_enough_or_an_error() {
    let env = environment(|env| tree_of_many_files(env, 4000));
    let mut attack = Attack::on(Promise::WholeOrAbsent, "little address space");
    let step = if at_length_asked() { 500 } else { 4000 };
    let mut ran = 0;
    let least = least_to_load(&env);
    for kilobytes in (least - 4_000..least + 26_000).step_by(step) {
        for args in COMMANDS {
            let run = under(&env, &format!("ulimit -v {kilobytes}"), args);
            if was_not_loaded(&run) && kilobytes <= least || had_no_thread(&run) {
                clean_up(&env, args);
                continue;
            }
            ran += 1;
            let outcome = afterwards(&env, &run, args);
            attack.tried(outcome.map_err(|e| format!("{kilobytes} kB, {args:?}: {e}")));
        }
    }
    assert!(ran > 20, "only {ran} runs got as far as to start");
}

#[test]
fn a_big_diff_without_threads_is_an_answer_or_an_error() {
    let env = environment(|env| (0..4200).for_each(|number| drop(env.dir(format!("tree/{number}")))));
    let mut attack = Attack::on(Promise::WholeOrAbsent, "no threads for a big diff");
    let least = least_to_load(&env);
    for kilobytes in (least..least + 12_000).step_by(500) {
        let run = under(&env, &format!("ulimit -v {kilobytes}"), COMMANDS[2]);
        if was_not_loaded(&run) || had_no_thread(&run) {
            clean_up(&env, COMMANDS[2]);
        } else {
            attack.tried(afterwards(&env, &run, COMMANDS[2]).map_err(|e| format!("{kilobytes} kB: {e}")));
        }
    }
}

#[test]
fn a_limit_on_the_size_of_files_leaves_the_old_file() {
    let env = environment(|env| tree_of_many_files(env, 2000));
    let mut attack = Attack::on(Promise::WholeOrAbsent, "a limit on the size of files");
    let step = if at_length_asked() { 16 } else { 200 };
    for blocks in (0..1600).step_by(step) {
        for args in &COMMANDS[..3] {
            let run = under(&env, &format!("ulimit -f {blocks}"), args);
            attack.tried(afterwards(&env, &run, args).map_err(|e| format!("{blocks} blocks, {args:?}: {e}")));
        }
    }
}

#[test]
fn a_bare_environment_does_no_harm() {
    let env = environment(|env| tree_of_many_files(env, 300));
    let mut attack = Attack::on(Promise::WholeOrAbsent, "no home, no /tmp, closed standard streams");
    let closed = ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"];
    let environments = ["true", "TMPDIR=/nonexistent; export TMPDIR", "HOME=/nonexistent; export HOME", "unset PATH"];
    for streams in closed.into_iter().chain([""]) {
        for environment in environments {
            for args in COMMANDS {
                let script = format!("{environment}; exec $0 \"$@\" {streams}");
                let run = env.finish(env.shell(&script).args(args));
                // Whatever is closed: nothing is written into the file that gets its number.
                let outcome = if run.code == Some(0) { afterwards(&env, &run, args) } else { one_line(&run) };
                attack.tried(outcome.map_err(|e| format!("{environment} {streams} {args:?}: {e}")));
            }
        }
    }
    // All of it on another file system, so that /tmp can be taken away.
    let script = "mount -t tmpfs none /mnt; cp -a tree out /mnt; cd /mnt; mount -t tmpfs -o ro none /tmp
        [ -x $FASTDIFF ] || exit 77
        $FASTDIFF snap tree -o out/a.snap -q; $FASTDIFF verify -q out/a.snap
        $FASTDIFF diff out/a.snap out/a.snap -o out/list; cat out/list; ls -A out";
    let Some(run) = env.with_mounts(script) else { return };
    if run.code == Some(77) {
        return skip("the program itself lies below /tmp");
    }
    let whole = run.code == Some(0) && run.stdout == "no changes\na.snap\nlist\nold.snap\nwhole.snap\n";
    attack.check(whole, || format!("read-only /tmp: {run:?}"));
}

#[test]
fn an_output_directory_that_vanishes_is_an_error() {
    let env = environment(|env| tree_of_many_files(env, 1500));
    let mut attack = Attack::on(Promise::WholeOrAbsent, "the output's directory renamed, replaced, removed");
    let old = env.read("out/old.snap");
    for number in 0..if at_length_asked() { 60 } else { 9 } {
        env.dir("away");
        env.write("away/a.snap", &old);
        let mut command = env.command();
        command.args(["snap", "tree", "-o", "away/a.snap", "-q", "--threads", "1"]);
        command.stderr(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let away = env.path("away");
        while child.try_wait().unwrap().is_none() && !names_in(&away).iter().any(|n| n.starts_with(TEMPORARY)) {
            std::thread::yield_now();
        }
        match number % 3 {
            0 => env.rename("away", "elsewhere"),
            1 => {
                env.rename("away", "elsewhere");
                env.dir("away");
                env.write("away/a.snap", &old);
            }
            // The run may write between the listing of the directory and its removal.
            _ => while fs::remove_dir_all(&away).is_err_and(|e| e.kind() != std::io::ErrorKind::NotFound) {},
        }
        let run = Run::new(child.wait_with_output().unwrap(), &env.path(""));
        let outcome = if run.code == Some(0) { Ok(()) } else { one_line(&run) };
        attack.tried(outcome.map_err(|e| format!("{number}: {e}")));
        for place in ["away", "elsewhere"] {
            if env.path(place).join("a.snap").exists() {
                let verified = fastdiff::Snapshot::open(env.path(place).join("a.snap")).and_then(|s| s.verify());
                attack.check(verified.is_ok(), || format!("{number}: {place}/a.snap is not whole: {verified:?}"));
            }
            if env.path(place).exists() {
                env.remove(place);
            }
        }
    }
}
