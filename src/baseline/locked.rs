//! A job that no other process runs: begin, commit, abort. Each of them is one replacement of the docket; whatever a
//! crash leaves beside it is removed by the next one.

use std::fs;
use std::path::PathBuf;

use super::begin::{Begun, Plan, Request, open_generation, read_docket, told};
use super::collect::{self, LISTS, collect};
use super::command;
use super::docket::{Docket, Generation, Note};
use super::lock::{Lock, make_private};
use super::log::{self, Ending, Event, Outcome};
use super::store::Job;
use super::unsettled;
use crate::error::Context as _;
use crate::monitor::{Monitor, NoMonitor};
use crate::{Error, JobProblem, Result};

/// A job whose lock is held.
#[derive(Debug)]
pub struct Locked {
    job: Job,
    _lock: Lock,
}

/// What a run became.
#[derive(Debug)]
pub struct Ended {
    /// Its number.
    pub run: u64,
    /// What could not be done afterwards: a line for the log, old snapshots to be removed. The next run makes up for the
    /// latter.
    pub leftover: Option<Error>,
}

impl Locked {
    pub(super) fn new(job: Job, lock: Lock) -> Self {
        Self { job, _lock: lock }
    }

    /// The job.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// What the docket says; none before the first run.
    ///
    /// # Errors
    /// Those of [`Job::docket`].
    pub fn docket(&self) -> Result<Option<Docket>> {
        self.job.docket()
    }

    /// Walks the roots and compares them with the baseline. The new snapshot becomes pending, in the place of an earlier one
    /// that was never committed.
    ///
    /// Costs what [`scan`](crate::scan) and [`Diff::new`](crate::Diff::new) do, a pass over the changes, and a few small files.
    ///
    /// # Errors
    /// Those of [`scan`](crate::scan) and [`Diff::new`](crate::Diff::new): then nothing is pending that was not before.
    /// [`JobProblem::DocketVersion`], [`JobProblem::StillRuns`]. A baseline that cannot be used is no error but a full list: see [`Begun::full`].
    pub fn begin(&self, request: &Request, monitor: &dyn Monitor) -> Result<Begun> {
        let (mut docket, lost) = read_docket(&self.job)?;
        let run = docket.next;
        if let Some((earlier, pid)) = command::left(self.job.dir()) {
            let error = Error::job(self.job.name(), JobProblem::StillRuns { run: earlier, pid });
            self.refuse(run, &error);
            return Err(error);
        }
        collect(self.job.dir(), &docket)?;
        let output = self.job.dir().join(format!("{run}.snap"));
        let plan = Plan { job: &self.job, docket: &docket, lost, request, output: &output, monitor };
        let begun = plan.carry_out().and_then(|(begun, generation)| {
            self.make_pending(&mut docket, &begun, generation)?;
            Ok(begun)
        });
        if let Err(error) = &begun {
            self.refuse(run, error);
        }
        begun
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
        let Ok(docket) = self.docket() else { return };
        let mut docket = docket.unwrap_or_default();
        if let Some(pending) = docket.pending.as_mut().filter(|pending| !pending.followed) {
            // A script that goes on to its commit all the same must not mean that one.
            pending.followed = true;
            let _ = docket.write(&self.job.docket_path());
        }
        // What the docket does not name is removed, if not now then by the next run.
        let _ = collect(self.job.dir(), &docket);
    }

    fn make_pending(&self, docket: &mut Docket, begun: &Begun, generation: Generation) -> Result<()> {
        let event = Event::Begun { run: begun.run, at: generation.began.clone(), seen: begun.seen() };
        if docket.machine != crate::sys::machine::identity() {
            *docket = Docket { next: docket.next, ..Docket::new() };
        }
        match &begun.full {
            None => docket.unsettled = unsettled::write(self.job.dir(), begun.run, &begun.again)?,
            // What it listed before is compared with no baseline now, so that it is forgotten.
            Some(_) if docket.unfinished().is_some() || docket.unsettled.is_some() => {
                docket.unsettled = None;
                docket.lost.get_or_insert_with(|| format!("run {} listed everything", begun.run));
            }
            Some(_) => {}
        }
        let replaced = docket.pending.replace(generation);
        docket.aborted = None;
        docket.next += 1;
        log::append(self.job.dir(), &event)?;
        if let Some(replaced) = &replaced {
            log::append(self.job.dir(), &Event::ended(replaced.run, Outcome::Replaced, &Ending::default()))?;
        }
        docket.write(&self.job.docket_path())?;
        // What is not removed now is removed by the next run.
        let _ = collect(self.job.dir(), docket);
        Ok(())
    }

