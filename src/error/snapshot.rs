//! What is wrong with a file that should be a snapshot (promise 6).

use std::path::PathBuf;

use crate::path::PathExt as _;

/// What is wrong with a file that should be a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotProblem {
    /// There is no such file.
    #[error("does not exist")]
    Missing,
    /// Not a regular file.
    #[error("is {0}, not a snapshot file")]
    NotAFile(&'static str),
    /// The file is empty.
    #[error("is empty")]
    Empty,
    /// The magic bytes are missing.
    #[error("is not a fastdiff snapshot")]
    NotASnapshot,
    /// Written by another version of the format.
    #[error("has format version {found}, this program reads version {expected}")]
    Version {
        /// The file's version.
        found: u32,
        /// This program's version.
        expected: u32,
    },
    /// An overlay whose base is not there.
    #[error("is an overlay, and its base {}: {}", if *is_replaced { "was replaced" } else { "is gone" }, base.shown())]
    NoBase {
        /// Where the base was.
        base: PathBuf,
        /// Another snapshot is in its place.
        is_replaced: bool,
    },
    /// Shorter than any header.
    #[error("is {actual} bytes long, shorter than the header of a snapshot: it was cut short")]
    CutInHeader {
        /// By the file system.
        actual: u64,
    },
    /// Shorter (or longer) than its header says.
    #[error("is {actual} bytes long and should be {expected}: it was cut short or appended to")]
    Length {
        /// By the header.
        expected: u64,
        /// By the file system.
        actual: u64,
    },
    /// A digest or a bound does not hold.
    #[error("is damaged ({0})")]
    Damaged(String),
}
