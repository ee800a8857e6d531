//! Passes on with a thread that reads until the pipe is closed. Whoever the command started may hold it open for ever:
//! then what has come by the end of the command counts.

use std::fs::File;
use std::io::{self, IsTerminal as _, PipeReader, Read as _, Write as _};
use std::os::windows::io::AsHandle as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use fastdiff::consumers::{Consumer, OutputStream};

use super::{Lines, set};

/// How long to wait for more when the command has ended.
const MORE: Duration = Duration::from_millis(500);

/// What has come.
enum Passed {
    /// The count after some bytes.
    Count(Option<u64>),
    /// The end.
    End(Option<u64>),
}

/// The output of a command that is about to be started.
pub(in super::super) struct PassedOutput {
    stream: OutputStream,
    passed: Receiver<Passed>,
}

impl PassedOutput {
    /// Takes the place of a stream of the command. None if that is a terminal, or cannot be taken.
    pub(in super::super) fn of(
        command: &mut Command,
        stream: OutputStream,
        consumer: &'static dyn Consumer,
    ) -> Option<Self> {
        let (is_terminal, to) = match stream {
            OutputStream::Output => (io::stdout().is_terminal(), io::stdout().as_handle().try_clone_to_owned()),
            OutputStream::Error => (io::stderr().is_terminal(), io::stderr().as_handle().try_clone_to_owned()),
        };
        if is_terminal {
            return None;
        }
        let to = File::from(to.ok()?);
        let (from, writer) = io::pipe().ok()?;
        let (send, passed) = mpsc::channel();
        thread::Builder::new().spawn(move || pass(from, to, Lines::new(consumer), &send)).ok()?;
        set(command, stream, Stdio::from(writer));
        Some(Self { stream, passed })
    }

    /// The command was started, or could not be: from now on nobody but the command has the other end.
    pub(in super::super) fn started(&self, command: &mut Command) {
        set(command, self.stream, Stdio::inherit());
    }

    /// The command has ended: the last count that it wrote.
    pub(in super::super) fn ended(self) -> Option<u64> {
        let mut last = None;
        loop {
            match self.passed.recv_timeout(MORE) {
                Ok(Passed::Count(count)) => last = count,
                Ok(Passed::End(count)) => return count,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return last,
            }
        }
    }
}

/// Passes everything on until the pipe is closed at either end.
fn pass(mut from: PipeReader, mut to: File, mut lines: Lines, passed: &Sender<Passed>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
            Ok(length) => {
                lines.add(&buffer[..length]);
                // The command finds its reader gone, as it would without us.
                if to.write_all(&buffer[..length]).is_err() {
                    break;
                }
                // Nobody may listen any more: the command has ended.
                let _ = passed.send(Passed::Count(lines.last));
            }
        }
    }
    let _ = passed.send(Passed::End(lines.end()));
}
