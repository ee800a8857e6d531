//! Why a place cannot hold what is to be the user's alone: the state of jobs and their definitions.

use std::path::PathBuf;

use crate::path::PathExt as _;

/// Why a file or directory is not used for the state or the definitions of jobs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceProblem {
    /// It is another user's, who can change it at any moment.
    #[error("belongs to user {owner}, and user {user} runs fastdiff")]
    Owner {
        /// The user that it belongs to.
        owner: u32,
        /// The user that runs the program.
        user: u32,
    },
    /// It does not exist. The directory that it would be made in is another user's, who could not use it then.
    #[error("lies in {}, which belongs to user {owner}, and user {user} runs fastdiff", dir.shown())]
    InDirectoryOf {
        /// That directory.
        dir: PathBuf,
        /// The user that it belongs to.
        owner: u32,
        /// The user that runs the program.
        user: u32,
    },
    /// Others than its owner can add, remove and replace what is in it.
    #[error("others can write to it (mode {mode:o})")]
    Writable {
        /// The permission bits.
        mode: u32,
    },
    /// A symlink is there; it is not followed.
    #[error("is a symbolic link, which is not followed")]
    Symlink,
    /// A regular file should be there.
    #[error("is not a regular file")]
    NotAFile,
    /// A directory should be there.
    #[error("is not a directory")]
    NotADirectory,
}
