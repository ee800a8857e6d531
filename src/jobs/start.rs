//! Begins a run: walks by the best base there is, and compares with the baseline.

use std::fs;
use std::path::{Path, PathBuf};

use super::compared::{Compared, Pair};
use super::full_reason::FullReason;
use super::log::RunCounts;
use super::mount_check::MountCheck;
use super::state::{JobState, RunNote, RunRecord, hex};
use super::store::Job;
use super::unconfirmed;
use crate::diff::{Diff, DiffOptions, Relist, Summary, same_roots};
use crate::error::Context as _;
use crate::monitor::Monitor;
use crate::scan::{self, ScanOptions, ScanOutcome, fingerprint, scope_of};
use crate::snapshot::{Digest, Meta, Snapshot, digest, same_scope};
use crate::{Error, Result, SnapshotProblem};

/// What is asked of a run.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// The roots, the filters and how to walk. Overlays are not used: each snapshot of a job stands by itself.
    pub scan: ScanOptions,
    /// How to compare.
    pub diff: DiffOptions,
    /// What the list is for. Where it differs from that of the baseline, the list is a full one.
    pub consumer: String,
    /// What is to be remembered with the run.
    pub note: RunNote,
    /// Why the list has to be a full one, if the caller knows a reason.
    pub full: Option<String>,
}

impl RunRequest {
    /// A usual one.
    pub fn new(scan: ScanOptions, consumer: impl Into<String>) -> Self {
        Self { scan, diff: DiffOptions::default(), consumer: consumer.into(), note: RunNote::new(), full: None }
    }
}

/// A run that began: its snapshot is taken, and its list can be written.
#[derive(Debug)]
pub struct StartedRun {
    /// Its number.
    pub run: u64,
    /// Why its list is a full one; none if it holds what changed since the baseline.
    pub full: Option<FullReason>,
    /// The run before it, if that did not succeed. What it listed is listed again.
    pub replaced: Option<u64>,
    /// Whether that one is known to have failed, or was given up.
    pub has_failed: bool,
    /// What the walk came to.
    pub outcome: ScanOutcome,
    /// The snapshot by which it walked.
    pub base: Option<PathBuf>,
    pub(super) summary: Summary,
    pub(super) compared: Compared,
    pub(super) again: Relist,
}

impl StartedRun {
    /// What changed.
    pub fn diff(&self) -> &Diff<'_> {
        self.compared.diff()
    }

    /// Counts of the changes.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The baseline that it is compared with; none where the list is a full one.
    pub fn old(&self) -> Option<&Snapshot> {
        self.compared.old()
    }

    /// The new snapshot.
    pub fn new_snapshot(&self) -> &Snapshot {
        self.compared.new_snapshot()
    }

    /// Where it walked, to be looked at again before a commit.
    ///
    /// # Errors
    /// [`Error::Snapshot`] for a damaged snapshot.
    pub fn mount_check(&self) -> Result<MountCheck> {
        MountCheck::of(self.new_snapshot())
    }

    /// Whether everything could be read. If not, the list lacks what is unknown.
    pub fn is_complete(&self) -> bool {
        self.outcome.is_complete() && self.diff().unknown() == 0
    }

    /// What the log keeps of it.
    pub fn seen(&self) -> RunCounts {
        let full = self.full.as_ref().map(ToString::to_string);
        RunCounts::new(&self.summary, self.outcome.counts.entries, full)
    }
}

/// What a walk is to be compared with, and where its snapshot goes.
pub(super) struct RunPlan<'a> {
    pub(super) job: &'a Job,
    pub(super) state: &'a JobState,
    /// The state could not be read: why.
    pub(super) lost: Option<String>,
    pub(super) request: &'a RunRequest,
    pub(super) output: &'a Path,
    pub(super) monitor: &'a dyn Monitor,
}

/// A snapshot by which a walk may save work.
struct WalkBase {
    snapshot: Snapshot,
    /// It is this job's own, so that it is known to have started no earlier than the baseline.
    is_own: bool,
}

/// The digest of all that makes two runs of a job comparable.
fn definition(scope: &Meta, consumer: &str) -> Digest {
    let mut bytes = fingerprint(scope).to_vec();
    bytes.extend_from_slice(consumer.as_bytes());
    digest(&bytes)
}

