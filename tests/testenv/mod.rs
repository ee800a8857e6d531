//! A place for one test: a temporary directory with a `tree` to scan, the real program to run there,
//! and helpers to make what a tree can hold. `TMPDIR` says on which file system.

pub(crate) mod faultfs;
mod faults;
mod files;
mod mounts;
mod run;
mod skip;
pub(crate) mod slow_disk;
mod users;
mod volumes;
mod witness;

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

pub(crate) use self::files::{mode_of, names_in, tree_of_many_files};
pub(crate) use self::mounts::Mounts;
pub(crate) use self::run::Run;
pub(crate) use self::skip::{is_root, skip};
pub(crate) use self::volumes::{Kind, Volume};
pub(crate) use self::witness::{Shown, on_disk, shown};

/// The program under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_fastdiff");

/// A temporary directory for one test, removed at its end. Names given to its methods are relative to
/// it, and it is the current directory of what is run.
pub(crate) struct TestEnv {
    dir: TempDir,
    root: PathBuf,
}

impl Drop for TestEnv {
    /// Opens what a test closed, so that it can be removed; root needs no such help.
    fn drop(&mut self) {
        if !is_root() {
            files::open_directories(&self.root);
        }
    }
}

impl TestEnv {
    /// An empty directory `tree` and nothing else.
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("fastdiff-test-").tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let env = Self { dir, root };
        // Others get through, for tests that run the program as nobody. Not every file system has modes.
        let _ = std::fs::set_permissions(&env.root, PermissionsExt::from_mode(0o755));
        env.dir("tree");
        env
    }

    /// The absolute path of `name`.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        // Not `join` for an empty name, which would add a slash.
        if name.as_ref().as_os_str().is_empty() { self.root.clone() } else { self.root.join(name) }
    }

    /// The program with a cleared environment, not started yet.
    pub(crate) fn command(&self) -> Command {
        self.program(BINARY)
    }

    /// A shell that runs a script, in which `$0` is the program; not started yet.
    pub(crate) fn shell(&self, script: &str) -> Command {
        let mut command = self.program("/bin/sh");
        command.env("PATH", "/usr/bin:/bin").args(["-c", script, BINARY]);
        command
    }

    fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    #[track_caller]
    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        self.finish(self.command().args(args))
    }

    /// Runs a prepared command to its end.
    #[track_caller]
    pub(crate) fn finish(&self, command: &mut Command) -> Run {
        Run::new(command.output().unwrap(), &self.root)
    }

    /// Waits until nothing that was done so far is racy with a window of zero: the clock that stamps
    /// files moves in ticks, and a stamp of the tick that the scan begins in proves nothing.
    pub(crate) fn settle(&self) {
        let now = clock_gettime(ClockId::Realtime);
        while clock_gettime(ClockId::RealtimeCoarse) <= now {
            std::thread::yield_now();
        }
        assert!(self.dir.path().exists());
    }

    /// Waits until nothing that was done so far is racy with this window.
    pub(crate) fn settle_for(&self, window: Duration) {
        let done = clock_gettime(ClockId::Realtime);
        let is_old = || {
            let now = clock_gettime(ClockId::RealtimeCoarse);
            let age = Duration::new(now.tv_sec.cast_unsigned(), u32::try_from(now.tv_nsec).unwrap())
                .checked_sub(Duration::new(done.tv_sec.cast_unsigned(), u32::try_from(done.tv_nsec).unwrap()));
            age.is_some_and(|age| age > window)
        };
        while !is_old() {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(self.dir.path().exists());
    }

    /// Takes a snapshot of `tree` in which nothing is racy.
    #[track_caller]
    pub(crate) fn snap(&self, output: &str) {
        let run = self.snap_with(output, &[]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "snap of a quiet tree");
    }

    /// The same with more arguments, whatever comes of it.
    #[track_caller]
    pub(crate) fn snap_with(&self, output: &str, more: &[&str]) -> Run {
        self.settle();
        self.run(["snap", "tree", "-o", output, "--racy-window", "0", "--quiet"].iter().chain(more))
    }

    /// The changes between two snapshots, a letter and the path relative to the root a line. Nothing
    /// may go wrong.
    #[track_caller]
    pub(crate) fn changes(&self, old: &str, new: &str) -> String {
        self.changes_with(old, new, &[]).success()
    }

    /// The same with more arguments, whatever comes of it.
    #[track_caller]
    pub(crate) fn changes_with(&self, old: &str, new: &str, more: &[&str]) -> Run {
        let mut run = self.run(["diff", old, new, "--emit", "name-status", "--relative"].iter().chain(more));
        run.stdout = run.stdout.replace('\t', " ");
        run
    }
}
