//! What asks the program to stop, and a snapshot that shrinks while it is mapped.

#[cfg(unix)]
mod cut_files;
#[cfg(not(unix))]
#[path = "no_cut_files.rs"]
mod cut_files;
#[cfg(unix)]
#[path = "unix.rs"]
mod system;
#[cfg(windows)]
#[path = "windows.rs"]
mod system;

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

#[cfg(feature = "duplicati")]
pub(super) use cut_files::say_on_standard_output;
pub(super) use cut_files::{guard, opened, opening};
pub(super) use system::{as_it_began, catch, die_of_signal, prepare};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The signal that did.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Whether the user asked to stop.
pub(super) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// The last signal that was noticed, if any. The next one counts as the first again.
pub(super) fn take_interruption() -> Option<i32> {
    system::forget();
    INTERRUPTED.swap(false, Ordering::SeqCst).then(|| SIGNAL.load(Ordering::SeqCst))
}
