//! The one error type, and warnings. An error stops a run; a warning is data that reaches the
//! monitor and the exit code. Nothing here prints.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::path::PathExt as _;

/// What a fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a run stopped. `Display` gives one line: what happened, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call failed.
    #[error("cannot {operation} {}: {source}", path.shown())]
    Io {
        /// The operation, as a verb that fits behind "cannot".
        operation: &'static str,
        /// The file or directory that it was for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A root that cannot be scanned.
    #[error("root {}: {reason}", path.shown())]
    Root {
        /// The root, as it was given.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },

    /// An exclude pattern that cannot be understood.
    #[error("exclude pattern {pattern:?}{}: {reason}", from.as_ref().map(|f| format!(" in {}", f.shown())).unwrap_or_default())]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// The file that it stands in, if it came from one.
        from: Option<PathBuf>,
        /// What is wrong with it.
        reason: String,
    },

    /// A file that should be a snapshot and cannot be used as one (promise 6).
    #[error("snapshot {}: {problem}", path.shown())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: SnapshotProblem,
    },

    /// The destination of a snapshot is an existing file of another kind.
    #[error("output {}: {reason}", path.shown())]
    Output {
        /// The destination.
        path: PathBuf,
        /// Why it is left alone, and what to do.
        reason: &'static str,
    },

    /// The two snapshots answer different questions (promise 7).
    #[error(
        "the snapshots answer different questions: {differences}; take one of them again with the roots and filters of the other"
    )]
    Incomparable {
        /// Each difference, as "what: old value before, new value now".
        differences: String,
    },

    /// The newer snapshot took over what it could not read from one that is older than the older snapshot:
    /// what is missing there was not removed since.
    #[error("the snapshot {} took over what could not be read from an older snapshot than {}; take it again with --base {}", new.shown(), old.shown(), old.shown())]
    StaleBase {
        /// The older snapshot.
        old: PathBuf,
        /// The newer snapshot.
        new: PathBuf,
    },

    /// Hints that cannot be read.
    #[error("hints {}: {reason}; docs/hints.md describes their forms", name.shown())]
    Hints {
        /// Where they come from.
        name: PathBuf,
        /// What is wrong with which of them.
        reason: String,
    },

    /// A root vanished, was replaced or is suddenly empty (promise 8).
    #[error("root {}: {reason}; check that it is mounted, or mean it with --allow-root-change", path.shown())]
    RootChanged {
        /// The root or mount point.
        path: PathBuf,
        /// What changed about it.
        reason: String,
    },

    /// More entries were removed than `--max-delete` allows (promise 8).
    #[error(
        "{removed} {} removed, more than --max-delete {limit} allows (a rename counts where the list knows none); nothing was written: look at the list first (diff, or status of a job, without --max-delete), then raise the limit",
        if *removed == 1 { "entry was" } else { "entries were" }
    )]
    TooManyRemoved {
        /// How many entries were removed.
        removed: u64,
        /// The limit, as it was given.
        limit: String,
    },

    /// A consumer's format cannot carry this list (promise 5).
    #[error("no list for {consumer}: {reason}")]
    Refused {
        /// The consumer's name.
        consumer: &'static str,
        /// Why, and the safe instruction.
        reason: String,
    },

    /// There is nothing to list, and the consumer would misread an empty list (promise 5).
    #[error("no list for {consumer}: nothing is to be listed, and {misread}: do not start it")]
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

    /// Something was asked for that cannot be done here.
    #[error("{0}")]
    Unsupported(&'static str),

    /// The monitor asked to stop.
    #[error("interrupted; nothing was written")]
    Interrupted,
}

/// What is wrong with a file that should be a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotProblem {
    /// There is no such file.
    #[error("does not exist; take it first with `fastdiff snap`")]
    Missing,
    /// Not a regular file.
    #[error("is {0}, not a snapshot file")]
    NotAFile(&'static str),
    /// The file is empty.
    #[error("is empty; take it again with `fastdiff snap`")]
    Empty,
    /// The magic bytes are missing.
    #[error("is not a fastdiff snapshot")]
    NotASnapshot,
    /// Written by another version of the format.
    #[error("has format version {found}, this program reads version {expected}; {}", if found > expected { "use a newer fastdiff" } else { "take it again with `fastdiff snap`" })]
    Version {
        /// The file's version.
        found: u32,
        /// This program's version.
        expected: u32,
    },
    /// An overlay whose base cannot be found.
    #[error("is an overlay over a snapshot that it needs: {0}; put that back, or take a new one with `fastdiff snap`")]
    NoBase(String),
    /// Shorter (or longer) than its header says.
    #[error(
        "is {actual} bytes long and should be {expected}: it was cut short or appended to; take it again with `fastdiff snap`"
    )]
    Length {
        /// By the header.
        expected: u64,
        /// By the file system.
        actual: u64,
    },
    /// A digest or a bound does not hold.
    #[error("is damaged ({0}); take it again with `fastdiff snap`")]
    Damaged(String),
}

