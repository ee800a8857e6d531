//! How the hook speaks: lines that begin with `LOG:INFO` on standard output, nothing on standard error. Whoever comes first, the
//! hook or its time limit, has the word; the other is silent.

use std::fmt::Display;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastdiff::terminal::harmless;

/// What is said so far.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Whether somebody has the word.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Nothing reaches standard error from now on, not even of a panic.
pub(super) fn silence() {
    std::panic::set_hook(Box::new(|_| {}));
    #[cfg(unix)]
    if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stderr(null);
    }
    // Elsewhere the script that calls the hook throws standard error away.
    super::super::signals::say_on_standard_output();
}

/// One line that Duplicati takes for information. It is written with all the others at the end.
pub(super) fn say(message: impl Display) {
    lines().push(format!("LOG:INFO fastdiff: {}\n", harmless(&message.to_string())));
}

fn lines() -> std::sync::MutexGuard<'static, Vec<String>> {
    LINES.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Takes the word. False if the time limit has it: then it is too late to say anything.
pub(super) fn take() -> bool {
    !TAKEN.swap(true, Ordering::SeqCst)
}

/// Writes what was said, and then `options`. To be called by whoever has the word. True if all has arrived.
pub(super) fn write(options: &[u8]) -> bool {
    let mut bytes = std::mem::take(&mut *lines()).concat().into_bytes();
    bytes.extend_from_slice(options);
    let mut out = std::io::stdout().lock();
    out.write_all(&bytes).and_then(|()| out.flush()).is_ok()
}

/// Says that there is no list, and why, if nobody has spoken yet.
pub(super) fn last_word(why: &str) {
    say(format_args!("no list, so that Duplicati scans everything: {why}"));
    if take() {
        write(&[]);
    }
}

/// Ends the program when the time is over, whatever it is doing: a call that a dead server does not answer cannot be
/// interrupted. What it leaves behind is what a crash would leave.
pub(super) fn watch(until: Instant, limit: Duration) {
    let watch = move || {
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
        if take() {
            say_too_late(limit);
            write(&[]);
            // Standard output has no buffer that would be lost.
            std::process::exit(0);
        }
    };
    // Without the thread the walk still ends at its next directory.
    let _ = std::thread::Builder::new().name("time limit".into()).spawn(watch);
}

/// The reason that the time limit gives.
pub(super) fn say_too_late(limit: Duration) {
    say(format_args!(
        "no list, so that Duplicati scans everything: it took longer than {}; raise --run-script-timeout of Duplicati and --time-limit of the hook",
        humantime::format_duration(limit)
    ));
}
