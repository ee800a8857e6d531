//! What to do about an error of the library. The library says what happened. Only this file names options and
//! commands.

use std::fmt;
use std::path::Path;

use fastdiff::consumers::{self, Consumer};
use fastdiff::{
    Error, JobProblem, OutputProblem, PlaceProblem, Refusal, RootChange, RootProblem, SnapshotProblem, Unsupported,
};

use super::format::Format;
use super::job_database::HOW_TO_NAME_IT;
use super::quote::shell;

/// What to do about a snapshot that is damaged.
pub(super) const TAKE_AGAIN: &str = "take it again with `fastdiff snap`";

/// An error and the advice, in one line.
pub(super) struct Advised<'e>(pub(super) &'e Error);

impl fmt::Display for Advised<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match advice(self.0) {
            Some(advice) => write!(f, "{}; {advice}", self.0),
            None => self.0.fmt(f),
        }
    }
}

/// What to do about an error, if the error does not say it already.
pub(super) fn advice(error: &Error) -> Option<String> {
    let fixed = match error {
        Error::Root { problem, .. } => of_root(problem)?,
        Error::Snapshot { problem, .. } => of_snapshot(problem)?,
        Error::Output { problem, .. } => of_output(*problem)?,
        Error::Job { problem, .. } => return of_job(problem),
        Error::Place { path, problem } => return Some(of_place(path, problem)),
        Error::Refused { consumer, refusal } => return of_refusal(consumer, refusal),
        Error::StaleBase { old, .. } => {
            return Some(format!("take it again with --base {}", shell(&old.to_string_lossy())));
        }
        Error::Incomparable { .. } => "take one of them again with the roots and filters of the other",
        Error::Source { .. } => "leave it to --source auto (the key source), or mend that",
        Error::Hints { .. } => "docs/hints.md describes their forms",
        Error::RootChanged { change: RootChange::Covered { .. }, .. } => {
            "unmount it; if this is intended, pass --allow-root-change"
        }
        Error::RootChanged { change: RootChange::NestedSubvolume, .. } => {
            "give it a snapshot and a root of its own; if it may be left out, pass --allow-root-change"
        }
        Error::RootChanged { .. } => "check that it is mounted; if this is intended, pass --allow-root-change",
        Error::TooManyRemoved { .. } => {
            "look at the list first (`fastdiff diff` without --max-delete, or `fastdiff status` for a job), then raise the limit of --max-delete"
        }
        Error::TooManyChanged { .. } => {
            "look at the list first (`fastdiff diff` without --max-change, or `fastdiff status` for a job); if all of it is intended, raise the limit of --max-change"
        }
        Error::NothingToList { .. } => "do not start it",
        Error::Unsupported(Unsupported::TimeoutOfPortable) => "leave out --io-timeout, or --walker portable",
        _ => return None,
    };
    Some(fixed.to_owned())
}

fn of_root(problem: &RootProblem) -> Option<&'static str> {
    Some(match problem {
        RootProblem::NoRoot | RootProblem::EmptyPath => "name a directory",
        RootProblem::Missing => "check the spelling, or whether it is mounted",
        RootProblem::OtherKind(_) | RootProblem::NotADirectory => "name the directory that holds it",
        RootProblem::BehindSymlink(_) => "name it without `..`",
        RootProblem::Nested(_) | RootProblem::Same(_) => "leave one of them out",
        RootProblem::OwnState(_) => "name another directory",
        RootProblem::OneOfSeveral => "leave --relative out",
        _ => return None,
    })
}

fn of_snapshot(problem: &SnapshotProblem) -> Option<&'static str> {
    Some(match problem {
        SnapshotProblem::Missing => "take it first with `fastdiff snap`",
        SnapshotProblem::Version { found, expected } if found > expected => "use a newer fastdiff",
        SnapshotProblem::Empty
        | SnapshotProblem::Version { .. }
        | SnapshotProblem::CutInHeader { .. }
        | SnapshotProblem::Length { .. }
        | SnapshotProblem::Damaged(_) => TAKE_AGAIN,
        SnapshotProblem::NoBase { .. } => "put that back, or take a new one with `fastdiff snap`",
        _ => return None,
    })
}

