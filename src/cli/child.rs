//! Runs the command of a job to its end. A signal that asks this program to stop is passed on to it.

use std::process::{Command, ExitStatus};

use super::{forward, signals};

/// A command that has ended.
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    /// The signal that asked to stop meanwhile.
    pub(super) signal: Option<i32>,
}

/// Runs commands one after the other, as long as each ends with a code that means success. Gives how the last one
/// ended.
///
/// # Errors
/// Why one could not be started.
pub(super) fn run_each(
    commands: &mut [Command],
    started: impl Fn(u32),
    is_success: impl Fn(Option<i32>) -> bool,
) -> std::io::Result<Finished> {
    let Some((last, before)) = commands.split_last_mut() else { return Err(std::io::ErrorKind::InvalidInput.into()) };
    for command in before {
        let finished = run(command, &started)?;
        if finished.signal.is_some() || !is_success(finished.status.code()) {
            return Ok(finished);
        }
    }
    run(last, started)
}

/// Runs a command to its end. `started` is called with the number of its process.
///
/// # Errors
/// Why it could not be started.
fn run(command: &mut Command, started: impl FnOnce(u32)) -> std::io::Result<Finished> {
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
