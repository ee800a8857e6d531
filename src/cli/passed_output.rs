//! Passes the output of a command on as it comes, byte for byte, and reads in it how much the program stored.
//!
//! A terminal is left to the command: programs write other things to one.

use std::fs::File;
use std::io::{self, IsTerminal as _, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

use fastdiff::consumers::{Consumer, ListedFiles, OutputStream};
use fastdiff::path::PathExt as _;
use indicatif::HumanCount;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::snap::counted;

/// No line that says how much was stored is longer.
const LONGEST_LINE: usize = 64 * 1024;

/// Names the socket of the journal, if that is where a stream leads. Programs prefix their lines for it.
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// The output of a command that is about to be started.
pub(super) struct PassedOutput {
    stream: OutputStream,
    /// It is closed when the command has ended.
    is_running: PipeWriter,
    passing: JoinHandle<Option<u64>>,
}

impl PassedOutput {
    /// Takes the place of a stream of the command. None if that is a terminal, or cannot be taken.
    pub(super) fn of(command: &mut Command, stream: OutputStream, consumer: &'static dyn Consumer) -> Option<Self> {
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
        let lines = Lines { line: Vec::new(), last: None, consumer };
        let passing = thread::Builder::new().spawn(move || pass(from, to, &ended, lines)).ok()?;
        if let Some(identity) = journal.flatten().and_then(|writer| identity(&File::from(writer))) {
            command.env(JOURNAL_STREAM, identity);
        }
        set(command, stream, Stdio::from(writer));
        Some(Self { stream, is_running, passing })
    }

    /// The command was started, or could not be: from now on nobody but the command has the other end.
    pub(super) fn started(&self, command: &mut Command) {
        set(command, self.stream, Stdio::inherit());
    }

    /// The command has ended: the last count that it wrote.
    pub(super) fn ended(self) -> Option<u64> {
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

fn set(command: &mut Command, stream: OutputStream, to: Stdio) {
    match stream {
        OutputStream::Output => command.stdout(to),
        OutputStream::Error => command.stderr(to),
    };
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

/// Puts lines together.
struct Lines {
    line: Vec<u8>,
    last: Option<u64>,
    consumer: &'static dyn Consumer,
}

impl Lines {
    fn add(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            if self.line.len() + part.len() <= LONGEST_LINE {
                self.line.extend_from_slice(part);
            }
            if part.ends_with(b"\n") || part.ends_with(b"\r") {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        self.last = self.consumer.stored_files(self.line.trim_ascii_end()).or(self.last);
        self.line.clear();
    }

    fn end(mut self) -> Option<u64> {
        self.end_line();
        self.last
    }
}

/// What the count says of a run that succeeded.
pub(super) enum StoredEnough {
    Yes,
    /// Fewer than there should be.
    Few(String),
    /// Nothing at all.
    Nothing(String),
}

impl StoredEnough {
    /// Compares the count with what the list names. Some files may be gone by now.
    pub(super) fn of(consumer: &dyn Consumer, listed: Option<&ListedFiles>, stored: Option<u64>) -> Self {
        let (Some(listed), Some(stored)) = (listed, stored) else { return Self::Yes };
        if u128::from(stored) * 10 >= u128::from(listed.count) * 9 {
            return Self::Yes;
        }
        let files = counted(listed.count, "listed regular file", "listed regular files");
        let title = consumer.title();
        if stored == 0 && listed.first.symlink_metadata().is_ok() {
            return Self::Nothing(format!(
                "{title} says that it stored none of {files}, such as {}",
                listed.first.shown()
            ));
        }
        Self::Few(format!("{title} says that it stored {} of {files}", HumanCount(stored)))
    }
}
