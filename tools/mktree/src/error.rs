//! The one error type and its exit codes.

use std::io;
use std::path::{Path, PathBuf};

/// Why nothing, or not everything, was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The arguments ask for something that is not possible or not safe; nothing was touched.
    #[error("{0}")]
    Refused(String),

    /// A system call failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// 2 when the request was refused, 1 when it failed on the way.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => 2,
            Self::Io { .. } => 1,
        }
    }
}

/// Puts the action and the path onto an I/O error.
pub(crate) trait Context<T> {
    fn context(self, action: &'static str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, action: &'static str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|source| Error::Io { action, path: path.as_ref().to_owned(), source: source.into() })
    }
}
