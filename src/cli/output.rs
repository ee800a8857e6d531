//! Where a list goes: standard output, or a file that appears whole or not at all.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use fastdiff::Error;
use fastdiff::consumers::ListFile;
use fastdiff::terminal::HarmlessLines;

use super::{Failure, output_failure, signals};

/// An open destination.
pub(super) enum Output {
    Standard(BufWriter<io::StdoutLock<'static>>),
    /// Standard output, and it is a terminal.
    Terminal(HarmlessLines<BufWriter<io::StdoutLock<'static>>>),
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

    /// For a list that is meant for programs and holds names as they are: no name may control a terminal.
    pub(super) fn harmless_on_terminals(self) -> Self {
        match self {
            Self::Standard(out) if io::stdout().is_terminal() => Self::Terminal(HarmlessLines::new(out)),
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
