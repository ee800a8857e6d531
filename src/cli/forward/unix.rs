//! Signals for the command of a job: a request to stop this program is meant for the command too. What a signal
//! handler does here is async-signal-safe.

use std::sync::atomic::{AtomicI32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

/// The process of the command, 0 if none runs.
static CHILD: AtomicI32 = AtomicI32::new(0);

/// The last signal that came while it ran, 0 if none did.
static PASSED: AtomicI32 = AtomicI32::new(0);

/// From now on signals go to this process.
pub(super) fn begin(child: i32) {
    CHILD.store(child, Ordering::SeqCst);
}

/// From now on signals are for this program again.
pub(super) fn end() {
    CHILD.store(0, Ordering::SeqCst);
}

/// The last signal that came while the command ran.
pub(super) fn passed() -> Option<i32> {
    Some(PASSED.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
}

/// Sends a signal that came before the process was there.
pub(super) fn pass(signal: i32) {
    PASSED.store(signal, Ordering::SeqCst);
    send(CHILD.load(Ordering::SeqCst), signal);
}

/// In a signal handler: passes the signal on if a command runs. The terminal sends its signals to the command as well.
pub(super) fn pass_on(signal: i32, code: i32) -> bool {
    let child = CHILD.load(Ordering::SeqCst);
    if child == 0 {
        return false;
    }
    PASSED.store(signal, Ordering::SeqCst);
    // A signal that another process sent has no positive code.
    if code <= 0 {
        send(child, signal);
    }
    true
}

fn send(child: i32, signal: i32) {
    if let (Some(child), Some(signal)) = (Pid::from_raw(child), Signal::from_named_raw(signal)) {
        // The process may have ended, but its number is kept until it is waited for.
        let _ = kill_process(child, signal);
    }
}
