//! Where a list goes: standard output, or a file that appears whole or not at all.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use fastdiff::Error;
use fastdiff::consumers::ListFile;

use super::{Failure, output_failure, signals};

/// An open destination.
pub(super) enum Output {
    Standard(BufWriter<io::StdoutLock<'static>>),
    /// Standard output, and it is a terminal.
    Terminal(Harmless<BufWriter<io::StdoutLock<'static>>>),
    File(ListFile),
}

impl Output {
    /// Opens `destination`; `-` and none are standard output.
    pub(super) fn open(destination: Option<&PathBuf>) -> Result<Self, Failure> {
        match destination {
            Some(path) if path != Path::new("-") => {
                // It looks whether there is a snapshot that must not be replaced.
                signals::opening(path);
                let file = ListFile::create(path);
                signals::opened();
                Ok(Self::File(file?))
            }
            _ => Ok(Self::Standard(BufWriter::with_capacity(1 << 16, io::stdout().lock()))),
        }
    }

    /// For a list that is meant for programs and holds names as they are: on a terminal no name may command it.
    pub(super) fn harmless_on_terminals(self) -> Self {
        match self {
            Self::Standard(out) if io::stdout().is_terminal() => Self::Terminal(Harmless { out, line: Vec::new() }),
            other => other,
        }
    }

    /// Whether the list goes to standard output.
    pub(super) fn is_standard(&self) -> bool {
        !matches!(self, Self::File(_))
    }

    pub(super) fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Standard(out) => out,
            Self::Terminal(out) => out,
            Self::File(file) => file,
        }
    }

    /// Makes sure that everything has arrived, and gives a file its name.
    pub(super) fn finish(self, for_people: bool) -> Result<(), Failure> {
        match self {
            Self::Standard(mut out) => out.flush().map_err(|e| output_failure(&e, for_people)),
            Self::Terminal(mut out) => out.finish().map_err(|e| output_failure(&e, for_people)),
            Self::File(_) if signals::interrupted() => Err(Error::Interrupted.into()),
            Self::File(file) => Ok(file.commit()?),
        }
    }
}

/// Passes lines on with every control character but newline and tab written as `\u` and four hexadecimal digits, which
/// in JSON is the character itself.
pub(super) struct Harmless<W> {
    out: W,
    /// What is not yet a whole line.
    line: Vec<u8>,
}

impl<W: Write> Harmless<W> {
    fn pass_on(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        for c in String::from_utf8_lossy(&line).chars() {
            if c.is_control() && !matches!(c, '\n' | '\t') {
                write!(self.out, "\\u{:04x}", u32::from(c))?;
            } else {
                write!(self.out, "{c}")?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.pass_on()?;
        self.out.flush()
    }
}

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A character may come in pieces, but never over the end of a line.
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.pass_on()?;
            }
        }
        Ok(bytes.len())
    }

    /// An unfinished line waits for its end.
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_reaches_a_terminal() {
        let mut out = Harmless { out: Vec::new(), line: Vec::new() };
        for byte in "a\u{1b}[2Jb\tc\u{9b}d\u{7f}é\nnext\0".bytes() {
            out.write_all(&[byte]).expect("a vector takes all");
        }
        out.write_all(b"\x9b").expect("a vector takes all");
        out.finish().expect("a vector takes all");
        let text = String::from_utf8(out.out).expect("text");
        assert_eq!(text, "a\\u001b[2Jb\tc\\u009bd\\u007fé\nnext\\u0000\u{fffd}");
    }
}
