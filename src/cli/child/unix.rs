//! A command on Unix.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// Whatever this program starts outlives it, as on every Unix.
pub(super) struct ProcessGroup;

impl ProcessGroup {
    pub(super) fn begin() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "elsewhere it does something")]
    pub(super) fn end(self) {}
}

/// The signal has been passed on to it.
pub(super) fn interrupt(_child: &mut Child) {}

/// Waits for its end. Until it is waited for once more, its number is not given to another process that a signal could
/// hit.
pub(super) fn wait_for(child: &mut Child) {
    if let Some(pid) = Pid::from_raw(child.id().cast_signed()) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
    }
}

/// Its exit code; if a signal ended it, 128 and its number.
pub(in super::super) fn code_of(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}
