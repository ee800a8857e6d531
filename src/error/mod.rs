//! The one error type of the library, and warnings. An error stops a run. A warning is data that reaches the monitor
//! and the exit code. Nothing here prints.
//!
//! The rules for errors:
//!
//! - A variant is named after what is the case, and carries the facts: the path, the run, the limit. Whoever has to
//!   decide something matches on the variant. No code looks into the text of an error.
//! - `Display` is one line that says what happened, and to what. It does not say what to do: it names no option and no
//!   command of the program. The program adds its advice itself (`cli/advice.rs`), another caller adds its own.
//! - A `String` inside of an error is what another library, another program or the system said.
//! - [`Error::Io`] names the operation and the path.
//! - One file for each kind of problem. A new problem is a new variant there, its text and its advice.

mod job;
mod output;
mod pattern;
mod place;
mod refusal;
mod root;
mod scope;
mod snapshot;
mod source;
mod warning;

use std::io;
use std::path::{Path, PathBuf};

pub use job::{JobProblem, StateDamage};
pub use output::OutputProblem;
pub use pattern::PatternProblem;
pub use place::PlaceProblem;
pub use refusal::Refusal;
pub use root::{RootChange, RootProblem};
pub use scope::{ScopeDifference, ScopePart};
pub use snapshot::SnapshotProblem;
pub use source::SourceProblem;
pub use warning::{Cause, Warning};

use crate::path::PathExt as _;
pub(crate) use pattern::place;
pub(crate) use scope::listed;

/// What a fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a run stopped. `Display` gives one line: what happened, and to what.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call failed.
    #[error("cannot {operation} {}: {source}", path.shown())]
    Io {
        /// The operation, as a verb that fits after "cannot".
        operation: &'static str,
        /// The file or directory that it was for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// Only the inode tables should be read, and they cannot be.
    #[error("the inode tables below {} cannot be used: {problem}", path.shown())]
    Source {
        /// The directory.
        path: PathBuf,
        /// Why not.
        problem: SourceProblem,
    },

    /// The list could not be written to where the caller wants it.
    #[error("cannot write the list: {0}")]
    WriteList(#[source] io::Error),

    /// A root that cannot be scanned.
    #[error("root {}: {problem}", path.shown())]
    Root {
        /// The root, as it was given.
        path: PathBuf,
        /// Why.
        problem: RootProblem,
    },

    /// An exclude pattern that cannot be understood, or can never have an effect.
    #[error("exclude pattern {pattern:?}{}: {problem}", place(from.as_deref(), *line))]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// The file that it stands in, if it came from one.
        from: Option<PathBuf>,
        /// The number of its line there, from 1.
        line: Option<usize>,
        /// What is wrong with it.
        problem: Box<PatternProblem>,
    },

    /// A file that should be a snapshot and cannot be used as one (promise 6).
    #[error("snapshot {}: {problem}", path.shown())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: SnapshotProblem,
    },

    /// A file cannot be written to this destination.
    #[error("output {}: {problem}", path.shown())]
    Output {
        /// The destination.
        path: PathBuf,
        /// Why it is left alone.
        problem: OutputProblem,
    },

    /// A place for the state or the definitions of jobs that is not the user's alone.
    #[error("{}: {problem}", path.shown())]
    Place {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: PlaceProblem,
    },

    /// The scopes of two snapshots differ (promise 7).
    #[error("these snapshots cannot be compared: {}", listed(differences))]
    Incomparable {
        /// Each difference; never empty.
        differences: Vec<ScopeDifference>,
    },

    /// The newer snapshot carried over what it could not read from one that is older than the older snapshot:
    /// what is missing there was not removed since.
    #[error(
        "snapshot {}: what could not be read was carried over from a base that is older than {}",
        new.shown(), old.shown()
    )]
    StaleBase {
        /// The older snapshot.
        old: PathBuf,
        /// The newer snapshot.
        new: PathBuf,
    },

    /// Hints that cannot be read.
    #[error("hints {}: {reason}", name.shown())]
    Hints {
        /// Where they come from.
        name: PathBuf,
        /// What is wrong with which of them.
        reason: String,
    },

    /// A root or a mount point below it vanished, was replaced or is suddenly empty (promise 8).
    #[error("root {}: {change}", path.shown())]
    RootChanged {
        /// The root or mount point.
        path: PathBuf,
        /// What changed about it.
        change: RootChange,
    },

    /// More entries were removed than the caller accepts (promise 8).
    #[error(
        "{removed} {} removed, more than the limit of {limit} (a rename counts if the list has no renames); nothing was written",
        if *removed == 1 { "entry was" } else { "entries were" }
    )]
    TooManyRemoved {
        /// How many entries were removed. A rename counts if the list has no renames.
        removed: u64,
        /// The limit, as it was given.
        limit: String,
    },

    /// More entries changed than the caller accepts (promise 8).
    #[error(
        "{changed} {} changed, more than the limit of {limit} (added, removed, modified or renamed; a rename counts as two if the list has no renames); nothing was written",
        if *changed == 1 { "entry" } else { "entries" }
    )]
    TooManyChanged {
        /// How many changes there are but suspects. A rename counts as two if the list has no renames.
        changed: u64,
        /// The limit, as it was given.
        limit: String,
    },

    /// A consumer's format cannot carry this list (promise 5).
    #[error("no list for {consumer}: {refusal}")]
    Refused {
        /// The consumer's name.
        consumer: &'static str,
        /// Why.
        refusal: Refusal,
    },

    /// There is nothing to list, and the consumer would misread an empty list (promise 5).
    #[error("no list for {consumer}: there is nothing to list, and {misread}")]
    NothingToList {
        /// The consumer's name.
        consumer: &'static str,
        /// What it would do.
        misread: String,
    },

    /// A job that cannot be run, or not as asked.
    #[error("job {}: {problem}", name.escape_debug())]
    Job {
        /// Its name.
        name: String,
        /// What is in the way.
        problem: JobProblem,
    },

    /// These options do not go together.
    #[error("{0}")]
    Unsupported(Unsupported),

    /// The monitor asked to stop.
    #[error("interrupted; nothing was written")]
    Interrupted,
}

