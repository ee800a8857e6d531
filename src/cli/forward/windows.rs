//! What asks this program to stop is meant for the command too. The system tells every program of a console by itself.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// Whether a command runs.
static RUNS: AtomicBool = AtomicBool::new(false);

/// The last signal that came while it ran, 0 if none did.
static PASSED: AtomicI32 = AtomicI32::new(0);

/// From now on the command is asked to stop.
pub(super) fn begin(_child: i32) {
    RUNS.store(true, Ordering::SeqCst);
}

/// From now on this program is asked again.
pub(super) fn end() {
    RUNS.store(false, Ordering::SeqCst);
}

/// What asked to stop while the command ran.
pub(super) fn passed() -> Option<i32> {
    Some(PASSED.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
}

/// It came before the command was there.
pub(super) fn pass(signal: i32) {
    PASSED.store(signal, Ordering::SeqCst);
}

/// Whether it is the command's: then this program waits for its end.
pub(super) fn pass_on(signal: i32) -> bool {
    let runs = RUNS.load(Ordering::SeqCst);
    if runs {
        PASSED.store(signal, Ordering::SeqCst);
    }
    runs
}
