//! A job that no other process runs: begin, commit, abort. Each of them is one replacement of the state; whatever a
//! crash leaves beside it is removed by the next one.

use std::fs;
use std::path::PathBuf;

use super::clean_up::{self, LISTS, collect};
use super::command;
use super::lock::{Lock, make_private};
use super::log::{self, Event, RunResult, RunStatus};
use super::start::{RunPlan, RunRequest, StartedRun, open_run, read_state, told};
use super::state::{JobState, RunNote, RunRecord};
use super::store::Job;
use super::unconfirmed;
use crate::error::Context as _;
use crate::monitor::{Monitor, NoMonitor};
use crate::{Error, JobProblem, Result};

/// A job whose lock is held.
#[derive(Debug)]
pub struct LockedJob {
    job: Job,
    _lock: Lock,
}

/// What a run became.
#[derive(Debug)]
pub struct ClosedRun {
    /// Its number.
    pub run: u64,
    /// What could not be done afterwards: a line for the log, old snapshots to be removed. The next run makes up for the
    /// latter.
    pub leftover: Option<Error>,
}

impl LockedJob {
    pub(super) fn new(job: Job, lock: Lock) -> Self {
        Self { job, _lock: lock }
    }

    /// The job.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// What the state says; none before the first run.
    ///
    /// # Errors
    /// Those of [`Job::state`].
    pub fn state(&self) -> Result<Option<JobState>> {
        self.job.state()
    }

    /// Walks the roots and compares them with the baseline. The new snapshot becomes pending, in the place of an earlier one
    /// that was never committed.
    ///
    /// Costs what [`scan`](crate::scan) and [`Diff::new`](crate::Diff::new) do, a pass over the changes, and a few small files.
    ///
    /// # Errors
    /// Those of [`scan`](crate::scan) and [`Diff::new`](crate::Diff::new): then nothing is pending that was not before.
    /// [`JobProblem::StateVersion`], [`JobProblem::StillRuns`]. A baseline that cannot be used is no error but a full list: see [`StartedRun::full`].
    pub fn begin(&self, request: &RunRequest, monitor: &dyn Monitor) -> Result<StartedRun> {
        let (mut state, lost) = read_state(&self.job)?;
        let run = state.next;
        if let Some((earlier, pid)) = command::left(self.job.dir()) {
            let error = Error::job(self.job.name(), JobProblem::StillRuns { run: earlier, pid });
            self.refuse(run, &error);
            return Err(error);
        }
        collect(self.job.dir(), &state)?;
        let output = self.job.dir().join(format!("{run}.snap"));
        let plan = RunPlan { job: &self.job, state: &state, lost, request, output: &output, monitor };
        let started = plan.carry_out().and_then(|(started, record)| {
            self.make_pending(&mut state, &started, record)?;
            Ok(started)
        });
        if let Err(error) = &started {
            self.refuse(run, error);
        }
        started
    }

