//! Change sources: whatever can say where a tree changed since the base began, so that the scan need not look
//! everywhere (promise 4). docs/hints.md describes the forms that users see.
//!
//! A source is one file with one type that implements [`ChangeSource`]. Its [`SourceAnswer`] says three things:
//!
//! - what may have changed: paths, or directories of the base by row ([`Dirty`]);
//! - since when that is complete, and what the claim rests on ([`CompleteSince`]). [`SourceAnswer::prove`] checks it
//!   against the base; a source never decides that itself;
//! - what it cannot see ([`BlindSpots`]). The scan looks there on its own.
//!
//! What a source says is never written into a snapshot: records come from `statx` alone.

mod answer;
mod dirty;
mod inodes;
mod list;
mod proof;
mod roots;
mod watchman;

use std::path::{Path, PathBuf};

pub(crate) use self::answer::{BlindSpots, SourceAnswer};
pub(crate) use self::dirty::{Dirty, DirtyId, DirtyRows};
pub use self::inodes::PartUse;
pub(crate) use self::inodes::{InodeAnswer, InodeQuestion, ask as ask_inodes};
pub use self::proof::HintsProblem;
pub(crate) use self::proof::{BaseFacts, CompleteSince};
pub(crate) use self::roots::RootNames;
use crate::{Error, Result};

/// Something that can say where a tree changed.
pub(crate) trait ChangeSource {
    /// What may have changed below these roots. Costs time and memory in proportion to the answer.
    ///
    /// # Errors
    /// A text that says what is wrong with the source; that the answer proves nothing is not an error.
    fn ask(&self, roots: &[RootNames]) -> Result<SourceAnswer, String>;
}

/// The answer in a file or stream that a user gave: an answer of watchman, or a list of paths. `name` is where it came
/// from.
///
/// # Errors
/// [`Error::Hints`] if it is neither.
pub(crate) fn read(bytes: &[u8], name: &Path, roots: &[RootNames]) -> Result<SourceAnswer> {
    let source: &dyn ChangeSource = if bytes.trim_ascii_start().starts_with(b"{") {
        &watchman::WatchmanAnswer { json: bytes }
    } else {
        &list::PathList { bytes }
    };
    source.ask(roots).map_err(|reason| Error::Hints { name: PathBuf::from(name), reason })
}

#[cfg(test)]
mod tests;
