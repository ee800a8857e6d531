//! Running the program as somebody whom permissions stop: root is stopped by none.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::{BINARY, Run, TestEnv, is_root};

/// `nobody` on most systems; any user without rights would do.
const NOBODY: u32 = 65534;

impl TestEnv {
    /// The program as a user without rights: as nobody if the tests run as root, else as who runs
    /// them. What it is to write must be writable by everybody.
    pub(crate) fn command_as_nobody(&self) -> Command {
        if !is_root() {
            return self.command();
        }
        let closed =
            self.path("").ancestors().find(|dir| super::mode_of(dir) & 0o001 == 0).map(|d| d.display().to_string());
        assert!(
            closed.is_none(),
            "{} is closed to others: set TMPDIR to a directory that nobody can get to",
            closed.unwrap()
        );
        // The build's own directory may be closed to others.
        let copy = self.path("fastdiff-for-nobody");
        if !copy.exists() && fs::hard_link(BINARY, &copy).is_err() {
            // By another program: a child of another test would inherit our descriptor, and what is
            // open for writing cannot be run ("text file busy").
            let status = Command::new("cp").arg(BINARY).arg(&copy).status().unwrap();
            assert!(status.success());
        }
        let mut command = self.program(copy);
        command.uid(NOBODY).gid(NOBODY);
        command
    }

    /// Runs the program as a user without rights.
    #[track_caller]
    pub(crate) fn run_as_nobody(&self, args: &[&str]) -> Run {
        self.finish(self.command_as_nobody().args(args))
    }

    /// Takes a snapshot of `tree` as a user without rights, into the directory `out`, which is made
    /// writable by everybody.
    #[track_caller]
    pub(crate) fn snap_as_nobody(&self, output: &str, more: &[&str]) -> Run {
        if !self.path("out").exists() {
            self.dir("out");
        }
        self.chmod("out", 0o777);
        self.settle();
        let output = format!("out/{output}");
        let args: Vec<_> = ["snap", "tree", "-o", &output, "--racy-window", "0", "--quiet"]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        self.run_as_nobody(&args)
    }
}