/// Options of a scan that do not go together, or not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// A limit for calls to the file system without the native walker.
    #[error("an I/O timeout needs the native walker")]
    TimeoutOfPortable,
    /// The share of directories to audit is not a number.
    #[error("the share to audit is not a percentage")]
    AuditShare,
}

impl Error {
    pub(crate) fn job(name: &str, problem: JobProblem) -> Self {
        Self::Job { name: name.to_owned(), problem }
    }

    pub(crate) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Snapshot { path: path.to_owned(), problem: SnapshotProblem::Damaged(what.into()) }
    }

    pub(crate) fn root(path: &Path, problem: RootProblem) -> Self {
        Self::Root { path: path.to_owned(), problem }
    }

    pub(crate) fn output(path: &Path, problem: OutputProblem) -> Self {
        Self::Output { path: path.to_owned(), problem }
    }

    pub(crate) fn place(path: impl Into<PathBuf>, problem: PlaceProblem) -> Self {
        Self::Place { path: path.into(), problem }
    }

    /// The file or directory that the error is about, if there is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Io { path, .. }
            | Self::Root { path, .. }
            | Self::Snapshot { path, .. }
            | Self::Output { path, .. }
            | Self::Place { path, .. }
            | Self::RootChanged { path, .. } => Some(path),
            _ => None,
        }
    }

    /// The system's error, if there is one.
    pub fn io_error(&self) -> Option<&io::Error> {
        match self {
            Self::Io { source, .. } | Self::WriteList(source) => Some(source),
            _ => None,
        }
    }
}

/// Adds the operation and the path to a system error.
pub(crate) trait Context<T> {
    /// `operation` is a verb that fits after "cannot".
    fn context(self, operation: &'static str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, operation: &'static str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|e| Error::Io { operation, path: path.as_ref().to_owned(), source: e.into() })
    }
}
