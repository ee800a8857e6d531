//! Why a file cannot be written to its destination.

/// Why a destination is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutputProblem {
    /// The path ends without a name.
    #[error("is not a file name")]
    NoName,
    /// A directory is there.
    #[error("is a directory")]
    Directory,
    /// A symlink is there; it is not followed.
    #[error("is a symbolic link, which is not followed")]
    Symlink,
    /// Something else is there that is not a regular file.
    #[error("exists and is not a regular file")]
    NotAFile,
    /// A snapshot replaces nothing but a snapshot.
    #[error("exists and is not a snapshot, so it is not replaced")]
    NotASnapshot,
    /// A list does not replace a snapshot.
    #[error("is a snapshot, which a list does not replace")]
    Snapshot,
    /// The base is an overlay over this file.
    #[error("is needed by the base")]
    BelowBase,
    /// The snapshot would pass a limit of the format.
    #[error("would hold more than 4,294,967,295 directories")]
    TooManyDirectories,
}
