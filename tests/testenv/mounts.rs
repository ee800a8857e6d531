//! Mounts that nobody else sees: a mount namespace of its own for each script.

use std::process::Command;

use super::{BINARY, Run, TestEnv, is_root, skip};

impl TestEnv {
    /// Runs a shell script in a mount namespace of its own, with `$FASTDIFF` as the program and the
    /// test's directory as the current one; it stops at the first command that fails. None, and a
    /// visible skip, where nothing can be mounted.
    #[track_caller]
    pub(crate) fn with_mounts(&self, script: &str) -> Option<Run> {
        if !is_root() {
            skip("mounting needs root");
            return None;
        }
        let probe = self.dir("probe");
        let unshare = |script: &str| -> Command {
            let mut command = self.program("/usr/bin/unshare");
            command.args(["--mount", "--propagation", "private", "/bin/sh", "-e", "-c", script]);
            command.env("FASTDIFF", BINARY).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            command
        };
        let can = unshare(&format!("mount -t tmpfs none {}", probe.display())).output();
        std::fs::remove_dir(probe).unwrap();
        match can {
            Ok(output) if output.status.success() => Some(self.finish(&mut unshare(script))),
            Ok(output) => {
                skip(&format!("nothing can be mounted here: {}", String::from_utf8_lossy(&output.stderr).trim()));
                None
            }
            Err(e) => {
                skip(&format!("there is no unshare(1): {e}"));
                None
            }
        }
    }
}
