//! A job that no other process runs: begin, commit, abort. Each of them is one replacement of the state. What a crash
//! leaves beside the state is removed by the next run.

use std::fs;

use super::clean_up::remove_unnamed;
use super::command;
use super::commit::{ClosedRun, Commit};
use super::lists::{self, ListsDir};
use super::lock::Lock;
use super::log::{self, Event, RunResult, RunStatus};
use super::open::{describe, open_run};
use super::plan::RunPlan;
use super::request::{RunRequest, StartedRun};
use super::start::read_state;
use super::state::{self, JobState, RunNote, RunRecord};
use super::store::Job;
use super::unconfirmed;
use crate::error::Context as _;
use crate::monitor::{Monitor, NoMonitor};
use crate::sys::private::PrivateDir;
use crate::{Error, JobProblem, Result};

/// A job whose lock is held.
#[derive(Debug)]
pub struct LockedJob {
    job: Job,
    lock: Lock,
}

impl Job {
    /// Keeps every other process from running the job until the result is dropped, or the process dies. Makes the job's
    /// directory if there is none.
    ///
    /// # Errors
    /// [`JobProblem::Locked`] at once if another process has it, [`JobProblem::Unlockable`], [`Error::Io`].
    pub fn lock(&self) -> Result<LockedJob> {
        Ok(LockedJob { job: self.clone(), lock: Lock::take(self)? })
    }
}

impl LockedJob {
    /// The job.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Reads the state; none before the first run.
    ///
    /// # Errors
    /// Those of [`Job::state`].
    pub fn state(&self) -> Result<Option<JobState>> {
        JobState::read(self.dir(), self.job.name())
    }

    fn dir(&self) -> &PrivateDir {
        self.lock.dir()
    }

    /// Walks the roots and compares them with the baseline. The new snapshot becomes pending. It replaces an earlier
    /// one that was never committed.
    ///
    /// Costs what [`scan`](crate::scan) and [`Diff::new`](crate::Diff::new) do, a pass over the changes, and a few
    /// small files.
    ///
    /// # Errors
    /// Those of [`scan`](crate::scan) and [`Diff::new`](crate::Diff::new), [`JobProblem::StateVersion`],
    /// [`JobProblem::StillRuns`]: then nothing new is pending. A baseline that cannot be used is not an
    /// error; the list is a full one then, see [`StartedRun::full`].
    pub fn begin(&self, request: &RunRequest, monitor: &dyn Monitor) -> Result<StartedRun> {
        let machine = self.job.store().make_machine()?;
        let (mut state, damage) = read_state(&self.job, &machine)?;
        let run = state.next;
        if let Err(error) = self.check_idle() {
            self.refuse(run, &error);
            return Err(error);
        }
        remove_unnamed(self.dir(), &state)?;
        let output = self.job.dir().join(format!("{run}.snap"));
        let plan =
            RunPlan { job: &self.job, machine: &machine, state: &state, damage, request, output: &output, monitor };
        let started = plan.carry_out().and_then(|(started, record)| {
            if state.machine != machine {
                state = JobState::new(&machine, state.next);
            }
            self.make_pending(&mut state, &started, record)?;
            Ok(started)
        });
        if let Err(error) = &started {
            self.refuse(run, error);
        }
        started
    }

