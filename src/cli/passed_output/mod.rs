//! Passes the output of a command on as it comes, byte for byte, and reads in it how much the program stored.
//!
//! A terminal is left to the command: programs write other things to one.

#[cfg(unix)]
#[path = "unix.rs"]
mod system;
#[cfg(windows)]
#[path = "windows.rs"]
mod system;

use std::process::{Command, Stdio};

use fastdiff::consumers::{Consumer, ListedFiles, OutputStream};
use fastdiff::path::PathExt as _;
use indicatif::HumanCount;

use super::snap::counted;
pub(super) use system::PassedOutput;

/// No line that says how much was stored is longer.
const LONGEST_LINE: usize = 64 * 1024;

fn set(command: &mut Command, stream: OutputStream, to: Stdio) {
    match stream {
        OutputStream::Output => command.stdout(to),
        OutputStream::Error => command.stderr(to),
    };
}

/// Puts lines together.
struct Lines {
    line: Vec<u8>,
    last: Option<u64>,
    consumer: &'static dyn Consumer,
}

impl Lines {
    fn new(consumer: &'static dyn Consumer) -> Self {
        Self { line: Vec::new(), last: None, consumer }
    }

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
