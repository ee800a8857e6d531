//! Signals of Unix, and the limits of a process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{INTERRUPTED, SIGNAL, cut_files};

/// Prepares the signals and limits that every command needs.
pub(in super::super) fn prepare() {
    raise_open_file_limit();
    ignore_size_limit();
    cut_files::catch();
    keep_ended_children();
}

/// If SIGCHLD is ignored, as the parent may have left it, the kernel discards the exit codes of our children.
#[expect(unsafe_code, reason = "signal-hook can only handle a signal, not restore its default")]
fn keep_ended_children() {
    // SAFETY: the default of a signal runs no code.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Notices interrupting signals instead of ending the program at once, so that no half file stays. A second signal ends
/// it.
pub(in super::super) fn catch() {
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

/// Beyond the size limit of a file, a write must fail instead of ending the program with half a file.
#[expect(unsafe_code, reason = "signal-hook can only handle a signal, not ignore it")]
fn ignore_size_limit() {
    // SAFETY: ignoring a signal runs no code.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Whether the signal is ignored, as it was when the program began.
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

fn flag() -> std::sync::Arc<AtomicBool> {
    static FLAG: OnceLock<std::sync::Arc<AtomicBool>> = OnceLock::new();
    std::sync::Arc::clone(FLAG.get_or_init(Default::default))
}

#[expect(unsafe_code, reason = "code in a signal handler must be async-signal-safe")]
fn register(signal: i32) -> std::io::Result<signal_hook::SigId> {
    let flag = flag();
    let noticed = move |info: &libc::siginfo_t| {
        if super::super::forward::pass_on(signal, info.si_code) {
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
pub(in super::super) fn die_of_signal() {
    let signal = SIGNAL.load(Ordering::SeqCst);
    if signal != 0 {
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
}

/// How many files could be open when the program began.
static OPEN_FILES: OnceLock<rustix::process::Rlimit> = OnceLock::new();

/// Allows as many open files as the system does: the walker holds one for each directory whose children wait.
fn raise_open_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = OPEN_FILES.get_or_init(|| getrlimit(Resource::Nofile));
    // If this is refused the old limit remains, which is enough except for the deepest trees.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// Starts a program with the limits and signals that this one was started with.
#[expect(unsafe_code, reason = "signal-hook can only handle a signal, not put its default back")]
pub(in super::super) fn as_it_began<T>(start: impl FnOnce() -> T) -> T {
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

/// After an interruption was taken, the next signal counts as the first again.
pub(super) fn forget() {
    flag().store(false, Ordering::SeqCst);
}
