//! Warnings: what was not read, or not as asked.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::path::PathExt as _;

/// Something that was not read, or not as asked; the run goes on.
#[derive(Debug)]
#[non_exhaustive]
pub struct Warning {
    /// The entry.
    pub path: PathBuf,
    /// What happened to it.
    pub cause: Cause,
}

/// What happened to an entry that a [`Warning`] is about.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The listing could not be read to its end: the entries below are unknown.
    Unlisted(io::Error),
    /// The entry's metadata could not be read: it is unknown.
    Unread(io::Error),
    /// A file that decides about an exclusion could not be read; the directory is kept.
    Marker(io::Error),
    /// A mount that shows one of its own ancestors: recorded, not entered.
    Loop,
    /// It changed, and the hints did not name it: they are not relied on any more.
    NoHint,
    /// It changed, and the inode tables of its file system did not show it: they are not relied on any more.
    NotShown,
}

impl Warning {
    /// Whether the result is incomplete because of it (exit code 3).
    pub fn is_incomplete(&self) -> bool {
        matches!(self.cause, Cause::Unlisted(_) | Cause::Unread(_))
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.shown();
        match &self.cause {
            Cause::Unlisted(e) => write!(f, "cannot list {path}: {e} (its entries are unknown, not removed)"),
            Cause::Unread(e) => write!(f, "cannot read the metadata of {path}: {e} (unknown, not removed)"),
            Cause::Marker(e) => write!(f, "cannot read {path}: {e} (its directory is kept)"),
            Cause::NotShown => write!(f, "{path} changed and the inode tables of its file system did not show it"),
            Cause::NoHint => write!(f, "{path} changed and no hint named it"),
            Cause::Loop => write!(f, "{path} shows one of its own ancestors; not entered"),
        }
    }
}
