//! What is in the way of a job (promise 3).

use std::path::PathBuf;

use crate::path::PathExt as _;

/// What is in the way of a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobProblem {
    /// The name could not be that of a directory on every system.
    #[error("is not a valid job name")]
    Name,
    /// Another process holds its lock.
    #[error("another run is in progress")]
    Locked,
    /// The process that makes the backup of an earlier run lives, although that run was killed.
    #[error(
        "the command of run {run} is still running (process {pid}), although the run was killed; nothing was changed"
    )]
    StillRuns {
        /// The run.
        run: u64,
        /// The process.
        pid: u32,
    },
    /// The file system of the state directory has no locks.
    #[error("cannot lock {}: {reason}", file.shown())]
    Unlockable {
        /// The lock file.
        file: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// There is no pending run.
    #[error("no run is pending")]
    NothingPending,
    /// The run that was named is the baseline.
    #[error("run {run} is not pending: it is already the baseline; nothing was changed")]
    AlreadyBaseline {
        /// The run.
        run: u64,
    },
    /// No run is pending, so that the one that was named is not.
    #[error("run {asked} is not pending: run {baseline} is the baseline, and no run is pending; nothing was changed")]
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
    #[error("run {run} failed; nothing was changed")]
    FailedRun {
        /// The run.
        run: u64,
    },
    /// A run that was to follow the pending one was refused.
    #[error("run {run} is pending, but a later run was refused since it started; nothing was changed")]
    FollowedRun {
        /// The run.
        run: u64,
    },
    /// It is not known which of two runs succeeded.
    #[error(
        "it is unclear which run succeeded: run {pending} started before run {replaced} was committed or aborted; nothing was changed"
    )]
    WhichRun {
        /// The pending run.
        pending: u64,
        /// The one that it replaced.
        replaced: u64,
    },
    /// The state file cannot be relied on.
    #[error("its state file {} is damaged: {damage}", file.shown())]
    State {
        /// The state file.
        file: PathBuf,
        /// What is wrong with it.
        damage: StateDamage,
    },
    /// A later version of the program wrote the state file.
    #[error("its state file {} has format {found}, this program reads format {expected}", file.shown())]
    StateVersion {
        /// The state file.
        file: PathBuf,
        /// Its format.
        found: u64,
        /// The format that this program reads.
        expected: u64,
    },
    /// What the command writes to lies on another file system than at the last successful run.
    #[error("the destination {} was on the file system {before} and is now on {now}", path.shown())]
    OtherDestination {
        /// The destination.
        path: PathBuf,
        /// The file system of the last successful run.
        before: String,
        /// The one that is there now.
        now: String,
    },
    /// The pending snapshot cannot be relied on, so that it does not become the baseline.
    #[error("the snapshot of run {run} cannot become the baseline: {reason}")]
    Pending {
        /// The run.
        run: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// What is wrong with the state file of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateDamage {
    /// It is not what this program writes.
    #[error("it cannot be read")]
    Unreadable,
    /// It is of a format that this program does not read any more.
    #[error("an older fastdiff wrote it")]
    OldFormat,
    /// It was changed after it was written.
    #[error("it does not match its digest")]
    Digest,
}
