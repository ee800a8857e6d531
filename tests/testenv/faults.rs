//! System calls that fail on demand, through strace(1).

use super::{BINARY, Run, TestEnv, skip};

impl TestEnv {
    /// Runs the program while a system call fails: `fault` as in `strace -e inject=`, only calls that
    /// are about one of `paths` if any are given. None, and a visible skip, where nothing can be traced.
    #[track_caller]
    pub(crate) fn with_fault(&self, fault: &str, paths: &[&str], args: &[&str]) -> Option<Run> {
        let strace = |more: &[&str], command: &[&str]| {
            let mut strace = self.program("strace");
            strace.env("PATH", "/usr/bin:/bin").args(["-f", "-qq", "-o", "/dev/null"]);
            for path in paths {
                strace.arg("-P").arg(self.path(path));
            }
            strace.args(more).args(command);
            strace
        };
        match strace(&[], &["/bin/true"]).output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                skip(&format!("nothing can be traced here: {}", String::from_utf8_lossy(&output.stderr).trim()));
                return None;
            }
            Err(e) => {
                skip(&format!("there is no strace(1): {e}"));
                return None;
            }
        }
        let (calls, _) = fault.split_once(':').unwrap();
        let traced = format!("trace={calls}");
        let injected = format!("inject={fault}");
        Some(self.finish(&mut strace(&["-e", &traced, "-e", &injected], &[&[BINARY], args].concat())))
    }
}
