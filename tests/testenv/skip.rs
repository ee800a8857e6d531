//! Checks that cannot run somewhere are skipped visibly.

use std::io::Write as _;

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Says that the calling test, or a part of it, cannot run here: on the real standard error, which the
/// test harness does not swallow, and in the file that `FASTDIFF_SKIPS` names.
pub(crate) fn skip(reason: &str) {
    let thread = std::thread::current();
    let line = format!("SKIP: {}: {reason}\n", thread.name().unwrap_or("a test"));
    // A full disk must not turn a skip into a failure.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(file) = std::env::var_os("FASTDIFF_SKIPS") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}
