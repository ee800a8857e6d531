//! Why a consumer's format cannot carry a list (promise 5).

use std::path::PathBuf;

use crate::metadata::Kind;
use crate::path::PathExt as _;

/// Why there is no list for a consumer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A path cannot stand in its list.
    #[error("{} {why}", path.shown())]
    Path {
        /// The path.
        path: PathBuf,
        /// What is wrong with it, as a verb phrase.
        why: &'static str,
    },
    /// A name with a newline in a list with a name on each line.
    #[error("{} holds a newline, and the list has one name on each line", .0.shown())]
    Newline(PathBuf),
    /// It cannot copy one kind of entry over another.
    #[error("{} was a {was} and is a {is} now, and it cannot copy one over the other", path.shown())]
    KindChanged {
        /// The path.
        path: PathBuf,
        /// What it was.
        was: Kind,
        /// What it is.
        is: Kind,
    },
    /// Two names that are one at the destination.
    #[error("{} and {} are one name at the destination, which can hold only one of them", path.shown(), other.shown())]
    SameName {
        /// A path.
        path: PathBuf,
        /// The other one.
        other: PathBuf,
    },
    /// It has no list of this part.
    #[error("it takes no list of {part}: {why}")]
    Part {
        /// The part.
        part: &'static str,
        /// Why it has no use for it.
        why: &'static str,
    },
    /// It would misread the empty list of what changed, and something was removed.
    #[error("there are only removals to list, and {misread}")]
    OnlyRemovals {
        /// What it would do with an empty list.
        misread: String,
    },
    /// Its job database is not given: files with several stored versions cannot be listed.
    #[error(
        "its job database is not given: without the paths that have several versions, old content may get into the new backup"
    )]
    NoDatabase,
    /// The snapshots are of another kind of system.
    #[error("the snapshots were taken on another system ({0}); make the list there")]
    OtherSystem(&'static str),
    /// There is nothing to compare with, so that this is a first backup.
    #[error("there is no baseline {}", .0.shown())]
    NoBaseline(PathBuf),
    /// Anything else, in the words of the consumer.
    #[error("{0}")]
    Other(String),
}

impl<T: Into<String>> From<T> for Refusal {
    fn from(why: T) -> Self {
        Self::Other(why.into())
    }
}
