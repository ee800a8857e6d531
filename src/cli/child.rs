//! Runs the command of a job: a signal that asks this program to stop is passed on to it, and its end is awaited.

use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicI32, Ordering};

use super::signals;

/// The process that runs, 0 if none does.
static CHILD: AtomicI32 = AtomicI32::new(0);

/// The last signal that came meanwhile, 0 if none did.
static PASSED: AtomicI32 = AtomicI32::new(0);

/// What came of a command.
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    /// The signal that asked to stop meanwhile.
    pub(super) signal: Option<i32>,
}

/// In the handler of a signal: passes it on, if a command runs. What the terminal sends the command gets by itself.
pub(super) fn pass_on(signal: i32, code: i32) -> bool {
    let child = CHILD.load(Ordering::SeqCst);
    if child == 0 {
        return false;
    }
    PASSED.store(signal, Ordering::SeqCst);
    // What another process sent has no positive code.
    if code <= 0 {
        send(child, signal);
    }
    true
}

fn send(child: i32, signal: i32) {
    use rustix::process::{Pid, Signal, kill_process};
    if let (Some(child), Some(signal)) = (Pid::from_raw(child), Signal::from_named_raw(signal)) {
        // It may have ended meanwhile; its process is still there until it is waited for.
        let _ = kill_process(child, signal);
    }
}

/// Runs a command to its end; `started` is told its process.
///
/// # Errors
/// Why it could not be started.
pub(super) fn run(command: &mut Command, started: impl FnOnce(u32)) -> std::io::Result<Finished> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let mut child = signals::as_it_began(|| command.spawn())?;
    let id = child.id().cast_signed();
    CHILD.store(id, Ordering::SeqCst);
    if let Some(signal) = signals::take_interruption() {
        PASSED.store(signal, Ordering::SeqCst);
        send(id, signal);
    }
    started(child.id());
    if let Some(pid) = Pid::from_raw(id) {
        // Its number is not given to another process before it is waited for, so that no signal goes astray.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
    }
    CHILD.store(0, Ordering::SeqCst);
    let status = child.wait()?;
    let signal = PASSED.load(Ordering::SeqCst);
    Ok(Finished { status, signal: Some(signal).filter(|signal| *signal != 0) })
}