    /// The pending run, if it is the one that was asked for.
    fn pending(&self, run: Option<u64>) -> Result<(Docket, Generation)> {
        let problem = |problem| Error::job(self.job.name(), problem);
        let docket = self.docket()?.ok_or_else(|| problem(JobProblem::NothingPending))?;
        let Some(pending) = docket.pending.clone() else {
            let baseline = docket.committed.as_ref().map(|committed| committed.run);
            return Err(problem(match (run, baseline) {
                (Some(asked), Some(baseline)) => JobProblem::NotPending { asked, baseline },
                _ => JobProblem::NothingPending,
            }));
        };
        if let Some(asked) = run.filter(|asked| *asked != pending.run) {
            return Err(problem(JobProblem::OtherRun { pending: pending.run, asked }));
        }
        Ok((docket, pending))
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
    pub fn commit(&self, run: Option<u64>, keep: usize, ending: &Ending) -> Result<Ended> {
        let (mut docket, pending) = self.pending(run)?;
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
        let snapshot = open_generation(self.job.dir(), &pending, &NoMonitor)
            .map_err(|e| Error::job(self.job.name(), JobProblem::Pending { run, reason: told(&e) }))?;
        docket.pending = None;
        docket.lost = None;
        // What could not be read was not listed again either.
        if snapshot.header().counts.unknown == 0 {
            docket.unsettled = None;
        }
        if let Some(former) = docket.committed.replace(pending) {
            docket.kept.insert(0, former);
        }
        docket.kept.truncate(keep);
        docket.write(&self.job.docket_path())?;
        Ok(self.after(&docket, run, Outcome::Committed, ending))
    }

    /// Gives the pending run up. What it listed is in the next list again.
    ///
    /// # Errors
    /// [`JobProblem::NothingPending`], [`JobProblem::OtherRun`], [`Error::Io`].
    pub fn abort(&self, run: Option<u64>, ending: &Ending) -> Result<Ended> {
        let (mut docket, pending) = self.pending(run)?;
        docket.aborted = docket.pending.take();
        docket.write(&self.job.docket_path())?;
        Ok(self.after(&docket, pending.run, Outcome::Aborted, ending))
    }

    /// The consumer of the pending run failed, or was not started: writes that down. It stays pending, so that the
    /// next walk may save work by it; its changes are in the next list again.
    ///
    /// # Errors
    /// [`JobProblem::NothingPending`], [`JobProblem::OtherRun`], [`Error::Io`].
    pub fn failed(&self, run: Option<u64>, ending: &Ending) -> Result<()> {
        self.fail(run, ending, None)
    }

    /// The same of a consumer that read something else than what was walked: it may have taken for deleted what no list
    /// named, so that only a list of everything makes up for it.
    ///
    /// # Errors
    /// Those of [`Self::failed`].
    pub fn misread(&self, run: Option<u64>, ending: &Ending) -> Result<()> {
        self.fail(run, ending, Some("something was unmounted or replaced while its consumer read"))
    }

    fn fail(&self, run: Option<u64>, ending: &Ending, lost: Option<&str>) -> Result<()> {
        let (mut docket, mut pending) = self.pending(run)?;
        let run = pending.run;
        pending.failed = true;
        docket.pending = Some(pending);
        if let Some(why) = lost {
            docket.lost.get_or_insert_with(|| format!("of run {run}: {why}"));
        }
        docket.write(&self.job.docket_path())?;
        log::append(self.job.dir(), &Event::ended(run, Outcome::Failed, ending))
    }

    /// Replaces what the consumer wants to remember of the pending run.
    ///
    /// # Errors
    /// [`JobProblem::NothingPending`], [`JobProblem::OtherRun`], [`Error::Io`].
    pub fn annotate(&self, run: Option<u64>, note: Note) -> Result<()> {
        let (mut docket, mut pending) = self.pending(run)?;
        pending.note = note;
        docket.pending = Some(pending);
        docket.write(&self.job.docket_path())
    }

    fn after(&self, docket: &Docket, run: u64, outcome: Outcome, ending: &Ending) -> Ended {
        let told = log::append(self.job.dir(), &Event::ended(run, outcome, ending));
        let collected = collect(self.job.dir(), docket);
        Ended { run, leftover: told.and(collected).err() }
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
        collect::remove_lists(self.job.dir())
    }

    /// Removes the state of the job: the next run of a job of this name is a first one.
    ///
    /// # Errors
    /// [`Error::Io`]. The docket goes first, so that no half of a state is taken for one.
    pub fn remove(self) -> Result<()> {
        match fs::remove_file(self.job.docket_path()) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            other => other.context("remove", self.job.docket_path())?,
        }
        fs::remove_dir_all(self.job.dir()).context("remove", self.job.dir())
    }
}
