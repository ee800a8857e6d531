//! Runs the command of a job to its end. A signal that asks this program to stop is passed on to it.

use std::process::{Command, ExitStatus};

use super::{forward, signals};

/// A command that has ended.
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    /// The signal that asked to stop meanwhile.
    pub(super) signal: Option<i32>,
}

/// Runs a command to its end. `started` is called with the number of its process.
///
/// # Errors
/// Why it could not be started.
pub(super) fn run(command: &mut Command, started: impl FnOnce(u32)) -> std::io::Result<Finished> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let mut child = signals::as_it_began(|| command.spawn())?;
    let id = child.id().cast_signed();
    forward::begin(id);
    if let Some(signal) = signals::take_interruption() {
        forward::pass(signal);
    }
    started(child.id());
    if let Some(pid) = Pid::from_raw(id) {
        // Until it is waited for, its number is not given to another process that a signal could hit.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
    }
    forward::end();
    let status = child.wait()?;
    // A handler in another thread may still be at work when the command has ended.
    Ok(Finished { status, signal: forward::passed() })
}