fn of_output(problem: OutputProblem) -> Option<&'static str> {
    Some(match problem {
        OutputProblem::NoName => "name a file",
        OutputProblem::Directory => "name a file in it",
        OutputProblem::Symlink => "name its target",
        OutputProblem::NotAFile | OutputProblem::Snapshot | OutputProblem::BelowBase => "name another file",
        OutputProblem::NotASnapshot => "name another file, or remove it",
        OutputProblem::TooManyDirectories => "split the roots",
        _ => return None,
    })
}

fn of_place(path: &Path, problem: &PlaceProblem) -> String {
    let path = path.to_string_lossy();
    let path = shell(&path);
    match problem {
        PlaceProblem::Owner { user: 0, .. } | PlaceProblem::InDirectoryOf { user: 0, .. } => {
            "for jobs of root's own use `sudo -H`, or name places of root's own with --state-dir and --config; for \
             those of that user run fastdiff as that user"
                .to_owned()
        }
        PlaceProblem::Owner { owner: 0, user } => format!(
            "if `sudo fastdiff` made it, `sudo chown -R {user} {path}` gives it back; else name another place with \
             --state-dir"
        ),
        PlaceProblem::Writable { .. } => {
            format!("`chmod go-w {path}` closes it, or name a directory that is yours alone with --state-dir")
        }
        PlaceProblem::Symlink | PlaceProblem::NotAFile | PlaceProblem::NotADirectory => "remove it".to_owned(),
        _ => "name a directory of your own with --state-dir".to_owned(),
    }
}

fn of_job(problem: &JobProblem) -> Option<String> {
    let fixed = match problem {
        JobProblem::Name => {
            "use letters, digits, `.`, `_` and `-`, at most 100 of them, and do not begin with `.` or `-`"
        }
        JobProblem::Locked => "wait until that has ended",
        JobProblem::StillRuns { .. } => "wait until it has ended, or end it",
        JobProblem::Unlockable { .. } => "name a directory on a local disk with --state-dir",
        JobProblem::NothingPending => "`fastdiff begin` starts one",
        JobProblem::NotPending { asked, .. } => {
            return Some(format!("if run {asked} was a full backup, repeat it"));
        }
        JobProblem::FailedRun { run } => {
            return Some(format!(
                "if the backup was made from its list after all, pass --run {run}; if not, the next run lists its changes again"
            ));
        }
        JobProblem::FollowedRun { run } => {
            return Some(format!(
                "`fastdiff log` says why; if the backup was made from the list of run {run}, pass --run {run}; if not, begin again"
            ));
        }
        JobProblem::WhichRun { .. } => {
            "name the run that the backup was made from with --run N, or give both up with `fastdiff abort`"
        }
        JobProblem::OtherDestination { .. } => {
            "mount the earlier one; if the new one holds the same files, pass --allow-destination-change; if not, pass --full as well"
        }
        JobProblem::State { .. } => "begin the job again, which gives a full list",
        JobProblem::StateVersion { .. } => "use a newer fastdiff",
        JobProblem::Pending { .. } => "begin the job again",
        _ => return None,
    };
    Some(fixed.to_owned())
}

fn of_refusal(consumer: &str, refusal: &Refusal) -> Option<String> {
    let known = consumers::find(consumer);
    let scans = known.filter(|known| Format::from(*known).scans_by_itself()).map(Consumer::title);
    Some(match (refusal, scans) {
        (Refusal::NoDatabase, _) => HOW_TO_NAME_IT.to_owned(),
        (Refusal::NoBaseline(_), Some(title)) => {
            format!("without a list {title} scans everything, which is right for a first backup")
        }
        (_, Some(title)) => format!("without a list {title} scans everything, which is safe"),
        (Refusal::Path { .. }, None) => "rename it, or back up once without a list".to_owned(),
        (Refusal::Newline(_), None) => "use -z, or the form json".to_owned(),
        (Refusal::KindChanged { .. }, None) => format!("delete it in the copy, and run {consumer} once without a list"),
        (Refusal::SameName { .. }, None) => "rename one of them, or leave one out with --exclude".to_owned(),
        (Refusal::OnlyRemovals { .. }, None) => "make them by hand".to_owned(),
        _ => return None,
    })
}
