//! What is wrong with a root, and how a root can change between two runs (promise 8).

use std::io;
use std::path::PathBuf;

use crate::metadata::Kind;
use crate::path::PathExt as _;

/// Why a root cannot be scanned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootProblem {
    /// No root was given.
    #[error("no root was given")]
    NoRoot,
    /// Its path is empty.
    #[error("the path is empty")]
    EmptyPath,
    /// There is nothing there.
    #[error("does not exist")]
    Missing,
    /// It is something else than a directory.
    #[error("is a {0}, not a directory")]
    OtherKind(Kind),
    /// It is not a directory any more, or something on the way to it is not one.
    #[error("is not a directory")]
    NotADirectory,
    /// The system refuses to list it.
    #[error("cannot be listed: {0}")]
    Unlisted(io::Error),
    /// Its path goes through `..` behind a symlink.
    #[error("`..` follows a symlink, so it may mean {} or another directory", .0.shown())]
    BehindSymlink(PathBuf),
    /// It lies inside of another root.
    #[error("lies inside of the root {}", .0.shown())]
    Nested(PathBuf),
    /// It is the same directory as another root, by a symlink or a mount.
    #[error("is the same directory as the root {}, so everything would be listed twice", .0.shown())]
    Same(PathBuf),
    /// It lies in a directory where the caller keeps files of its own, which is not scanned.
    #[error("lies in {}, where fastdiff keeps its own state", .0.shown())]
    OwnState(PathBuf),
    /// It was replaced while it was read.
    #[error("was moved or unmounted while it was read")]
    Moved,
    /// Relative paths were asked for, and it is one of several roots.
    #[error("is one of several roots, so no path is relative to it alone")]
    OneOfSeveral,
}

/// What changed about a root, or about a mount point below one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootChange {
    /// Another file system is mounted there.
    #[error("was on the file system {before} and is now on {now}")]
    FileSystem {
        /// What was mounted.
        before: String,
        /// What is mounted now.
        now: String,
    },
    /// Another directory is there.
    #[error("is another directory than before, so its content may be different")]
    OtherDirectory,
    /// A snapshot of a file system that is not, as far as the system tells, one of the same file system as before.
    #[error("is not a snapshot of the same subvolume as before")]
    OtherOrigin,
    /// It held entries before.
    #[error("held entries before and is empty now")]
    Emptied,
    /// A mount point vanished.
    #[error("was the mount point of {before} and is gone")]
    MountGone {
        /// What was mounted.
        before: String,
    },
    /// A mount point is not a directory any more.
    #[error("was the mount point of {before} and is a {now} now")]
    MountReplaced {
        /// What was mounted.
        before: String,
        /// What is there now.
        now: Kind,
    },
    /// Another file system is mounted at a mount point, or none.
    #[error("was the mount point of {before} and is on {now} now")]
    MountMoved {
        /// What was mounted.
        before: String,
        /// On what it lies now.
        now: String,
    },
    /// What was mounted at a place below a root is not mounted there any more.
    #[error("had {before} mounted on it and does not now")]
    Unmounted {
        /// What was mounted.
        before: String,
    },
    /// Something is mounted on a directory below a root and hides what it held.
    #[error("held entries that are hidden now: {now} is mounted on it")]
    Covered {
        /// What is mounted.
        now: String,
    },
    /// A directory became a btrfs subvolume, which a snapshot of what holds it lacks.
    #[error("held entries before and is a subvolume of its own now, which this snapshot does not hold")]
    NestedSubvolume,
    /// It was walked, and afterwards the system refused to look at it, or did not answer.
    #[error("was walked, and cannot be checked now: {0}")]
    Unseen(io::Error),
}
