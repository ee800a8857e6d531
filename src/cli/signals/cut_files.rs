//! A snapshot that shrinks while it is mapped: the next access raises SIGBUS, which becomes an error like any other
//! damage (promise 6).

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use fastdiff::path::PathExt as _;

use super::super::advice::TAKE_AGAIN;

/// A mapping, and the message if an access to it fails.
#[derive(Debug)]
struct Guarded {
    addresses: std::ops::Range<usize>,
    message: Vec<u8>,
}

/// No command maps more: a job maps its baseline, the pending snapshot, some of other jobs, and the new one.
const MOST_MAPPED: usize = 32;

static GUARDED: [OnceLock<Guarded>; MOST_MAPPED] = [const { OnceLock::new() }; MOST_MAPPED];

/// The message about the snapshot that is being opened, the last one that was set.
static OPENING: [OnceLock<Vec<u8>>; MOST_MAPPED] = [const { OnceLock::new() }; MOST_MAPPED];

/// Whether one is being opened at the moment.
static IS_OPENING: AtomicBool = AtomicBool::new(false);

/// Whether an access has failed already.
static HAS_FAILED: AtomicBool = AtomicBool::new(false);

/// The message for any other file, such as an old snapshot that is about to be replaced.
const SOME_FILE: &[u8] = b"fastdiff: error: a snapshot was cut short while it was read; run it again\n";

/// Whether a backup program called, which expects messages in its own form.
static IS_CALLED: AtomicBool = AtomicBool::new(false);

/// Duplicati shows this as information, and goes on without a list.
const CALLED: &[u8] =
    b"LOG:INFO fastdiff: no list, so Duplicati scans everything: a snapshot was cut short while it was read\n";

/// Duplicati called: a file that is cut short is reported on standard output, and the exit code is 0.
#[cfg(feature = "duplicati")]
pub(in super::super) fn say_on_standard_output() {
    IS_CALLED.store(true, Ordering::SeqCst);
}

fn cut_short(path: &Path) -> Vec<u8> {
    let path = path.shown();
    format!("fastdiff: error: snapshot {path}: is damaged (it was cut short while it was read); {TAKE_AGAIN}\n")
        .into_bytes()
}

/// A file is being opened and may be mapped; [`guard`] or [`opened`] end that.
pub(in super::super) fn opening(path: &Path) {
    let mut message = Some(cut_short(path));
    for slot in &OPENING {
        if let Some(text) = message.take() {
            message = slot.set(text).err();
        }
    }
    IS_OPENING.store(message.is_none(), Ordering::SeqCst);
}

/// It is open, or there was an error.
pub(in super::super) fn opened() {
    IS_OPENING.store(false, Ordering::SeqCst);
}

/// Guards a mapping: if something truncates the file, the next access raises SIGBUS. That becomes the same error as any
/// other damage (promise 6).
pub(in super::super) fn guard(path: &Path, addresses: std::ops::Range<usize>) {
    let mut entry = Some(Guarded { addresses, message: cut_short(path) });
    for slot in &GUARDED {
        if let Some(guarded) = entry.take() {
            entry = slot.set(guarded).err();
        }
    }
    opened();
}

/// Turns an access beyond the end of a file that shrank into an error. Call it once.
#[expect(unsafe_code, reason = "code in a signal handler must be async-signal-safe")]
pub(super) fn catch() {
    use signal_hook::consts::SIGBUS;
    let handler = |info: &libc::siginfo_t| {
        // SAFETY: of SIGBUS the field is the address of the access.
        let address = unsafe { info.si_addr() } as usize;
        // The newest one: a closed file may have left its addresses to another.
        let guarded = GUARDED.iter().filter_map(OnceLock::get).filter(|g| g.addresses.contains(&address)).last();
        let opening = || OPENING.iter().filter_map(OnceLock::get).last().filter(|_| IS_OPENING.load(Ordering::SeqCst));
        // Several threads may fail at once; the first one writes the message and ends them all.
        while HAS_FAILED.swap(true, Ordering::SeqCst) {
            // SAFETY: pause only waits.
            unsafe { libc::pause() };
        }
        if IS_CALLED.load(Ordering::SeqCst) {
            let _ = rustix::io::write(rustix::stdio::stdout(), CALLED);
            signal_hook::low_level::exit(0);
        }
        let message = guarded.map_or_else(|| opening().map_or(SOME_FILE, |text| text), |guarded| &guarded.message);
        // If this fails, there is no other place for the message.
        let _ = rustix::io::write(rustix::stdio::stderr(), message);
        signal_hook::low_level::exit(i32::from(super::super::failure_code()));
    };
    // SAFETY: SIG_DFL is not a function. The standard library's handler, which would be called first, removes the
    // handlers: another thread that fails meanwhile would end the program by the signal.
    unsafe { libc::signal(SIGBUS, libc::SIG_DFL) };
    // SAFETY: the handler reads what was set before, writes with one system call and exits; it does
    // not allocate, lock or return to the faulting access.
    let _ = unsafe { signal_hook_registry::register_sigaction(SIGBUS, handler) };
}
