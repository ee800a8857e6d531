//! Starts a run: walks from the best base there is, and compares with the baseline.

use std::fs;
use std::path::{Path, PathBuf};

use super::compared::{Compared, Pair};
use super::full_reason::FullReason;
use super::open::open;
use super::origins::Origins;
use super::plan::RunPlan;
use super::request::{RunRequest, StartedRun};
use super::state::{JobState, RunRecord};
use super::store::Job;
use super::unconfirmed;
use crate::diff::{Relist, Summary, check_roots};
use crate::error::{Context as _, JobProblem, StateDamage};
use crate::monitor::Monitor;
use crate::scan::{self, ScanOutcome, SourceChoice, scope_of};
use crate::snapshot::{Meta, Snapshot};
use crate::{Error, Result};

impl RunPlan<'_> {
    /// Walks, and compares with the baseline or lists everything. The snapshot is left at the output; the state is
    /// not touched.
    pub(super) fn carry_out(&self) -> Result<(StartedRun, RunRecord)> {
        let mut options = self.request.scan.clone();
        options.own_dirs.extend(self.own_dirs());
        options.distrusted.extend(self.job.store().distrusted());
        let scope = scope_of(&options, self.monitor)?;
        let (mut old, again, mut full) = self.compared_with(&scope);
        let mut base = self.walk_base(old.as_ref(), &scope)?;
        loop {
            let by = base.as_ref().or(old.as_ref());
            // By the inode tables, what did not change is not read. What a full list holds must have been read for it.
            if old.is_none() {
                options.source = SourceChoice::Walk;
            }
            options.overlay = by.is_some_and(|by| self.may_lie_over(by));
            let mut origins = self.origins(&scope.roots);
            let outcome = scan::scan(&options, by, self.output, self.monitor)?;
            self.distrust(&outcome)?;
            // What was exchanged during the walk has no origin that is known.
            let after = self.origins(&scope.roots);
            origins.retain(|root, origin| after.get(root) == Some(origin));
            // A base saves work. What nobody could read now it must not stand for: the reader of the list cannot read
            // that either. So only the baseline, whose reader has succeeded, carries over.
            if !outcome.is_complete() && base.is_some() {
                base = None;
                continue;
            }
            let by = by.map(|by| by.path().to_owned());
            let new = open(self.output, self.monitor)?;
            match &old {
                Some(old) => self.check_origins(&origins, old, &new)?,
                None => self.check_roots(&origins, &new)?,
            }
            let record = self.record(&new, &scope, origins);
            let pair = Pair { old: old.take(), new };
            match Compared::new(pair, &self.request.diff, &again).map_err(|failed| *failed) {
                Ok(compared) => return Ok((self.started(full, outcome, by, compared, again), record)),
                Err((pair, Error::Snapshot { path, problem })) => {
                    let is_new = path == self.output;
                    if is_new && by.is_none() {
                        return Err(Error::Snapshot { path, problem });
                    }
                    old = pair.old;
                    // Damage in a part of the base that was copied unread shows in the new snapshot.
                    base = None;
                    if old.take_if(|_| !is_new || by.as_deref().is_some_and(|by| self.is_baseline(by))).is_some() {
                        full = Some(FullReason::Damaged(problem));
                    }
                }
                Err((_, error)) => return Err(error),
            }
        }
    }

    /// Remembers inode tables that were wrong, unless nothing may be written.
    fn distrust(&self, outcome: &ScanOutcome) -> Result<()> {
        if self.output.starts_with(self.job.dir()) {
            self.job.store().distrust(outcome)?;
        }
        Ok(())
    }

    /// The baseline and what is listed again, or why the list is a full one.
    fn compared_with(&self, scope: &Meta) -> (Option<Snapshot>, Relist, Option<FullReason>) {
        let usable = self.baseline(scope).and_then(|old| {
            let dir = self.job.open_dir().ok().flatten().ok_or(FullReason::Deleted)?;
            let again = unconfirmed::gather(&dir, self.state, &old, self.monitor);
            again.map(|again| (old, again)).map_err(FullReason::Unconfirmed)
        });
        match usable {
            Ok((old, again)) => (Some(old), again, None),
            Err(reason) => (None, Relist::default(), Some(reason)),
        }
    }

    /// A full list too must not be made of an unmounted disk.
    fn check_roots(&self, origins: &Origins, new: &Snapshot) -> Result<()> {
        if self.request.diff.allow_root_change {
            return Ok(());
        }
        let check = |former: &Snapshot| {
            self.check_origins(origins, former, new)?;
            check_roots(former, new, self.request.diff.snapshot_roots)
        };
        match self.former().as_ref().map_or(Ok(()), check) {
            Err(changed @ Error::RootChanged { .. }) => Err(changed),
            // The former baseline may be damaged; nothing else depends on it.
            _ => Ok(()),
        }
    }

    fn started(
        &self,
        full: Option<FullReason>,
        outcome: ScanOutcome,
        base: Option<PathBuf>,
        (compared, summary): (Compared, Summary),
        again: Relist,
    ) -> StartedRun {
        StartedRun {
            run: self.state.next,
            full,
            replaced: self.state.unfinished().map(|unfinished| unfinished.run),
            previous: self.state.previous(),
            outcome,
            base,
            summary,
            compared,
            again,
        }
    }
}

impl Job {
    /// What changed since the baseline, without a trace in the job's state. The new snapshot goes to the directory
    /// `scratch`, which the caller removes and the walk leaves out. Needs no lock.
    ///
    /// # Errors
    /// Those of [`LockedJob::begin`](super::LockedJob::begin).
    pub fn look(&self, request: &RunRequest, scratch: &Path, monitor: &dyn Monitor) -> Result<StartedRun> {
        loop {
            // Nothing is made here. Without a file to tell, no state is that of this machine.
            let machine = self.store().machine()?.unwrap_or_default();
            let (state, damage) = read_state(self, &machine)?;
            let output = scratch.join(format!("{}.snap", state.next));
            let plan =
                RunPlan { job: self, machine: &machine, state: &state, damage, request, output: &output, monitor };
            let started = plan.carry_out()?.0;
            // Another run may have ended meanwhile, and have removed the file that the state named.
            if started.full != Some(FullReason::Deleted) || read_state(self, &machine)?.0 == state {
                return Ok(started);
            }
        }
    }
}

/// The state of a job. If it is damaged an empty one of this machine, and what is wrong with it.
///
/// # Errors
/// [`JobProblem::StateVersion`]: a later version of the program must read that; [`Error::Io`].
pub(super) fn read_state(job: &Job, machine: &str) -> Result<(JobState, Option<StateDamage>)> {
    match job.state() {
        Ok(Some(state)) => Ok((state, None)),
        Ok(None) => Ok((JobState::new(machine, next_run(job)?), None)),
        Err(Error::Job { problem: JobProblem::State { damage, .. }, .. }) => {
            Ok((JobState::new(machine, next_run(job)?), Some(damage)))
        }
        Err(other) => Err(other),
    }
}

/// The first number that no run had, as far as the log and the files tell without a state.
fn next_run(job: &Job) -> Result<u64> {
    let mut last = job.log()?.last().map_or(0, |run| run.run);
    let entries = match fs::read_dir(job.dir()) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(1),
        other => other.context("list", job.dir())?,
    };
    for entry in entries.flatten() {
        let run = entry.file_name().to_str().and_then(|name| name.strip_suffix(".snap")?.parse().ok());
        last = last.max(run.unwrap_or(0));
    }
    Ok(last + 1)
}