impl RunPlan<'_> {
    /// Walks, and compares with the baseline or lists everything. The snapshot is left at the output; the state is
    /// not touched.
    pub(super) fn carry_out(&self) -> Result<(StartedRun, RunRecord)> {
        let mut options = self.request.scan.clone();
        options.overlay = false;
        options.own_dirs.extend(self.own_dirs());
        let scope = scope_of(&options, self.monitor)?;
        let usable = self.baseline(&scope).and_then(|old| {
            let again = unconfirmed::gather(self.job.dir(), self.state, &old, self.monitor);
            again.map(|again| (old, again)).map_err(FullReason::Unconfirmed)
        });
        let (mut old, again, mut full) = match usable {
            Ok((old, again)) => (Some(old), again, None),
            Err(reason) => (None, Relist::default(), Some(reason)),
        };
        let mut base = self.base(old.as_ref(), &scope)?;
        loop {
            let by = base.as_ref().map(|base| &base.snapshot).or(old.as_ref());
            let outcome = scan::scan(&options, by, self.output, self.monitor)?;
            // What could not be read is known only from a snapshot that is no older than the baseline for certain: by the
            // clock alone that cannot be told, it may have been set back.
            if !outcome.is_complete() && old.is_some() && base.as_ref().is_some_and(|base| !base.is_own) {
                base = None;
                continue;
            }
            let by = by.map(|by| by.path().to_owned());
            let new = self.open(self.output)?;
            if let (None, false, Some(former)) = (&old, self.request.diff.allow_root_change, self.former())
                && let Err(changed @ Error::RootChanged { .. }) = same_roots(&former, &new)
            {
                return Err(changed);
            }
            let record = self.record(&new, &scope);
            let pair = Pair { old: old.take(), new };
            match Compared::new(pair, &self.request.diff, &again).map_err(|failed| *failed) {
                Ok((compared, summary)) => {
                    let started = StartedRun {
                        run: self.state.next,
                        full,
                        replaced: self.state.unfinished().map(|pending| pending.run),
                        has_failed: self.state.has_failed(),
                        outcome,
                        base: by,
                        summary,
                        compared,
                        again,
                    };
                    return Ok((started, record));
                }
                Err((pair, Error::Snapshot { path, problem })) => {
                    let is_new = path == self.output;
                    if is_new && by.is_none() {
                        return Err(Error::Snapshot { path, problem });
                    }
                    old = pair.old;
                    // Damage in a part that was taken over unseen from the base shows in the new snapshot.
                    base = None;
                    if old.take_if(|_| !is_new || by.as_deref().is_some_and(|by| self.is_baseline(by))).is_some() {
                        full = Some(FullReason::Damaged(problem.without_advice()));
                    }
                }
                Err((_, error)) => return Err(error),
            }
        }
    }

    fn is_baseline(&self, path: &Path) -> bool {
        self.state.committed.as_ref().is_some_and(|committed| self.job.dir().join(&committed.file) == path)
    }

    /// The directories of our own state, as the walk finds them.
    fn own_dirs(&self) -> Vec<PathBuf> {
        let dirs = [Some(self.job.store().dir()), self.output.parent()];
        dirs.into_iter().flatten().filter_map(|dir| dir.canonicalize().ok()).collect()
    }

    fn open(&self, path: &Path) -> Result<Snapshot> {
        open(path, self.monitor)
    }

    /// Opens the snapshot of a record, if it is that.
    fn open_run(&self, dir: &Path, record: &RunRecord) -> Result<Snapshot> {
        open_run(dir, record, self.monitor)
    }

    /// The baseline, or why it is of no use.
    fn baseline(&self, scope: &Meta) -> Result<Snapshot, FullReason> {
        if let Some(why) = &self.lost {
            return Err(FullReason::State(why.clone()));
        }
        if self.state.machine != crate::sys::machine::identity() {
            return Err(FullReason::OtherMachine);
        }
        let committed = self.state.committed.as_ref().ok_or(FullReason::First)?;
        let snapshot = self.open_run(self.job.dir(), committed).map_err(|e| match e {
            Error::Snapshot { problem: SnapshotProblem::Missing, .. } => FullReason::Deleted,
            Error::Snapshot { problem, .. } => FullReason::Damaged(problem.without_advice()),
            other => FullReason::Damaged(other.to_string()),
        })?;
        if let Err(Error::Incomparable { differences }) = same_scope(snapshot.meta(), scope) {
            return Err(FullReason::Definition(differences));
        }
        if committed.definition != hex(&definition(scope, &self.request.consumer)) {
            return Err(FullReason::Definition("consumer".into()));
        }
        match &self.request.full {
            Some(why) => Err(FullReason::Asked(why.clone())),
            None => Ok(snapshot),
        }
    }

    /// The baseline, to look at its roots alone: an unmounted disk is none that was emptied after other filters either.
    fn former(&self) -> Option<Snapshot> {
        let committed =
            self.state.committed.as_ref().filter(|_| self.state.machine == crate::sys::machine::identity())?;
        self.open_run(self.job.dir(), committed).ok()
    }

    /// The snapshot by which the walk saves most work: the newest one of the same scope that began no earlier than
    /// the baseline, be it another job's. None where that is the baseline itself, or there is none.
    fn base(&self, old: Option<&Snapshot>, scope: &Meta) -> Result<Option<WalkBase>> {
        let asked = hex(&fingerprint(scope));
        let began = |snapshot: &Snapshot| (snapshot.header().started.sec, snapshot.header().started.nsec);
        for (dir, record, is_own) in self.candidates(&asked) {
            let Ok(snapshot) = self.open_run(&dir, &record) else { continue };
            let is_late_enough = match old {
                Some(old) => {
                    snapshot.header().identity != old.header().identity && snapshot.oldest_state() >= began(old)
                }
                None => true,
            };
            if !is_late_enough || same_scope(snapshot.meta(), scope).is_err() {
                continue;
            }
            let is_proved = match &self.request.scan.hints {
                Some(hints) => hints.trust || scan::are_proved(hints, &snapshot)?,
                None => true,
            };
            if is_proved {
                return Ok(Some(WalkBase { snapshot, is_own }));
            }
        }
        Ok(None)
    }

    /// Snapshots of the same scope, the newest first: the directory, what it is, whether it is the job's own.
    fn candidates(&self, asked: &str) -> Vec<(PathBuf, RunRecord, bool)> {
        let mut found: Vec<(PathBuf, RunRecord, bool)> = Vec::new();
        let mut take = |dir: &Path, state: &JobState, is_own: bool| {
            let usable = state.committed.iter().chain(state.unfinished()).filter(|g| g.scope == asked);
            if state.machine == crate::sys::machine::identity() {
                found.extend(usable.map(|record| (dir.to_owned(), record.clone(), is_own)));
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
        let time = |g: &RunRecord| g.began.parse::<jiff::Timestamp>().unwrap_or(jiff::Timestamp::MIN);
        found.sort_by_key(|(_, record, is_own)| std::cmp::Reverse((time(record), *is_own)));
        found
    }

    fn record(&self, new: &Snapshot, scope: &Meta) -> RunRecord {
        let started = new.header().started;
        let began = jiff::Timestamp::new(started.sec, started.nsec.cast_signed()).unwrap_or_default();
        RunRecord {
            run: self.state.next,
            file: self.output.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            identity: hex(&new.header().identity),
            definition: hex(&definition(scope, &self.request.consumer)),
            scope: hex(&fingerprint(scope)),
            began: began.to_string(),
            note: self.request.note.clone(),
            replaced: self.state.pending.as_ref().and_then(|p| p.replaced.or((!p.failed).then_some(p.run))),
            failed: false,
            followed: false,
        }
    }
}

/// Opens a snapshot, and tells of it.
pub(super) fn open(path: &Path, monitor: &dyn Monitor) -> Result<Snapshot> {
    monitor.mapping(path);
    let snapshot = Snapshot::open(path);
    monitor.mapped(path, snapshot.as_ref().ok().map(Snapshot::mapped_range));
    snapshot
}

/// What is wrong with a snapshot of a job, in words.
pub(super) fn told(error: &Error) -> String {
    match error {
        Error::Snapshot { path, problem } => {
            format!("{} {}", path.file_name().unwrap_or_default().to_string_lossy(), problem.without_advice())
        }
        other => other.to_string(),
    }
}

/// Opens the snapshot of a record, if it is that.
pub(super) fn open_run(dir: &Path, record: &RunRecord, monitor: &dyn Monitor) -> Result<Snapshot> {
    let path = dir.join(&record.file);
    let snapshot = open(&path, monitor)?;
    if hex(&snapshot.header().identity) != record.identity {
        return Err(Error::damaged(&path, "it is another one than the state file names"));
    }
    Ok(snapshot)
}

impl Job {
    /// What changed since the baseline, without a trace in the job's state: the new snapshot goes to the directory
    /// `scratch`, which is the caller's to remove, and is left out of the walk. Needs no lock.
    ///
    /// # Errors
    /// Those of [`LockedJob::begin`](super::LockedJob::begin).
    pub fn look(&self, request: &RunRequest, scratch: &Path, monitor: &dyn Monitor) -> Result<StartedRun> {
        loop {
            let (state, lost) = read_state(self)?;
            let output = scratch.join(format!("{}.snap", state.next));
            let plan = RunPlan { job: self, state: &state, lost, request, output: &output, monitor };
            let started = plan.carry_out()?.0;
            // A run may have ended meanwhile and removed what the state named before.
            if started.full != Some(FullReason::Deleted) || read_state(self)?.0 == state {
                return Ok(started);
            }
        }
    }
}

/// The state of a job; where it is damaged an empty one, and why.
///
/// # Errors
/// A state of a future version is left to the program that wrote it.
pub(super) fn read_state(job: &Job) -> Result<(JobState, Option<String>)> {
    match job.state() {
        Ok(Some(state)) => Ok((state, None)),
        Ok(None) => Ok((JobState { next: next_run(job)?, ..JobState::new() }, None)),
        Err(Error::Job { problem: crate::JobProblem::State { reason, .. }, .. }) => {
            Ok((JobState { next: next_run(job)?, ..JobState::new() }, Some(reason)))
        }
        Err(other) => Err(other),
    }
}

/// The first number that no run had, as far as can be told without a state.
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
