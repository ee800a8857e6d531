//! `source = "watchman"`: a job that asks the real watchman where to look.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Jobs;
use crate::testenv::{Run, skip};

/// A job, and a server of its own in `wm`, so that nothing is left behind.
struct Watched {
    jobs: Jobs,
    path: String,
}

impl Watched {
    /// The program `watchman` that the job finds talks to this server. None, and a visible skip, without watchman.
    fn new() -> Option<Self> {
        let program = "/usr/bin/watchman";
        if !Path::new(program).exists() {
            skip("watchman is not installed");
            return None;
        }
        let jobs = Jobs::with("source = \"watchman\"\n");
        let env = &jobs.env;
        env.dir("wm");
        let own = ["sockname", "statefile", "logfile", "pidfile"]
            .map(|file| format!("--{file}={}", env.path("wm").join(file).display()));
        let script = format!("#!/bin/sh\nexec {program} {} \"$@\"\n", own.join(" "));
        let script = env.write("bin/watchman", script);
        std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", env.path("bin").display(), std::env::var("PATH").unwrap());
        Some(Self { jobs, path })
    }

    fn in_path<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("PATH", &self.path).env("HOME", self.jobs.env.path("wm")).env("USER", "root")
    }

    /// Starts the server and lets it watch the tree. False, and a visible skip, if that does not work here.
    fn start(&self) -> bool {
        let mut command = Command::new(self.jobs.env.path("bin/watchman"));
        let started = self.in_path(&mut command).arg("watch").arg(self.jobs.env.path("tree")).output().unwrap();
        if !started.status.success() {
            skip(&format!("watchman does not work here: {}", String::from_utf8_lossy(&started.stderr)));
        }
        started.status.success()
    }

    /// Whether a server answered a command. None is started.
    fn ask(&self, command: &str) -> bool {
        let mut watchman = Command::new(self.jobs.env.path("bin/watchman"));
        let answer = self.in_path(&mut watchman).args(["--no-spawn", "--no-local", command]).output().unwrap();
        answer.status.success()
    }

    /// Stops it, and waits until it is gone.
    fn stop(&self) {
        self.ask("shutdown-server");
        let gone_by = Instant::now() + Duration::from_secs(20);
        while self.ask("get-pid") && Instant::now() < gone_by {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A run that succeeds.
    fn run(&self, more: &[&str]) -> Run {
        let jobs = &self.jobs;
        jobs.env.settle();
        let args = ["begin", "j", "--racy-window=0", "--relative", "--emit=name-status", "--audit=0"];
        let run = jobs.env.finish(self.in_path(&mut jobs.command(args.iter().chain(more))));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        jobs.run(["commit", "j"]).success();
        run
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.stop();
    }
}

#[test]
fn a_job_reads_only_what_watchman_names() {
    let Some(watched) = Watched::new() else { return };
    let env = &watched.jobs.env;
    for number in 0..20 {
        env.write(format!("tree/{number}/file"), "1");
    }
    // A server is not started for the job: it would end with the job.
    let run = watched.run(&[]);
    assert!(run.stderr.contains("warning: watchman was not asked where to look: "), "{}", run.stderr);
    assert!(run.stderr.contains("`watchman watch [ROOT]/tree` starts it"), "{}", run.stderr);
    if !watched.start() {
        return;
    }
    // Now it has a clock.
    let run = watched.run(&[]);
    assert!(!run.stderr.contains("watchman") && !run.stderr.contains("source: hints"), "{}", run.stderr);
    for number in [3, 7] {
        env.write(format!("tree/{number}/file"), "22");
        env.remove(format!("tree/{}", number + 1));
        let run = watched.run(&[]);
        assert!(run.stderr.contains("note: source: hints\n"), "{}", run.stderr);
        for line in [format!("M\t{number}/file\n"), format!("D\t{}/file\n", number + 1)] {
            assert!(run.stdout.contains(&line), "{line:?}: {}", run.stdout);
        }
        assert!(!run.stdout.contains("\t1/file"), "{}", run.stdout);
    }
    env.write("tree/1/file", "22");
    let run = watched.run(&["--source", "walk"]);
    assert!(!run.stderr.contains("source: hints") && run.stdout.contains("M\t1/file\n"), "{}", run.stderr);
    // It knows nothing of what changed while it did not run.
    watched.stop();
    env.write("tree/2/file", "22");
    if watched.start() {
        let run = watched.run(&[]);
        assert!(run.stderr.contains("warning: the hints were not used"), "{}", run.stderr);
        assert!(run.stdout.contains("M\t2/file\n"), "{}", run.stdout);
    }
}

#[test]
fn watchman_is_asked_about_one_root() {
    let jobs = Jobs::new();
    jobs.env.dir("other");
    let roots = ["tree", "other"].map(|dir| jobs.env.path(dir));
    jobs.env.write("fastdiff.toml", format!("[jobs.j]\nroots = {roots:?}\nsource = \"watchman\"\n"));
    let error = jobs.run(["begin", "j"]).failure(2);
    assert!(error.contains("watchman can be asked about one root only; make a job for each"), "{error}");
}
