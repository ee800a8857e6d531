//! Runs the command of a job to its end. A signal that asks this program to stop is passed on to it.

#[cfg(unix)]
#[path = "unix.rs"]
mod system;
#[cfg(windows)]
#[path = "windows.rs"]
mod system;

use std::process::{Command, ExitStatus};

use fastdiff::consumers::{Consumer, OutputStream};

pub(super) use self::system::code_of;
use self::system::{ProcessGroup, interrupt, wait_for};
use super::passed_output::PassedOutput;
use super::{forward, signals};

/// A command that has ended.
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    /// The signal that asked to stop meanwhile.
    pub(super) signal: Option<i32>,
    /// How many files it said that it stored.
    pub(super) stored: Option<u64>,
}

/// A command that says on a stream how many files it stored, and who knows how.
pub(super) type CountStream = Option<(OutputStream, &'static dyn Consumer)>;

/// Runs commands one after the other, as long as each ends with a code that means success. Gives how the last one
/// ended, and what that said that it stored.
///
/// # Errors
/// Why one could not be started.
pub(super) fn run_each(
    commands: &mut [Command],
    counts: CountStream,
    started: impl Fn(u32),
    is_success: impl Fn(Option<i32>) -> bool,
) -> std::io::Result<Finished> {
    let Some((last, before)) = commands.split_last_mut() else { return Err(std::io::ErrorKind::InvalidInput.into()) };
    for command in before {
        let finished = run(command, None, &started)?;
        if finished.signal.is_some() || !is_success(finished.status.code()) {
            return Ok(finished);
        }
    }
    run(last, counts, started)
}

/// Runs a command to its end. `started` is called with the number of its process. `counts` names the stream on which it
/// says how many files it stored, and who knows how.
///
/// # Errors
/// Why it could not be started.
fn run(command: &mut Command, counts: CountStream, started: impl FnOnce(u32)) -> std::io::Result<Finished> {
    let passed = counts.and_then(|(stream, consumer)| PassedOutput::of(command, stream, consumer));
    let group = ProcessGroup::begin();
    let child = signals::as_it_began(|| command.spawn());
    if let Some(passed) = &passed {
        passed.started(command);
    }
    let mut child = child?;
    let id = child.id().cast_signed();
    forward::begin(id);
    if let Some(signal) = signals::take_interruption() {
        forward::pass(signal);
        interrupt(&mut child);
    }
    started(child.id());
    wait_for(&mut child);
    let stored = passed.and_then(PassedOutput::ended);
    forward::end();
    let status = child.wait()?;
    group.end();
    // A handler in another thread may still be at work when the command has ended.
    Ok(Finished { status, signal: forward::passed(), stored })
}
