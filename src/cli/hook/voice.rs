//! The hook's output: lines that begin with `LOG:INFO` on standard output, and nothing on standard error. The hook or
//! its time limit writes, whichever is first. The other stays silent.

use std::fmt::Display;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastdiff::terminal::harmless;

/// The lines so far.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Whether the hook or the time limit writes already.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// From now on nothing reaches standard error, not even a panic.
pub(super) fn silence() {
    std::panic::set_hook(Box::new(|_| {}));
    #[cfg(unix)]
    if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stderr(null);
    }
    #[cfg(windows)]
    super::page::close_standard_error();
    super::super::signals::say_on_standard_output();
}

/// Adds one line that Duplicati takes for information. All are written at the end.
pub(super) fn say(message: impl Display) {
    let text = harmless(&message.to_string());
    // On Windows it depends on a code page what Duplicati reads, and a message needs no more than ASCII.
    let text = if cfg!(windows) { text.chars().map(ascii).collect() } else { text };
    lines().push(format!("LOG:INFO fastdiff: {text}\n"));
}

fn ascii(c: char) -> String {
    if c.is_ascii() { c.to_string() } else { c.escape_default().to_string() }
}

fn lines() -> std::sync::MutexGuard<'static, Vec<String>> {
    LINES.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Claims the output. False if the time limit has it: then it is too late to write anything.
pub(super) fn take() -> bool {
    !TAKEN.swap(true, Ordering::SeqCst)
}

/// Writes the lines, and then `options`. Only for the thread that claimed the output. True if all of it was written.
pub(super) fn write(options: &[u8]) -> bool {
    let mut bytes = std::mem::take(&mut *lines()).concat().into_bytes();
    bytes.extend_from_slice(options);
    if cfg!(windows) {
        // Duplicati splits the output there and nowhere else. No code page has this byte within a character.
        bytes = bytes.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
    }
    let mut out = std::io::stdout().lock();
    out.write_all(&bytes).and_then(|()| out.flush()).is_ok()
}

/// Adds that there is no list, and why.
pub(super) fn say_scan(why: &str) {
    say(format_args!("no list, so Duplicati scans everything: {why}"));
}

/// Writes that there is no list, and why, if nothing was written yet.
pub(super) fn last_word(why: &str) {
    say_scan(why);
    if take() {
        write(&[]);
    }
}

/// Ends the program when the time is over, whatever it is doing: a call to a server that does not answer cannot be
/// interrupted. It leaves behind what a crash would leave.
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
        "no list, so Duplicati scans everything: it took longer than {}; raise --run-script-timeout of Duplicati and --time-limit of the hook",
        humantime::format_duration(limit)
    ));
}
