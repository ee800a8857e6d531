//! Finds the baseline of a run, and the snapshot that saves its walk most work.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use super::full_reason::FullReason;
use super::open::open_run;
use super::plan::RunPlan;
use super::state::{JobState, RunRecord, hex};
use crate::scan::{self, SourceChoice, fingerprint};
use crate::snapshot::{Meta, Snapshot, same_scope};
use crate::{Error, Result, SnapshotProblem};

/// A snapshot that may serve as a base.
struct Candidate {
    dir: PathBuf,
    record: RunRecord,
    is_own: bool,
}

impl RunPlan<'_> {
    /// The baseline, or why it cannot be used.
    pub(super) fn baseline(&self, scope: &Meta) -> Result<Snapshot, FullReason> {
        if let Some(damage) = self.damage {
            return Err(FullReason::State(damage));
        }
        if !self.is_of_this_machine() {
            return Err(FullReason::OtherMachine);
        }
        let committed = self.state.committed.as_ref().ok_or(FullReason::First)?;
        let snapshot = open_run(self.job.dir(), committed, self.monitor).map_err(|e| match e {
            Error::Snapshot { problem: SnapshotProblem::Missing, .. } => FullReason::Deleted,
            Error::Snapshot { problem, .. } => FullReason::Damaged(problem),
            other => FullReason::Unreadable(other.to_string()),
        })?;
        if let Err(Error::Incomparable { differences }) = same_scope(snapshot.meta(), scope) {
            return Err(FullReason::Scope(differences));
        }
        if committed.definition != hex(&self.definition(scope)) {
            return Err(FullReason::Consumer);
        }
        match &self.request.full {
            Some(why) => Err(FullReason::Asked(why.clone())),
            None => Ok(snapshot),
        }
    }

    /// The baseline for a check of its roots alone. Its scope does not matter: an unmounted disk is not an emptied
    /// root, even if the filters changed meanwhile.
    pub(super) fn former(&self) -> Option<Snapshot> {
        let committed = self.state.committed.as_ref().filter(|_| self.is_of_this_machine())?;
        open_run(self.job.dir(), committed, self.monitor).ok()
    }

    /// The snapshot that saves the walk most work: the newest one of the same scope that started no earlier than the
    /// baseline, this job's or another's. None if that is the baseline itself, or there is none.
    ///
    /// By hints and by inode tables, directories are taken from the base without a look. So with these only this job's
    /// own count. For a full list hints have no base, and tables are not asked.
    pub(super) fn walk_base(&self, old: Option<&Snapshot>, scope: &Meta) -> Result<Option<Snapshot>> {
        let has_hints = self.request.scan.hints.is_some();
        if has_hints && old.is_none() {
            return Ok(None);
        }
        // Tables save far more work than a later snapshot of another job.
        let own_only = has_hints || old.is_some() && self.request.scan.source != SourceChoice::Walk;
        for Candidate { dir, record, is_own } in self.candidates(&hex(&fingerprint(scope))) {
            if own_only && !is_own {
                continue;
            }
            let Ok(snapshot) = open_run(&dir, &record, self.monitor) else { continue };
            let is_late_enough = old.is_none_or(|old| is_later(&snapshot, old));
            // What it could not read can hardly be read now, and then the walk would have to begin again without it.
            let is_useful = has_hints || snapshot.header().counts.unknown == 0;
            if is_late_enough && is_useful && same_scope(snapshot.meta(), scope).is_ok() && self.is_proved(&snapshot)? {
                return Ok(Some(snapshot));
            }
        }
        Ok(None)
    }

    /// Whether the hints, if there are any, are complete for a base.
    fn is_proved(&self, base: &Snapshot) -> Result<bool> {
        match &self.request.scan.hints {
            Some(hints) => Ok(hints.trust || scan::are_proved(hints, base)?),
            None => Ok(true),
        }
    }

    /// Snapshots of the same scope, the newest first.
    fn candidates(&self, scope: &str) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = Vec::new();
        let mut take = |dir: &Path, state: &JobState, is_own: bool| {
            let usable = state.committed.iter().chain(state.unfinished()).filter(|record| record.scope == scope);
            if state.machine == self.machine {
                found.extend(usable.map(|record| Candidate { dir: dir.to_owned(), record: record.clone(), is_own }));
            }
        };
        take(self.job.dir(), self.state, true);
        for name in self.job.store().jobs().unwrap_or_default() {
            let Ok(other) = self.job.store().job(&name) else { continue };
            if other.name() != self.job.name()
                && let Ok(Some(state)) = other.state()
            {
                take(other.dir(), &state, false);
            }
        }
        let time = |record: &RunRecord| record.began.parse::<jiff::Timestamp>().unwrap_or(jiff::Timestamp::MIN);
        found.sort_by_key(|candidate| Reverse((time(&candidate.record), candidate.is_own)));
        found
    }
}

/// Whether a snapshot is another one than the baseline, and holds nothing that was read before the baseline started.
fn is_later(snapshot: &Snapshot, old: &Snapshot) -> bool {
    let started = (old.header().started.sec, old.header().started.nsec);
    snapshot.header().identity != old.header().identity && snapshot.oldest_state() >= started
}
