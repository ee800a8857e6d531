//! Passes on with poll(2): what the command wrote is all there when it has ended, and whoever it started may hold the
//! pipe open for ever.

use std::fs::File;
use std::io::{self, IsTerminal as _, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

use fastdiff::consumers::{Consumer, OutputStream};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::{Lines, set};

/// Names the socket of the journal, if that is where a stream leads. Programs prefix their lines for it.
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// The output of a command that is about to be started.
pub(in super::super) struct PassedOutput {
    stream: OutputStream,
    /// It is closed when the command has ended.
    is_running: PipeWriter,
    passing: JoinHandle<Option<u64>>,
}

impl PassedOutput {
    /// Takes the place of a stream of the command. None if that is a terminal, or cannot be taken.
    pub(in super::super) fn of(
        command: &mut Command,
        stream: OutputStream,
        consumer: &'static dyn Consumer,
    ) -> Option<Self> {
        let (is_terminal, to) = match stream {
            OutputStream::Output => (io::stdout().is_terminal(), rustix::stdio::stdout()),
            OutputStream::Error => (io::stderr().is_terminal(), rustix::stdio::stderr()),
        };
        if is_terminal {
            return None;
        }
        let to = File::from(to.try_clone_to_owned().ok()?);
        let (from, writer) = io::pipe().ok()?;
        let (ended, is_running) = io::pipe().ok()?;
        let journal = is_journal(&to).then(|| writer.as_fd().try_clone_to_owned().ok());
        let lines = Lines::new(consumer);
        let passing = thread::Builder::new().spawn(move || pass(from, to, &ended, lines)).ok()?;
        if let Some(identity) = journal.flatten().and_then(|writer| identity(&File::from(writer))) {
            command.env(JOURNAL_STREAM, identity);
        }
        set(command, stream, Stdio::from(writer));
        Some(Self { stream, is_running, passing })
    }

    /// The command was started, or could not be: from now on nobody but the command has the other end.
    pub(in super::super) fn started(&self, command: &mut Command) {
        set(command, self.stream, Stdio::inherit());
    }

    /// The command has ended: the last count that it wrote.
    pub(in super::super) fn ended(self) -> Option<u64> {
        drop(self.is_running);
        self.passing.join().ok().flatten()
    }
}

/// Passes everything on until the command has closed the stream, or has ended and all that it wrote is passed on.
fn pass(mut from: PipeReader, mut to: File, ended: &PipeReader, mut lines: Lines) -> Option<u64> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // What the command left in the pipe is there. Whoever it started may hold the pipe open for ever.
        match wait(from.as_fd(), ended.as_fd()) {
            Ok(is_ended) if !is_ended || is_ready(from.as_fd()) => {}
            _ => return lines.end(),
        }
        match from.read(&mut buffer) {
            Ok(0) => return lines.end(),
            Ok(length) => {
                lines.add(&buffer[..length]);
                // The command finds its reader gone, as it would without us.
                if write_whole(&mut to, &buffer[..length]).is_err() {
                    return lines.end();
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return lines.end(),
        }
    }
}

/// Writes all of it, also where the stream says that it would have to wait.
fn write_whole(to: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                match poll(&mut [PollFd::from_borrowed_fd(to.as_fd(), PollFlags::OUT)], None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(e) => return Err(e.into()),
                }
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

fn identity(file: &File) -> Option<String> {
    let found = file.metadata().ok()?;
    Some(format!("{}:{}", found.dev(), found.ino()))
}

fn is_journal(file: &File) -> bool {
    std::env::var(JOURNAL_STREAM).is_ok_and(|named| identity(file) == Some(named))
}

/// Waits until there is something to read, or the command has ended: whether it has.
fn wait(from: BorrowedFd<'_>, ended: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    let mut both = [PollFd::from_borrowed_fd(from, PollFlags::IN), PollFd::from_borrowed_fd(ended, PollFlags::IN)];
    loop {
        match poll(&mut both, None) {
            Err(Errno::INTR) => {}
            other => return other.map(|_| !both[1].revents().is_empty()),
        }
    }
}

/// Whether a read would not wait.
fn is_ready(from: BorrowedFd<'_>) -> bool {
    let mut one = [PollFd::from_borrowed_fd(from, PollFlags::IN)];
    let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut one, Some(&at_once)).is_ok_and(|ready| ready > 0)
}
