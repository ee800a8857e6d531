//! The state directory: private, locked, full, read-only, on a file system without locks; and clocks that are set back.

mod owners;
mod planted;

use std::fs;
use std::process::Stdio;

use super::Jobs;
use crate::testenv::mode_of;

#[test]
fn the_state_is_its_owners_alone() {
    let jobs = Jobs::new();
    jobs.settle();
    jobs.begin(&[]);
    for dir in ["state", "state/jobs", "state/jobs/j"] {
        assert_eq!(mode_of(&jobs.env.path(dir)), 0o700, "{dir}");
    }
    for file in ["state.json", "lock", "log.jsonl", "1.snap", "2.snap"] {
        assert_eq!(mode_of(&jobs.state(file)), 0o600, "{file}");
    }
}

#[test]
fn the_state_is_found_by_flag_variable_and_home() {
    let jobs = Jobs::new();
    let env = &jobs.env;
    let toml = env.read("fastdiff.toml");
    env.write("home/.config/fastdiff/fastdiff.toml", &toml);
    env.write("xdg/fastdiff/fastdiff.toml", &toml);
    let begin = |vars: &[(&str, &str)], more: &[&str]| {
        let mut command = env.command();
        command.args(["begin", "j", "-q"]).args(more).env("HOME", env.path("home"));
        for (name, value) in vars {
            command.env(name, value);
        }
        env.finish(&mut command)
    };
    let at = |name: &str| env.path(name).to_str().unwrap().to_owned();
    assert_eq!(begin(&[], &[]).code, Some(0));
    assert!(env.path("home/.local/state/fastdiff/jobs/j").exists());
    assert_eq!(begin(&[("XDG_STATE_HOME", &at("xdgs")), ("XDG_CONFIG_HOME", &at("xdg"))], &[]).code, Some(0));
    assert!(env.path("xdgs/fastdiff/jobs/j").exists());
    assert_eq!(begin(&[("FASTDIFF_STATE_DIR", &at("var")), ("XDG_STATE_HOME", &at("no"))], &[]).code, Some(0));
    assert!(env.path("var/jobs/j").exists() && !env.path("no").exists());
    assert_eq!(begin(&[("FASTDIFF_STATE_DIR", &at("no"))], &["--state-dir", "flag"]).code, Some(0));
    assert!(env.path("flag/jobs/j").exists() && !env.path("no").exists());
    assert_eq!(begin(&[("XDG_STATE_HOME", "relative")], &[]).code, Some(0), "to be ignored, says its specification");
    assert!(!env.path("relative").exists());
}

#[test]
fn two_runs_of_one_job_do_not_go_at_once_and_of_two_jobs_they_do() {
    let jobs = Jobs::new();
    let root = jobs.env.path("tree");
    jobs.env.write("fastdiff.toml", format!("[jobs.j]\nroots = [{root:?}]\n[jobs.k]\nroots = [{root:?}]\n"));
    let script = ">started; while [ -e started ] && ! [ -e stop ]; do :; done";
    let mut child = jobs.command(["run", "j", "-q", "--", "sh", "-c", script]).stderr(Stdio::null()).spawn().unwrap();
    while !jobs.env.path("started").exists() {
        std::thread::yield_now();
    }
    for args in [&["begin", "j"][..], &["commit", "j"], &["abort", "j"], &["job", "remove", "j"]] {
        let line = jobs.run(args).failure(2);
        assert_eq!(line, "fastdiff: error: job j: another run is in progress; wait until that has ended");
    }
    jobs.run(["run", "j", "--", "true"]).failure(125);
    assert_eq!(jobs.run(["run", "k", "-q", "--", "true"]).code, Some(0));
    fs::write(jobs.env.path("stop"), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(jobs.job_state()["committed"]["run"], 1);
}

#[test]
fn a_killed_run_leaves_no_lock_but_nothing_begins_beside_its_command_and_its_changes_are_listed_again() {
    let jobs = Jobs::new();
    jobs.settle();
    jobs.env.write("tree/a", "");
    let script = ">started; while [ -e started ] && ! [ -e stop ]; do :; done";
    let mut child = jobs.command(["run", "j", "-q", "--", "sh", "-c", script]).stderr(Stdio::null()).spawn().unwrap();
    while !jobs.env.path("started").exists() || !fs::read(jobs.state("command")).is_ok_and(|text| text.ends_with(b"\n"))
    {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let list = fs::read(jobs.state("lists/all")).unwrap();
    let line = jobs.run(["commit", "j"]).failure(2);
    assert!(
        line.contains(
            "`fastdiff run` started run 2, and was killed before its command had ended; nothing was changed; "
        ),
        "{line}"
    );
    // What it stores late may be older than what the next run would have stored by then.
    let line = jobs.begin(&[]).failure(2);
    assert!(line.starts_with("fastdiff: error: job j: the command of run 2 is still running (process "), "{line}");
    jobs.run(["run", "j", "--", "touch", "ran"]).failure(125);
    assert!(!jobs.env.path("ran").exists());
    for args in [&["commit", "j", "--run=2"][..], &["job", "remove", "j"]] {
        let line = jobs.run(args).failure(2);
        assert!(line.starts_with("fastdiff: error: job j: the command of run 2 is still running (process "), "{line}");
    }
    assert!(String::from_utf8(jobs.env.read("fastdiff.toml")).unwrap().contains("[jobs.j]"), "it is still defined");
    jobs.run(["abort", "j", "--run=2"]).success();
    assert_eq!(fs::read(jobs.state("lists/all")).unwrap(), list, "nobody takes its list away");
    fs::write(jobs.env.path("stop"), "").unwrap();
    let run = loop {
        match jobs.begin(&["--relative"]) {
            run if run.code == Some(2) => assert!(run.stderr.contains("is still running"), "{}", run.stderr),
            run => break run,
        }
    };
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "M\t.\nA\ta\n"), "{}", run.stderr);
    assert!(!jobs.state("lists").exists(), "what the killed one left is removed by the next");
}

