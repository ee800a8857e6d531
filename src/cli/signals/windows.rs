//! Ctrl-C, Ctrl-Break, a window that is closed, and the end of a session.

use std::sync::Once;
use std::sync::atomic::Ordering;
use std::time::Duration;

use windows_sys::Win32::Foundation::{FALSE, TRUE};
use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_LOGOFF_EVENT, SetConsoleCtrlHandler};
use windows_sys::core::BOOL;

use super::super::forward;
use super::{INTERRUPTED, SIGNAL};

/// As on Unix, so that exit codes mean the same everywhere.
const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

/// The system ends a program some five seconds after it was told that its window closes or its session ends.
const LAST_SECONDS: Duration = Duration::from_secs(4);

pub(in super::super) fn prepare() {}

/// Notices what asks to stop instead of ending the program at once, so that no half file stays. A second Ctrl-C ends
/// it.
#[expect(unsafe_code, reason = "a system call")]
pub(in super::super) fn catch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler only uses atomics, and sleeps. Without it an interrupted run leaves a temporary file,
        // which the next run removes.
        unsafe { SetConsoleCtrlHandler(Some(handler), TRUE) };
    });
}

/// The system calls this in a thread of its own.
#[expect(unsafe_code, reason = "the type of a handler")]
unsafe extern "system" fn handler(event: u32) -> BOOL {
    // Only services hear of it, whoever logs off.
    if event == CTRL_LOGOFF_EVENT {
        return TRUE;
    }
    let is_key = matches!(event, CTRL_C_EVENT | CTRL_BREAK_EVENT);
    let signal = if is_key { SIGINT } else { SIGTERM };
    // What asks this program to stop asks the command, too.
    if !forward::pass_on(signal) {
        SIGNAL.store(signal, Ordering::SeqCst);
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            return FALSE;
        }
    }
    if !is_key {
        // The system ends the program when this returns. Before that it ends by itself, most often.
        std::thread::sleep(LAST_SECONDS);
    }
    TRUE
}

pub(super) fn forget() {}

/// There are no signals to die of.
pub(in super::super) fn die_of_signal() {}

/// Starts a program; nothing of this one is passed on to it.
pub(in super::super) fn as_it_began<T>(start: impl FnOnce() -> T) -> T {
    start()
}
