//! Jobs as their user meets them: definitions, two-phase runs, what is in their way, schedules, and promise 3.

mod base;
mod begin;
mod checks;
mod crash;
mod definitions;
mod machine;
mod mirror;
mod nice;
mod overlays;
mod places;
mod real;
mod run;
mod run_advice;
mod run_places;
mod schedule;
mod snapshot_roots;
mod spoiled;
mod state;
mod status_and_log;
mod unread;
mod watchman;

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::testenv::{Run, TestEnv};

/// A tree, a state directory and a file of definitions.
pub(super) struct Jobs {
    pub(super) env: TestEnv,
}

impl Jobs {
    /// An empty tree and a job `j` that looks at it and takes `name-status`.
    pub(super) fn new() -> Self {
        Self::with("consumer = \"name-status\"")
    }

    /// The same with other keys than that.
    pub(super) fn with(keys: &str) -> Self {
        let jobs = Self { env: TestEnv::new() };
        jobs.define(keys);
        jobs
    }

    /// Defines the job `j` anew.
    pub(super) fn define(&self, keys: &str) {
        let root = self.env.path("tree");
        let root = root.to_str().unwrap();
        self.env.write("fastdiff.toml", format!("[jobs.j]\nroots = [{root:?}]\n{keys}\n"));
    }

    /// The program, not started yet.
    pub(super) fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.env.command();
        command.env("FASTDIFF_STATE_DIR", self.env.path("state"));
        command.env("FASTDIFF_CONFIG", self.env.path("fastdiff.toml"));
        command.env("PATH", "/usr/bin:/bin").args(args);
        command
    }

    /// Runs the program to its end.
    #[track_caller]
    pub(super) fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        self.env.finish(&mut self.command(args))
    }

    /// Begins a run of `j` in which nothing is racy.
    #[track_caller]
    pub(super) fn begin(&self, more: &[&str]) -> Run {
        self.env.settle();
        self.run(["begin", "j", "--racy-window=0", "--quiet"].iter().chain(more))
    }

    /// The list of a run that must go well and have nothing to say, relative to the root.
    #[track_caller]
    pub(super) fn list(&self) -> String {
        self.begin(&["--emit=name-status", "--relative"]).success().replace('\t', " ")
    }

    /// Makes what is there the baseline.
    #[track_caller]
    pub(super) fn settle(&self) {
        let run = self.begin(&[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        self.commit();
    }

    /// Commits the run that is pending.
    #[track_caller]
    pub(super) fn commit(&self) {
        let run = self.job_state()["pending"]["run"].to_string();
        self.run(["commit", "j", "--run", &run]).success();
    }

    /// `fastdiff run j` in which nothing is racy.
    #[track_caller]
    pub(super) fn start(&self, more: &[&str]) -> Run {
        self.env.settle();
        self.run(["run", "j", "--racy-window=0", "--quiet"].iter().chain(more))
    }

    /// Runs the program while a system call fails; none, and a visible skip, where nothing can be traced.
    #[track_caller]
    pub(super) fn with_fault(&self, fault: &str, paths: &[&str], args: &[&str]) -> Option<Run> {
        let (state, config) = (self.env.path("state"), self.env.path("fastdiff.toml"));
        let mut args = args.to_vec();
        // Before the command that is run.
        let end = args.iter().position(|arg| *arg == "--").unwrap_or(args.len());
        args.splice(end..end, ["--state-dir", state.to_str().unwrap(), "--config", config.to_str().unwrap()]);
        self.env.with_fault(fault, paths, &args)
    }

    /// A file of the job's state.
    pub(super) fn state(&self, name: &str) -> PathBuf {
        let dir = self.env.path("state/jobs/j");
        if name.is_empty() { dir } else { dir.join(name) }
    }

    /// The names of the job's files but the lock, the log and the command.
    pub(super) fn files(&self) -> Vec<String> {
        let mut names = crate::testenv::names_in(&self.state(""));
        names.retain(|name| !["lock", "log.jsonl", "command"].contains(&name.as_str()));
        names
    }

    /// What the state file says, without looking at its digest.
    pub(super) fn job_state(&self) -> serde_json::Value {
        let state: serde_json::Value = serde_json::from_slice(&fs::read(self.state("state.json")).unwrap()).unwrap();
        state["state"].clone()
    }

    /// The runs of the log: number, outcome, exit code.
    pub(super) fn log(&self) -> Vec<(u64, String, Option<i64>)> {
        let log = self.run(["log", "j", "--json"]).success();
        let run = |line: &str| {
            let run: serde_json::Value = serde_json::from_str(line).unwrap();
            (run["run"].as_u64().unwrap(), run["outcome"].as_str().unwrap().to_owned(), run["exit_code"].as_i64())
        };
        log.lines().map(run).collect()
    }
}
