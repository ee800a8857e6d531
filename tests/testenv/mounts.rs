//! Mounts that nobody else sees: a mount namespace of its own for each script, or for a thread of a test.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{BINARY, Run, TestEnv, is_root, skip};

/// What the programs that mount things are looked for in.
const PATHS: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

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
            command.env("FASTDIFF", BINARY).env("PATH", PATHS);
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

    /// Runs a part of a test on a thread that has a mount namespace of its own, and whose children have it too. What it
    /// mounts is unmounted at its end. A visible skip where nothing can be mounted.
    pub(crate) fn with_own_mounts(&self, body: impl FnOnce(&Mounts<'_>) + Send) {
        if !is_root() {
            return skip("mounting needs root");
        }
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        let run = || {
            if let Err(e) = own_namespace() {
                return skip(&format!("no mount namespace of its own: {e}"));
            }
            let mounts = Mounts { env: self, mounted: RefCell::default() };
            if let Err(e) = mounts.command("mount", ["--make-rprivate", "/"]) {
                return skip(&format!("nothing can be mounted here: {e}"));
            }
            body(&mounts);
        };
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name(name).spawn_scoped(scope, run).unwrap();
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
    }
}

/// Gives the calling thread, and no other, a mount namespace of its own.
#[expect(unsafe_code, reason = "rustix has no safe wrapper, since a thread may leave others behind")]
fn own_namespace() -> std::io::Result<()> {
    // SAFETY: CLONE_NEWNS changes no memory; it implies CLONE_FS, which gives this thread a current directory of its
    // own. Neither descriptors nor other threads are touched.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// The mount namespace of a thread.
pub(crate) struct Mounts<'e> {
    pub(crate) env: &'e TestEnv,
    mounted: RefCell<Vec<PathBuf>>,
}

impl Drop for Mounts<'_> {
    /// A FUSE server lives as long as its mount does.
    fn drop(&mut self) {
        for dir in self.mounted.take().iter().rev() {
            if self.command("umount", [dir]).is_err() {
                let _ = self.command("umount", [OsStr::new("--lazy"), dir.as_os_str()]);
            }
        }
    }
}

impl Mounts<'_> {
    /// Runs a program in the test's directory; its standard output, or its complaint.
    pub(crate) fn command<A: AsRef<OsStr>>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Result<String, String> {
        let mut command = self.env.program(program);
        let output = command.env("PATH", PATHS).args(args).output();
        let Output { status, stdout, stderr } = output.map_err(|e| format!("{program}: {e}"))?;
        if status.success() {
            return Ok(String::from_utf8_lossy(&stdout).trim().to_owned());
        }
        let said = String::from_utf8_lossy(&stderr);
        Err(format!("{program}: {}", said.trim().lines().next().unwrap_or("it failed without a word")))
    }

    /// Mounts something on a directory, which is made: `args` are those of mount(8) before the directory.
    pub(crate) fn mount(&self, args: &[&str], dir: impl AsRef<Path>) -> Result<(), String> {
        self.mount_by("mount", args, dir)
    }

    /// The same by a program of its own, whose last argument is the directory.
    pub(crate) fn mount_by(&self, program: &str, args: &[&str], dir: impl AsRef<Path>) -> Result<(), String> {
        let dir = self.env.path(dir);
        // An existing one may be what was forbidden to look at.
        let _ = std::fs::create_dir_all(&dir);
        self.command(program, args.iter().map(OsStr::new).chain([dir.as_os_str()]))?;
        // Some FUSE servers fail without saying so.
        self.command("mountpoint", [&dir]).map_err(|_| format!("{program} mounted nothing"))?;
        self.mounted.borrow_mut().push(dir);
        Ok(())
    }

    /// Unmounts what was mounted on a directory last.
    #[track_caller]
    pub(crate) fn unmount(&self, dir: impl AsRef<Path>) {
        let dir = self.env.path(dir);
        let mut tries = 0;
        // A child that another test is just starting holds all of our descriptors for a moment.
        while let Err(e) = self.command("umount", [&dir]) {
            tries += 1;
            assert!(tries < 100 && e.contains("busy"), "{e}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let mut mounted = self.mounted.borrow_mut();
        let at = mounted.iter().rposition(|m| *m == dir).unwrap();
        mounted.remove(at);
    }
}
