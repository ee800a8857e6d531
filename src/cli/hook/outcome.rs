//! What became of the last run: its snapshot becomes the baseline, or its changes are listed again.

use std::path::Path;

use fastdiff::Error;
use fastdiff::consumers::duplicati::{DatabaseProblem, HookNote, JobDatabase, Settings, Settled, settle};
use fastdiff::jobs::{Commit, RunResult};

use super::super::advice::Advised;
use super::super::job_database;
use super::answer::Held;
use super::voice;

/// Opens the job database; none if there is none yet.
pub(super) fn open(file: Option<&Path>) -> Result<Option<JobDatabase>, String> {
    let Some(file) = file else { return Ok(None) };
    match JobDatabase::open(file) {
        Ok(database) => Ok(Some(database)),
        Err(e) if e.problem == DatabaseProblem::Missing => Ok(None),
        Err(e) => Err(e.to_string()),
    }
}

/// Commits the pending snapshot if its run succeeded, and drops it otherwise, so that no later run is taken for that
/// one. Returns the note of a run that did not succeed.
pub(super) fn outcome(
    held: &Held,
    settings: &Settings,
    file: Option<&Path>,
    database: &Result<Option<JobDatabase>, String>,
) -> Result<Option<HookNote>, String> {
    let told = |e: Error| Advised(&e).to_string();
    let state = match held.locked.state() {
        // The next run reports what is wrong with it.
        Err(Error::Job { .. }) | Ok(None) => return Ok(None),
        other => other.map_err(told)?,
    };
    let Some(pending) = state.and_then(|state| state.pending) else { return Ok(None) };
    let run = Some(pending.run);
    let note = HookNote::from_map(&pending.note);
    let is_there = job_database::holds(held.locked.job().dir(), &pending);
    let settled = match (&note, database, file) {
        _ if settings.has_own_list() => Settled::Abort("the backup has a list of its own".into()),
        (None, ..) => Settled::Abort("it was not started by this hook".into()),
        (Some(note), Ok(Some(database)), Some(file)) => {
            settle(note, file, database, &is_there).unwrap_or_else(|e| Settled::Abort(e.to_string()))
        }
        (_, Err(why), _) => Settled::Abort(why.clone()),
        (_, Ok(None), _) | (.., None) => Settled::Abort("the job database is gone".into()),
    };
    match settled {
        Settled::Commit { note, warned } => {
            held.locked.annotate(run, note.to_map()).map_err(told)?;
            let again = note.unread.files().cloned().unwrap_or_default().into_iter().collect();
            let commit = Commit::run(pending.run).keep(held.keep).again(again);
            let commit = warned.map_or(commit.clone(), |warned| commit.result(RunResult::because(warned)));
            let ended = held.locked.commit(&commit).map_err(told)?;
            voice::say(format_args!("the last backup succeeded: run {} is the baseline", ended.run));
            if let Some(warned) = warned {
                voice::say(format_args!("the last backup ended with Warning, which counts as a success: {warned}"));
            }
            Ok(None)
        }
        Settled::Abort(why) => {
            voice::say(format_args!("the changes of run {} are listed again: {why}", pending.run));
            held.locked.abort(run, &RunResult::because(why)).map_err(told)?;
            Ok(note)
        }
    }
}