/// What is in the way of a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobProblem {
    /// The name could not be that of a directory everywhere.
    #[error(
        "is no name for a job; use letters, digits, `.`, `_` and `-`, at most 100 of them, and no `.` or `-` at the beginning"
    )]
    Name,
    /// Another process holds its lock.
    #[error("another run of it is under way; wait until that has ended")]
    LockedJob,
    /// The process that makes the backup of an earlier run lives, although that run was killed.
    #[error(
        "the command of run {run} is still running (process {pid}), though what started it was killed; wait until it has ended, or end it; nothing was changed"
    )]
    StillRuns {
        /// The run.
        run: u64,
        /// The process.
        pid: u32,
    },
    /// The file system of the state directory has no locks.
    #[error("cannot lock {file}: {reason}; name a directory on a local disk with --state-dir")]
    Unlockable {
        /// The lock file.
        file: String,
        /// What the system said.
        reason: String,
    },
    /// There is no pending run.
    #[error("no run is pending; `fastdiff begin` begins one")]
    NothingPending,
    /// No run is pending, so that the one that was named cannot be.
    #[error("run {asked} is not pending: {}; nothing was changed", if asked == baseline { "it is the baseline already".to_owned() } else { format!("run {baseline} is the baseline, and none is pending; repeat the backup of run {asked} if it was a full one") })]
    NotPending {
        /// The run that was named.
        asked: u64,
        /// The run that is the baseline.
        baseline: u64,
    },
    /// The pending run is not the one that was named.
    #[error("run {asked} is not pending, run {pending} is; nothing was changed")]
    OtherRun {
        /// The pending run.
        pending: u64,
        /// The run that was named.
        asked: u64,
    },
    /// The pending run is known to have failed.
    #[error(
        "run {run} failed; if the backup was made from its list after all, say so with --run {run}, else the next run lists its changes again; nothing was changed"
    )]
    FailedRun {
        /// The run.
        run: u64,
    },
    /// A run that was to follow the pending one was refused.
    #[error(
        "run {run} is pending, and one that was to follow it was refused since (`fastdiff log`); if a backup was made from the list of run {run}, say so with --run {run}, else begin again; nothing was changed"
    )]
    FollowedRun {
        /// The run.
        run: u64,
    },
    /// It is not plain which run succeeded.
    #[error(
        "run {pending} began while run {replaced} was pending, of which nobody said what became of it; name the run that the backup was made from with --run N, or give both up with `fastdiff abort`; nothing was changed"
    )]
    WhichRun {
        /// The pending run.
        pending: u64,
        /// The one whose place it took.
        replaced: u64,
    },
    /// The state file cannot be relied on.
    #[error("its state file {file} is damaged ({reason}); begin the job again, which gives a full list")]
    State {
        /// The state file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The state file is of another version of the program.
    #[error("its state file {file} has format {found}, this program reads format {expected}; use a newer fastdiff")]
    StateVersion {
        /// The state file.
        file: String,
        /// Its format.
        found: u64,
        /// The format that this program reads.
        expected: u64,
    },
    /// The pending snapshot cannot be relied on, so that it does not become the baseline.
    #[error("the snapshot of run {run} cannot become the baseline ({reason}); begin the job again")]
    Pending {
        /// The run.
        run: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl SnapshotProblem {
    /// The same without the advice to take the snapshot again, for those that nobody takes by hand.
    pub(crate) fn without_advice(&self) -> String {
        let text = self.to_string();
        text.split("; take it ").next().unwrap_or_default().to_owned()
    }
}

impl Error {
    pub(crate) fn job(name: &str, problem: JobProblem) -> Self {
        Self::Job { name: name.to_owned(), problem }
    }

    /// The file or directory that the error is about, where there is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Io { path, .. }
            | Self::Root { path, .. }
            | Self::Snapshot { path, .. }
            | Self::Output { path, .. }
            | Self::RootChanged { path, .. } => Some(path),
            _ => None,
        }
    }

    /// The system's error, where there is one.
    pub fn io_error(&self) -> Option<&io::Error> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }

    pub(crate) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Snapshot { path: path.to_owned(), problem: SnapshotProblem::Damaged(what.into()) }
    }
}

/// Adds the operation and the path to a system error.
pub(crate) trait Context<T> {
    /// `operation` is a verb that fits behind "cannot".
    fn context(self, operation: &'static str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, operation: &'static str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|e| Error::Io { operation, path: path.as_ref().to_owned(), source: e.into() })
    }
}

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
            Cause::NoHint => write!(f, "{path} changed and no hint named it"),
            Cause::Loop => write!(f, "{path} shows one of its own ancestors; not entered"),
        }
    }
}
