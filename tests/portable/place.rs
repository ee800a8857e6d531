//! A temporary directory with a `tree`, the program, and what came of a run of it.

use std::ffi::OsStr;
use std::fs::{self, FileTimes};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

/// The program under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_fastdiff");

/// The place of one test, removed at its end. Names given to its methods are relative to it, and it is the current
/// directory of what is run.
pub(crate) struct Place {
    _dir: TempDir,
    root: PathBuf,
}

impl Place {
    /// An empty directory `tree`, a state directory and no jobs.
    pub(crate) fn new() -> Self {
        let dir = TempDir::with_prefix("fastdiff-test-").unwrap();
        // By its long name, and without the prefix of long paths.
        let root = fastdiff::path::absolute(&dir.path().canonicalize().unwrap(), Path::new(""));
        let place = Self { _dir: dir, root };
        fs::create_dir(place.path("tree")).unwrap();
        place
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        name.as_ref().iter().fold(self.root.clone(), |path, name| path.join(name))
    }

    /// Writes a file; the directories above it are made as needed.
    pub(crate) fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The program, not started yet.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(BINARY);
        command.current_dir(&self.root).stdin(Stdio::null()).args(args);
        command.env("FASTDIFF_STATE_DIR", self.path("state")).env("FASTDIFF_CONFIG", self.path("fastdiff.toml"));
        command
    }

    /// Runs the program to its end.
    #[track_caller]
    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        Run::of(&self.command(args).output().unwrap(), &self.root)
    }

    /// Takes a snapshot of `tree` in which nothing is racy.
    #[track_caller]
    pub(crate) fn snap(&self, output: &str, more: &[&str]) {
        settle();
        let args = ["snap", "tree", "-o", output, "--racy-window", "0s", "--quiet"];
        self.run(args.iter().chain(more)).success();
    }

    /// The changes between two snapshots, a letter and the path relative to the root a line.
    #[track_caller]
    pub(crate) fn changes(&self, old: &str, new: &str) -> String {
        self.run(["diff", old, new, "--emit", "name-status", "--relative"]).success().replace('\t', " ")
    }
}

/// Waits until nothing that was done so far is racy with a window of zero.
pub(crate) fn settle() {
    std::thread::sleep(Duration::from_millis(if cfg!(windows) { 40 } else { 20 }));
}

/// Sets the modification time of a file to so many seconds before now.
pub(crate) fn age(path: &Path, seconds: u64) {
    let time = SystemTime::now() - Duration::from_secs(seconds);
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

/// A path with slashes, and as it is written here.
pub(crate) fn here(path: &str) -> String {
    path.replace('/', std::path::MAIN_SEPARATOR_STR)
}

/// A finished run. The place itself is `[ROOT]` in the texts.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn of(output: &Output, root: &Path) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(root.to_str().unwrap(), "[ROOT]");
        let run = Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) };
        assert!(!run.stderr.contains("panicked at"), "{}", run.stderr);
        run
    }

    /// Standard output of a run that must have gone well and had nothing to say.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        self.stdout
    }

    /// The one line of standard error of a run that must have failed so, without output.
    #[track_caller]
    pub(crate) fn failure(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{}", self.stderr);
        assert!(self.stderr.starts_with("fastdiff: error: "), "{}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        self.stderr.trim_end().to_owned()
    }
}
