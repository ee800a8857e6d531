//! Ctrl-C, and a snapshot that shrinks while it is mapped.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use fastdiff::path::PathExt as _;

use super::advice::TAKE_AGAIN;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Whether the user asked to stop.
pub(super) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Prepares the signals and limits that every command needs.
pub(super) fn prepare() {
    raise_open_file_limit();
    ignore_size_limit();
    catch_cut_files();
    keep_ended_children();
}

/// If SIGCHLD is ignored, as the parent may have left it, the kernel discards the exit codes of our children.
#[cfg(unix)]
#[expect(unsafe_code, reason = "signal-hook can only handle a signal, not restore its default")]
fn keep_ended_children() {
    // SAFETY: the default of a signal runs no code.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Notices interrupting signals instead of ending the program at once, so that no half file stays. A second signal ends
/// it.
#[cfg(unix)]
pub(super) fn catch() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::flag::register_conditional_default;
    static ONCE: std::sync::Once = std::sync::Once::new();
    let mut is_first = false;
    ONCE.call_once(|| is_first = true);
    if !is_first {
        return;
    }
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        // The parent ignores the signal on purpose (nohup).
        if is_ignored(signal) {
            continue;
        }
        // Without the handlers an interrupted run leaves a temporary file, which the next run removes.
        let _ = register_conditional_default(signal, flag());
        let _ = register(signal);
    }
}

/// The last signal that was noticed, if any. The next one counts as the first again.
#[cfg(unix)]
pub(super) fn take_interruption() -> Option<i32> {
    flag().store(false, Ordering::SeqCst);
    INTERRUPTED.swap(false, Ordering::SeqCst).then(|| SIGNAL.load(Ordering::SeqCst))
}

/// Beyond the size limit of a file, a write must fail instead of ending the program with half a file.
#[cfg(unix)]
#[expect(unsafe_code, reason = "signal-hook can only handle a signal, not ignore it")]
fn ignore_size_limit() {
    // SAFETY: ignoring a signal runs no code.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Whether the signal is ignored, as it was when the program began.
#[cfg(unix)]
#[expect(unsafe_code, reason = "no crate here asks for a signal's disposition without setting it")]
fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action sigaction only writes the old one, to memory of its size; all zeros
    // are a valid one.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(unix)]
fn flag() -> std::sync::Arc<AtomicBool> {
    static FLAG: OnceLock<std::sync::Arc<AtomicBool>> = OnceLock::new();
    std::sync::Arc::clone(FLAG.get_or_init(Default::default))
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "code in a signal handler must be async-signal-safe")]
fn register(signal: i32) -> std::io::Result<signal_hook::SigId> {
    let flag = flag();
    let noticed = move |info: &libc::siginfo_t| {
        if super::forward::pass_on(signal, info.si_code) {
            return;
        }
        flag.store(true, Ordering::SeqCst);
        SIGNAL.store(signal, Ordering::SeqCst);
        INTERRUPTED.store(true, Ordering::SeqCst);
    };
    // SAFETY: the handler only stores to atomics, and may send a signal.
    unsafe { signal_hook_registry::register_sigaction(signal, noticed) }
}

/// Ends the program as the signal would have.
#[cfg(unix)]
pub(super) fn die_of_signal() {
    let signal = SIGNAL.load(Ordering::SeqCst);
    if signal != 0 {
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
}

/// How many files could be open when the program began.
#[cfg(unix)]
static OPEN_FILES: OnceLock<rustix::process::Rlimit> = OnceLock::new();

/// Allows as many open files as the system does: the walker holds one for each directory whose children wait.
#[cfg(unix)]
fn raise_open_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = OPEN_FILES.get_or_init(|| getrlimit(Resource::Nofile));
    // If this is refused the old limit remains, which is enough except for the deepest trees.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// Starts a program with the limits and signals that this one was started with.
#[cfg(unix)]
#[expect(unsafe_code, reason = "signal-hook can only handle a signal, not put its default back")]
pub(super) fn as_it_began<T>(start: impl FnOnce() -> T) -> T {
    use rustix::process::{Resource, setrlimit};
    if let Some(limit) = OPEN_FILES.get() {
        let _ = setrlimit(Resource::Nofile, *limit);
    }
    // SAFETY: SIG_DFL is not a function.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_DFL) };
    let started = start();
    ignore_size_limit();
    raise_open_file_limit();
    started
}

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
pub(super) fn say_on_standard_output() {
    IS_CALLED.store(true, Ordering::SeqCst);
}

fn cut_short(path: &Path) -> Vec<u8> {
    let path = path.shown();
    format!("fastdiff: error: snapshot {path}: is damaged (it was cut short while it was read); {TAKE_AGAIN}\n")
        .into_bytes()
}

/// A file is being opened and may be mapped; [`guard`] or [`opened`] end that.
pub(super) fn opening(path: &Path) {
    let mut message = Some(cut_short(path));
    for slot in &OPENING {
        if let Some(text) = message.take() {
            message = slot.set(text).err();
        }
    }
    IS_OPENING.store(message.is_none(), Ordering::SeqCst);
}

/// It is open, or there was an error.
pub(super) fn opened() {
    IS_OPENING.store(false, Ordering::SeqCst);
}

/// Guards a mapping: if something truncates the file, the next access raises SIGBUS. That becomes the same error as any
/// other damage (promise 6).
#[cfg(unix)]
pub(super) fn guard(path: &Path, addresses: std::ops::Range<usize>) {
    let mut entry = Some(Guarded { addresses, message: cut_short(path) });
    for slot in &GUARDED {
        if let Some(guarded) = entry.take() {
            entry = slot.set(guarded).err();
        }
    }
    opened();
}

/// Turns an access beyond the end of a file that shrank into an error. Call it once.
#[cfg(unix)]
#[expect(unsafe_code, reason = "code in a signal handler must be async-signal-safe")]
fn catch_cut_files() {
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
        signal_hook::low_level::exit(i32::from(super::failure_code()));
    };
    // SAFETY: SIG_DFL is not a function. The standard library's handler, which would be called first, removes the
    // handlers: another thread that fails meanwhile would end the program by the signal.
    unsafe { libc::signal(SIGBUS, libc::SIG_DFL) };
    // SAFETY: the handler reads what was set before, writes with one system call and exits; it does
    // not allocate, lock or return to the faulting access.
    let _ = unsafe { signal_hook_registry::register_sigaction(SIGBUS, handler) };
}