    /// Writes down which process makes the backup of a run. As long as it lives no other run starts, also if the caller
    /// is killed. Only on Linux; elsewhere it does nothing.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn started(&self, run: u64, pid: u32) -> Result<()> {
        command::note(self.dir(), run, pid)
    }

    /// Makes sure that no command of a run that was killed is still at work.
    ///
    /// # Errors
    /// [`JobProblem::StillRuns`].
    pub fn check_idle(&self) -> Result<()> {
        match command::left(self.dir()) {
            Some((run, pid)) => Err(self.problem(JobProblem::StillRuns { run, pid })),
            None => Ok(()),
        }
    }

    fn problem(&self, problem: JobProblem) -> Error {
        Error::job(self.job.name(), problem)
    }

    /// Writes down that a run is refused before it begins, and why, as far as that is possible.
    pub fn refused(&self, reason: &str) {
        let run = self.state().ok().flatten().map_or(1, |state| state.next);
        let _ = log::append(self.dir(), &Event::refused(run, reason));
    }

    /// Writes down that a run was refused, as far as that is possible; nothing depends on it.
    fn refuse(&self, run: u64, error: &Error) {
        // Often nobody reads what a timer's run prints: the log tells why there was no backup.
        let _ = log::append(self.dir(), &Event::refused(run, &error.to_string()));
        let Ok(state) = self.state() else { return };
        let mut state = state.unwrap_or_default();
        if let Some(pending) = state.pending.as_mut().filter(|pending| !pending.followed) {
            // A script that ignores the refusal must not commit the earlier run.
            pending.followed = true;
            let _ = state.write(self.dir());
        }
        // What is not removed now is removed by the next run.
        let _ = remove_unnamed(self.dir(), &state);
    }

    fn make_pending(&self, state: &mut JobState, started: &StartedRun, record: RunRecord) -> Result<()> {
        let event = Event::Started { run: started.run, at: record.began.clone(), seen: started.seen() };
        match &started.full {
            None => state.unconfirmed = unconfirmed::write(self.dir(), &started.run.to_string(), &started.again)?,
            // Without a baseline nobody can say what the unsuccessful runs listed.
            Some(_) if state.unfinished().is_some() || state.unconfirmed.is_some() => {
                state.unconfirmed = None;
                state.lost.get_or_insert_with(|| format!("run {} listed everything", started.run));
            }
            Some(_) => {}
        }
        let replaced = state.pending.replace(record);
        state.aborted = None;
        state.next += 1;
        log::append(self.dir(), &event)?;
        if let Some(replaced) = &replaced {
            log::append(self.dir(), &Event::ended(replaced.run, RunStatus::Replaced, &RunResult::default()))?;
        }
        state.write(self.dir())?;
        // What is not removed now is removed by the next run.
        let _ = remove_unnamed(self.dir(), state);
        Ok(())
    }

    /// The pending run, if it is the one that was asked for.
    fn pending(&self, run: Option<u64>) -> Result<(JobState, RunRecord)> {
        let state = self.state()?.ok_or_else(|| self.problem(JobProblem::NothingPending))?;
        let Some(pending) = state.pending.clone() else {
            let baseline = state.committed.as_ref().map(|committed| committed.run);
            return Err(self.problem(match (run, baseline) {
                (Some(run), Some(baseline)) if run == baseline => JobProblem::AlreadyBaseline { run },
                (Some(asked), Some(baseline)) => JobProblem::NotPending { asked, baseline },
                _ => JobProblem::NothingPending,
            }));
        };
        if let Some(asked) = run.filter(|asked| *asked != pending.run) {
            return Err(self.problem(JobProblem::OtherRun { pending: pending.run, asked }));
        }
        Ok((state, pending))
    }

    /// The consumer of the pending run succeeded: the run becomes the baseline.
    ///
    /// Without a number it must be clear which run succeeded. If the pending run started while another one was
    /// pending, the caller may mean that one.
    ///
    /// # Errors
    /// [`JobProblem::NothingPending`], [`JobProblem::AlreadyBaseline`], [`JobProblem::NotPending`],
    /// [`JobProblem::OtherRun`] if another run is pending; without a number [`JobProblem::WhichRun`],
    /// [`JobProblem::FailedRun`] and [`JobProblem::FollowedRun`]; [`JobProblem::StillRuns`]; [`JobProblem::Pending`] if
    /// the snapshot is gone or damaged; [`Error::Io`]. The baseline is the old one then.
    pub fn commit(&self, commit: &Commit) -> Result<ClosedRun> {
        let Commit { run, keep, ref result, ref again } = *commit;
        let (mut state, pending) = self.pending(run)?;
        if let (None, Some(replaced)) = (run, pending.replaced) {
            return Err(self.problem(JobProblem::WhichRun { pending: pending.run, replaced }));
        }
        if run.is_none() && pending.failed {
            return Err(self.problem(JobProblem::FailedRun { run: pending.run }));
        }
        if run.is_none() && pending.followed {
            return Err(self.problem(JobProblem::FollowedRun { run: pending.run }));
        }
        let run = pending.run;
        self.check_idle()?;
        let snapshot = open_run(self.job.dir(), &pending, &NoMonitor)
            .map_err(|e| self.problem(JobProblem::Pending { run, reason: describe(&e) }))?;
        state.pending = None;
        state.lost = None;
        // What could not be read was not listed again either.
        let former = state.unconfirmed.take().filter(|_| snapshot.header().counts.unknown > 0);
        state.unconfirmed = unconfirmed::after_success(self.dir(), run, former, again)?;
        if let Some(former) = state.committed.replace(pending) {
            state.kept.insert(0, former);
        }
        state.kept.truncate(keep);
        state.write(self.dir())?;
        Ok(self.close(&state, run, RunStatus::Committed, result))
    }

    /// Gives the pending run up. The next run lists its changes again.
    ///
    /// # Errors
    /// [`JobProblem::NothingPending`], [`JobProblem::AlreadyBaseline`], [`JobProblem::NotPending`],
    /// [`JobProblem::OtherRun`], [`Error::Io`].
    pub fn abort(&self, run: Option<u64>, result: &RunResult) -> Result<ClosedRun> {
        let (mut state, pending) = self.pending(run)?;
        state.aborted = state.pending.take();
        state.write(self.dir())?;
        Ok(self.close(&state, pending.run, RunStatus::Aborted, result))
    }

    /// Writes down that the consumer of the pending run failed, or was not started. The run stays pending, so that its
    /// snapshot may save the next walk some work; the next run lists its changes again.
    ///
    /// # Errors
    /// Those of [`Self::abort`].
    pub fn failed(&self, run: Option<u64>, result: &RunResult) -> Result<()> {
        self.fail(run, result, None)
    }

    /// The same for a consumer that read other directories than the walk. It may have deleted what no list named, so
    /// only a full list repairs that.
    ///
    /// # Errors
    /// Those of [`Self::failed`].
    pub fn misread(&self, run: Option<u64>, result: &RunResult) -> Result<()> {
        self.fail(run, result, Some("something was unmounted or replaced while its consumer read"))
    }

    fn fail(&self, run: Option<u64>, result: &RunResult, lost: Option<&str>) -> Result<()> {
        let (mut state, mut pending) = self.pending(run)?;
        let run = pending.run;
        pending.failed = true;
        state.pending = Some(pending);
        if let Some(why) = lost {
            state.lost.get_or_insert_with(|| format!("run {run}: {why}"));
        }
        state.write(self.dir())?;
        log::append(self.dir(), &Event::ended(run, RunStatus::Failed, result))
    }

    /// Replaces what the consumer wants to remember of the pending run.
    ///
    /// # Errors
    /// Those of [`Self::abort`].
    pub fn annotate(&self, run: Option<u64>, note: RunNote) -> Result<()> {
        let (mut state, mut pending) = self.pending(run)?;
        pending.note = note;
        state.pending = Some(pending);
        state.write(self.dir())
    }

    /// The state is written: adds the line of the log, and removes what the state does not name any more.
    fn close(&self, state: &JobState, run: u64, status: RunStatus, result: &RunResult) -> ClosedRun {
        let logged = log::append(self.dir(), &Event::ended(run, status, result));
        let collected = remove_unnamed(self.dir(), state);
        ClosedRun { run, leftover: logged.and(collected).err() }
    }

    /// An empty directory for the lists of the run that started. Only its owner can read it. The start and the end of
    /// any run remove it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn make_lists_dir(&self) -> Result<ListsDir> {
        ListsDir::make(self.dir())
    }

    /// Removes the lists.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remove_lists(&self) -> Result<()> {
        lists::remove(self.dir())
    }

    /// Removes the state of the job: the next run of a job of this name is a first one.
    ///
    /// # Errors
    /// [`JobProblem::StillRuns`], [`Error::Io`]. The state file goes first, so that what is left is not taken for a
    /// state.
    pub fn remove(self) -> Result<()> {
        self.check_idle()?;
        self.dir().remove(state::FILE)?;
        fs::remove_dir_all(self.job.dir()).context("remove", self.job.dir())
    }
}