#[test]
fn a_file_system_without_locks_is_refused_clearly() {
    let jobs = Jobs::new();
    for error in ["ENOLCK", "EOPNOTSUPP"] {
        let Some(run) = jobs.with_fault(&format!("flock:error={error}"), &[], &["begin", "j"]) else { return };
        let line = run.failure(2);
        assert!(line.starts_with("fastdiff: error: job j: cannot lock [ROOT]/state/jobs/j/lock: "), "{line}");
        assert!(line.ends_with("name a directory on a local disk with --state-dir"), "{line}");
    }
    assert_eq!(jobs.files(), [""; 0]);
}

#[test]
fn jobs_work_with_their_state_on_a_fuse_file_system() {
    let jobs = Jobs::new();
    jobs.env.dir("below");
    jobs.env.with_own_mounts(|mounts| {
        let below = jobs.env.path("below");
        if let Err(e) = mounts.mount_by("bindfs", &[below.to_str().unwrap()], "state") {
            return crate::testenv::skip(&e);
        }
        jobs.settle();
        jobs.env.write("tree/a", "");
        assert_eq!(jobs.list(), "M .\nA a\n");
        jobs.commit();
        assert_eq!(jobs.list(), "");
    });
}

#[test]
fn a_read_only_state_directory_is_one_line_and_changes_nothing() {
    let jobs = Jobs::new();
    jobs.settle();
    jobs.env.write("tree/a", "");
    jobs.begin(&[]);
    jobs.env.with_own_mounts(|mounts| {
        let state = jobs.env.path("state");
        mounts.mount(&["--bind", state.to_str().unwrap()], "state").unwrap();
        mounts.command("mount", ["-o", "remount,ro,bind", state.to_str().unwrap()]).unwrap();
        for args in [&["begin", "j"][..], &["commit", "j"], &["abort", "j"], &["job", "remove", "j"]] {
            let line = jobs.run(args).failure(2);
            assert!(line.contains("Read-only file system"), "{line}");
        }
        jobs.run(["run", "j", "--", "true"]).failure(125);
        jobs.run(["log", "j"]).success();
        jobs.run(["job", "show", "j"]).success();
    });
    assert_eq!(jobs.job_state()["committed"]["run"], 1);
}

#[test]
fn a_full_state_directory_is_one_line_and_loses_no_change() {
    let jobs = Jobs::new();
    for number in 0..300 {
        jobs.env.write(format!("tree/{number:0>200}"), "");
    }
    jobs.env.with_own_mounts(|mounts| {
        if let Err(e) = mounts.mount(&["-t", "tmpfs", "-o", "size=1M,mode=700", "none"], "state") {
            return crate::testenv::skip(&e);
        }
        jobs.settle();
        jobs.env.write("tree/new", "");
        let mut refused = 0;
        for free in 0..40 {
            let filler = jobs.env.path("state/filler");
            let _ = fs::remove_file(&filler);
            // All is full but so many pages.
            let room = rustix::fs::statvfs(jobs.env.path("state")).unwrap().f_bavail;
            fs::write(&filler, vec![0; (usize::try_from(room).unwrap().saturating_sub(free)) * 4096]).unwrap();
            let committed = jobs.job_state()["committed"]["run"].clone();
            let run = jobs.start(&["--", "sh", "-c", "grep -q /new \"$FASTDIFF_ALL\""]);
            if run.code == Some(125) {
                refused += 1;
                assert!(
                    run.stderr.lines().count() <= 3 && run.stderr.contains("No space left on device"),
                    "{}",
                    run.stderr
                );
                assert_eq!(jobs.job_state()["committed"]["run"], committed);
                continue;
            }
            assert_eq!(run.code, Some(0), "{free} pages: {}", run.stderr);
            fs::remove_file(&filler).unwrap();
            assert_eq!(jobs.list(), "", "the list held it, and the baseline moved");
            break;
        }
        assert!(refused > 3, "{refused} runs found no room");
        assert!(jobs.state("state.json").exists());
    });
}

#[test]
fn a_clock_that_was_set_back_hides_nothing() {
    // The clock of the machine is everybody's; a baseline from the future is the same to the next run.
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "1");
    let request = || {
        let mut scan = fastdiff::ScanOptions::new([jobs.env.path("tree")]);
        scan.racy_window = Some(std::time::Duration::ZERO);
        fastdiff::jobs::RunRequest::new(scan, "test")
    };
    let job = fastdiff::jobs::JobStore::open(jobs.env.path("state")).unwrap().job("x").unwrap();
    let locked = job.lock().unwrap();
    let mut ahead = request();
    ahead.scan.boundary = Some(fastdiff::Time::new(4_000_000_000, 0));
    let started = locked.begin(&ahead, &fastdiff::NoMonitor).unwrap();
    locked.commit(&fastdiff::jobs::Commit::run(started.run)).unwrap();
    jobs.env.write("tree/a", "2");
    jobs.env.write("tree/b", "");
    let started = locked.begin(&request(), &fastdiff::NoMonitor).unwrap();
    assert!(started.full.is_none());
    let changed: Vec<_> = started.diff().changes().map(|change| change.unwrap().path).collect();
    for name in ["tree/a", "tree/b"] {
        assert!(changed.contains(&fastdiff::path::to_bytes(&jobs.env.path(name)).into_owned()), "{name}");
    }
}