    /// Says which process makes the backup of a run that began: as long as it lives no other run begins, also if the caller is
    /// killed. Only on Linux; elsewhere it does nothing.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn started(&self, run: u64, pid: u32) -> Result<()> {
        command::note(self.job.dir(), run, pid).context("write down the command in", self.job.dir())
    }

    /// A run did not come to begin. What can be written of that is written; nothing of it is needed.
    fn refuse(&self, run: u64, error: &Error) {
        // Nobody may look at what a timer's run says: the log tells why there was no backup.
        let _ = log::append(self.job.dir(), &Event::refused(run, error));
        let Ok(state) = self.state() else { return };
        let mut state = state.unwrap_or_default();
        if let Some(pending) = state.pending.as_mut().filter(|pending| !pending.followed) {
            // A script that goes on to its commit all the same must not mean that one.
            pending.followed = true;
            let _ = state.write(&self.job.state_path());
        }
        // What the state does not name is removed, if not now then by the next run.
        let _ = collect(self.job.dir(), &state);
    }

    fn make_pending(&self, state: &mut JobState, started: &StartedRun, record: RunRecord) -> Result<()> {
        let event = Event::StartedRun { run: started.run, at: record.began.clone(), seen: started.seen() };
        if state.machine != crate::sys::machine::identity() {
            *state = JobState { next: state.next, ..JobState::new() };
        }
        match &started.full {
            None => state.unconfirmed = unconfirmed::write(self.job.dir(), started.run, &started.again)?,
            // What it listed before is compared with no baseline now, so that it is forgotten.
            Some(_) if state.unfinished().is_some() || state.unconfirmed.is_some() => {
                state.unconfirmed = None;
                state.lost.get_or_insert_with(|| format!("run {} listed everything", started.run));
            }
            Some(_) => {}
        }
        let replaced = state.pending.replace(record);
        state.aborted = None;
        state.next += 1;
        log::append(self.job.dir(), &event)?;
        if let Some(replaced) = &replaced {
            log::append(self.job.dir(), &Event::ended(replaced.run, RunStatus::Replaced, &RunResult::default()))?;
        }
        state.write(&self.job.state_path())?;
        // What is not removed now is removed by the next run.
        let _ = collect(self.job.dir(), state);
        Ok(())
    }

    /// The pending run, if it is the one that was asked for.
    fn pending(&self, run: Option<u64>) -> Result<(JobState, RunRecord)> {
        let problem = |problem| Error::job(self.job.name(), problem);
        let state = self.state()?.ok_or_else(|| problem(JobProblem::NothingPending))?;
        let Some(pending) = state.pending.clone() else {
            let baseline = state.committed.as_ref().map(|committed| committed.run);
            return Err(problem(match (run, baseline) {
                (Some(asked), Some(baseline)) => JobProblem::NotPending { asked, baseline },
                _ => JobProblem::NothingPending,
            }));
        };
        if let Some(asked) = run.filter(|asked| *asked != pending.run) {
            return Err(problem(JobProblem::OtherRun { pending: pending.run, asked }));
        }
        Ok((state, pending))
    }

    /// The consumer of the pending run succeeded: it becomes the baseline. Of the former baselines the newest `keep` stay.
    ///
    /// Without a number it has to be plain which run is meant: where it began although another one was pending, the consumer of
    /// that one may be whose success is told.
    ///
    /// # Errors
    /// [`JobProblem::NothingPending`], [`JobProblem::OtherRun`] if another one is pending than `run`, [`JobProblem::WhichRun`] and
    /// [`JobProblem::FailedRun`] and [`JobProblem::FollowedRun`] without a number,
    /// [`JobProblem::Pending`] if its snapshot is gone or damaged, [`Error::Io`]: the baseline is the old one then.
    pub fn commit(&self, run: Option<u64>, keep: usize, ending: &RunResult) -> Result<ClosedRun> {
        let (mut state, pending) = self.pending(run)?;
        if let (None, Some(replaced)) = (run, pending.replaced) {
            return Err(Error::job(self.job.name(), JobProblem::WhichRun { pending: pending.run, replaced }));
        }
        if run.is_none() && pending.failed {
            return Err(Error::job(self.job.name(), JobProblem::FailedRun { run: pending.run }));
        }
        if run.is_none() && pending.followed {
            return Err(Error::job(self.job.name(), JobProblem::FollowedRun { run: pending.run }));
        }
        let run = pending.run;
        let snapshot = open_run(self.job.dir(), &pending, &NoMonitor)
            .map_err(|e| Error::job(self.job.name(), JobProblem::Pending { run, reason: told(&e) }))?;
        state.pending = None;
        state.lost = None;
        // What could not be read was not listed again either.
        if snapshot.header().counts.unknown == 0 {
            state.unconfirmed = None;
        }
        if let Some(former) = state.committed.replace(pending) {
            state.kept.insert(0, former);
        }
        state.kept.truncate(keep);
        state.write(&self.job.state_path())?;
        Ok(self.after(&state, run, RunStatus::Committed, ending))
    }

    /// Gives the pending run up. What it listed is in the next list again.
    ///
    /// # Errors
    /// [`JobProblem::NothingPending`], [`JobProblem::OtherRun`], [`Error::Io`].
    pub fn abort(&self, run: Option<u64>, ending: &RunResult) -> Result<ClosedRun> {
        let (mut state, pending) = self.pending(run)?;
        state.aborted = state.pending.take();
        state.write(&self.job.state_path())?;
        Ok(self.after(&state, pending.run, RunStatus::Aborted, ending))
    }

    /// The consumer of the pending run failed, or was not started: writes that down. It stays pending, so that the
    /// next walk may save work by it; its changes are in the next list again.
    ///
    /// # Errors
    /// [`JobProblem::NothingPending`], [`JobProblem::OtherRun`], [`Error::Io`].
    pub fn failed(&self, run: Option<u64>, ending: &RunResult) -> Result<()> {
        self.fail(run, ending, None)
    }

    /// The same of a consumer that read something else than what was walked: it may have taken for deleted what no list
    /// named, so that only a list of everything makes up for it.
    ///
    /// # Errors
    /// Those of [`Self::failed`].
    pub fn misread(&self, run: Option<u64>, ending: &RunResult) -> Result<()> {
        self.fail(run, ending, Some("something was unmounted or replaced while its consumer read"))
    }

    fn fail(&self, run: Option<u64>, ending: &RunResult, lost: Option<&str>) -> Result<()> {
        let (mut state, mut pending) = self.pending(run)?;
        let run = pending.run;
        pending.failed = true;
        state.pending = Some(pending);
        if let Some(why) = lost {
            state.lost.get_or_insert_with(|| format!("of run {run}: {why}"));
        }
        state.write(&self.job.state_path())?;
        log::append(self.job.dir(), &Event::ended(run, RunStatus::Failed, ending))
    }

    /// Replaces what the consumer wants to remember of the pending run.
    ///
    /// # Errors
    /// [`JobProblem::NothingPending`], [`JobProblem::OtherRun`], [`Error::Io`].
    pub fn annotate(&self, run: Option<u64>, note: RunNote) -> Result<()> {
        let (mut state, mut pending) = self.pending(run)?;
        pending.note = note;
        state.pending = Some(pending);
        state.write(&self.job.state_path())
    }

    fn after(&self, state: &JobState, run: u64, outcome: RunStatus, ending: &RunResult) -> ClosedRun {
        let told = log::append(self.job.dir(), &Event::ended(run, outcome, ending));
        let collected = collect(self.job.dir(), state);
        ClosedRun { run, leftover: told.and(collected).err() }
    }

    /// An empty directory for the lists of the run that began, for its owner alone. Whatever ends or begins a run removes it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn lists(&self) -> Result<PathBuf> {
        self.remove_lists()?;
        let dir = self.job.dir().join(LISTS);
        make_private(&dir)?;
        Ok(dir)
    }

    /// Removes the lists.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remove_lists(&self) -> Result<()> {
        clean_up::remove_lists(self.job.dir())
    }

    /// Removes the state of the job: the next run of a job of this name is a first one.
    ///
    /// # Errors
    /// [`Error::Io`]. The state goes first, so that no half of a state is taken for one.
    pub fn remove(self) -> Result<()> {
        match fs::remove_file(self.job.state_path()) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            other => other.context("remove", self.job.state_path())?,
        }
        fs::remove_dir_all(self.job.dir()).context("remove", self.job.dir())
    }
}
