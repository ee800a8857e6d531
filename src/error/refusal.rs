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
    #[error("{} was a {was} and is a {is} now, and it cannot copy the one over the other", path.shown())]
    KindChanged {
        /// The path.
        path: PathBuf,
        /// What it was.
        was: Kind,
        /// What it is.
        is: Kind,
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
    #[error("only removals are to be listed, and {misread}")]
    OnlyRemovals {
        /// What it would do with an empty list.
        misread: String,
    },
    /// Without a list it scans everything by itself, which is safe.
    #[error("{0}")]
    ScansInstead(String),
    /// Its job database is not given: files with several stored versions cannot be listed.
    #[error(
        "its job database is not given, and without it files with several versions may get old content in the new backup"
    )]
    NoDatabase,
    /// There is nothing to compare with. Without a list it scans everything, as a first backup has to.
    #[error("there is no baseline {}", .0.shown())]
    NoBaseline(PathBuf),
}

impl Refusal {
    /// Whether the consumer scans everything by itself if it gets no list: it may be started without one.
    pub fn is_safe_without_list(&self) -> bool {
        matches!(self, Self::ScansInstead(_) | Self::NoDatabase | Self::NoBaseline(_))
    }
}
