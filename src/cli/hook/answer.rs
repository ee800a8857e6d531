//! The answer to Duplicati: what the job database and the walk say, and the list.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use fastdiff::consumers::duplicati::{
    Duplicati, DuplicatiList, DuplicatiOptions, FullScan, HookNote, JobDatabase, Settings, Unread,
    baseline_eligibility, eligibility, unstored,
};
use fastdiff::consumers::{Consumer as _, DatabaseChoice};
use fastdiff::jobs::{LockedJob, RunRequest, StartedRun};
use fastdiff::{Error, Monitor, Warning};
use indicatif::HumanCount;

use super::super::Failure;
use super::super::advice::Advised;
use super::super::{source, watchman};
use super::duplicati::HookDuplicatiArgs;
use super::outcome::{open, outcome};
use super::unread::{EarlierRun, NextScan};
use super::{voice, words};

/// The option by which Duplicati reads each file, as a line of the output.
const READ_ALL: &str = "--disable-filetime-check=true\n";

/// No file is read for a proof when so little of the time limit is left.
pub(super) const MARGIN: Duration = Duration::from_secs(10);

/// The answer to Duplicati.
pub(super) struct Answer {
    pub(super) what: What,
    pub(super) run: u64,
    pub(super) note: HookNote,
    /// When the walk had ended.
    pub(super) walked: SystemTime,
}

pub(super) enum What {
    /// Duplicati takes this list.
    List(Vec<u8>),
    /// Duplicati scans everything. The snapshot is kept for that scan.
    Scan {
        /// Why.
        why: String,
        /// Options for the scan, each a line.
        options: &'static str,
        /// What it leaves unread without them.
        unread: Unread,
    },
    /// There is nothing to do.
    Skip,
}

/// A job and how much of it is kept.
pub(super) struct Held {
    pub(super) locked: LockedJob,
    pub(super) keep: usize,
}

fn said(failure: Failure) -> String {
    match failure {
        Failure::Library(error) => Advised(&error).to_string(),
        Failure::Other(message) => message,
        Failure::ClosedPipe => "standard output is closed".into(),
    }
}

/// The answer to Duplicati, or why there is no list.
pub(super) fn answer(args: &HookDuplicatiArgs, settings: &Settings, until: Instant) -> Result<(Answer, Held), String> {
    let (definition, job) = args.state.job(&args.job).map_err(said)?;
    let consumer = definition.consumer.name();
    if consumer != Duplicati.name() {
        return Err(format!("the job {} is for {consumer}: add one with --consumer duplicati", args.job));
    }
    let told = |e: Error| Advised(&e).to_string();
    let mut request = definition.request().map_err(said)?;
    args.walk.add_to(&mut request.scan);
    let asked = watchman::add_hints_of_job(&mut request.scan, definition.source, &args.walk, &job);
    asked.unwrap_or_else(|why| voice::say(watchman::not_asked(&why)));
    let left_out = [job.store().dir().to_owned()];
    let held = Held { locked: job.lock().map_err(told)?, keep: definition.keep };
    let file = settings.database.clone().or_else(|| match &definition.database {
        DatabaseChoice::File(file) => Some(file.clone()),
        DatabaseChoice::NotGiven | DatabaseChoice::Without => None,
    });

    let database = open(file.as_deref());
    let before = outcome(&held, settings, file.as_deref(), &database)?;
    if settings.has_own_list() {
        return Err("the backup has --changed-files or --deleted-files of its own: remove them from its options".into());
    }
    eligibility(settings, &request.scan.filter, &definition.roots, &left_out).map_err(|why| words::ineligible(&why))?;
    let database = database?;
    let file = file.ok_or("Duplicati did not say where its job database is (DUPLICATI__dbpath is empty)")?;
    let (mut note, full, is_newest) = gate(&held, before.as_ref(), &file, database.as_ref(), settings)?;
    let earlier = EarlierRun::of(&held, before.is_none());
    // The hook may be cut off before it knows better.
    note.unread = earlier.unread_if_cut_off();
    request.note = note.to_map();
    let (started, refused) = begin(&held.locked, request, until)?;
    let walked = SystemTime::now();
    // No run has come between the baseline and now.
    let is_clean = before.is_none() && is_newest;
    let of_job = refused.or_else(|| started.full.as_ref().map(ToString::to_string));
    let why = of_job.or_else(|| full.as_ref().map(|full| full.why.clone()));
    let listed = match why {
        Some(why) => Err(why),
        None => what(args, settings, file, &started, is_clean, until),
    };
    say_source(&started, args.walk.verbose);
    let what = listed.or_else(|why| {
        let scan = NextScan { database: database.as_ref(), full: full.as_ref(), settings, until };
        scan.unread(&started, &earlier).map(|unread| scan_for(why, unread, &earlier, settings))
    })?;
    Ok((Answer { what, run: started.run, note, walked }, held))
}

/// The answer that lets Duplicati scan everything.
fn scan_for(why: String, unread: Unread, earlier: &EarlierRun, settings: &Settings) -> What {
    if settings.disables_filetime_check() {
        return What::Scan { why, options: "", unread: Unread::default() };
    }
    if unread.needs_reading_now(earlier.left_unread()) {
        voice::say(
            "files may have changed in a way that a scan does not check: this one reads every file (--disable-filetime-check), which takes longer",
        );
        return What::Scan { why, options: READ_ALL, unread };
    }
    if let Some(count) = unread.files().map(BTreeSet::len).filter(|count| *count > 0) {
        voice::say(format_args!(
            "{} files may have changed in a way that a scan does not check: the next list names them",
            HumanCount(count as u64)
        ));
    }
    What::Scan { why, options: "", unread }
}

/// The answer after a walk, or why Duplicati must scan.
fn what(
    args: &HookDuplicatiArgs,
    settings: &Settings,
    file: PathBuf,
    started: &StartedRun,
    is_clean: bool,
    until: Instant,
) -> Result<What, String> {
    let mut options = DuplicatiOptions::default();
    options.database = Some(file);
    options.exact = true;
    options.unstored = unstored(settings)?;
    options.rule = settings.read_rule();
    options.reads_all = settings.disables_filetime_check();
    options.is_after_others = !is_clean;
    options.until = until.checked_sub(MARGIN);
    let list = DuplicatiList::new(started.diff(), &options).map_err(|e| match e {
        Error::Refused { refusal, .. } => refusal.to_string(),
        other => other.to_string(),
    })?;
    if list.is_long && settings.has_later_script() {
        return Err("the list is so long that Duplicati could not start the script that follows the backup: remove run-script-after and run-script-post-backup from its options".into());
    }
    if args.skip_idle && list.is_idle && is_clean && started.is_complete() {
        return Ok(What::Skip);
    }
    let mut bytes = Vec::new();
    list.write(&mut bytes).map_err(|e| e.to_string())?;
    #[cfg(windows)]
    let bytes = super::page::encoded(&bytes)?;
    report(&list, started);
    if list.needs_reading {
        voice::say(
            "a file may have changed in a way that Duplicati does not check: this run has --disable-filetime-check",
        );
    }
    Ok(What::List(bytes))
}

/// The note of this run, why it must be a full scan, and whether the newest version is that of the baseline.
fn gate(
    held: &Held,
    before: Option<&HookNote>,
    file: &Path,
    database: Option<&JobDatabase>,
    settings: &Settings,
) -> Result<(HookNote, Option<FullScan>, bool), String> {
    let Some(database) = database else {
        let full = FullScan::without_database(file);
        return Ok((HookNote::without_database(file, settings), Some(full), false));
    };
    let committed = held.locked.state().ok().flatten().and_then(|state| state.committed);
    let committed = committed.and_then(|record| HookNote::from_map(&record.note));
    let told = |e: fastdiff::consumers::duplicati::DatabaseError| e.to_string();
    let now = HookNote::before_run(file, database, settings).map_err(told)?;
    let full = baseline_eligibility(committed.as_ref(), before, &now, database).map_err(told)?;
    let is_newest = committed.is_some_and(|note| note.version == now.version);
    Ok((now, full, is_newest))
}

/// Says what told where to look.
fn say_source(started: &StartedRun, verbose: bool) {
    if let Some(line) = source::line(&started.outcome) {
        voice::say(line);
    }
    let wrong = started.outcome.parts.iter().filter(|part| source::is_wrong(part));
    wrong.for_each(|part| voice::say(source::of_wrong(part)));
    if verbose {
        source::reasons(&started.outcome).for_each(voice::say);
    }
}

/// Walks. If the comparison is refused, a full scan follows, and the snapshot is kept for that. Returns why it was
/// refused, too.
fn begin(locked: &LockedJob, mut request: RunRequest, until: Instant) -> Result<(StartedRun, Option<String>), String> {
    let mut refused = None;
    let monitor = DeadlineMonitor { until, unread: Mutex::new(None) };
    let started = match locked.begin(&request, &monitor) {
        Err(e @ Error::RootChanged { .. }) => {
            request.full = Some(e.to_string());
            locked.begin(&request, &monitor)
        }
        Err(e @ (Error::TooManyRemoved { .. } | Error::TooManyChanged { .. })) => {
            refused = Some(e.to_string());
            (request.diff.max_removed, request.diff.max_changed) = (None, None);
            locked.begin(&request, &monitor)
        }
        other => other,
    };
    let started = started.map_err(|e| Advised(&e).to_string())?;
    if let Some((count, example)) = monitor.unread.into_inner().unwrap_or_else(PoisonError::into_inner) {
        voice::say(format_args!(
            "{} could not be read and stay as they are in the last version: {example}",
            HumanCount(count)
        ));
    }
    Ok((started, refused))
}

/// Reports how much is listed, and what to know about it.
fn report(list: &DuplicatiList, started: &StartedRun) {
    if list.is_idle {
        voice::say("nothing changed; one file is listed anyway, because an empty list would be a full scan");
    } else {
        let seen = started.seen();
        voice::say(format_args!(
            "a list of what changed since the last backup: {} added, {} modified, {} removed, {} suspect",
            HumanCount(seen.added),
            HumanCount(seen.modified),
            HumanCount(seen.removed),
            HumanCount(seen.suspect)
        ));
    }
    for note in &list.emitted.notes {
        voice::say(note);
    }
}

/// Watches the time, and counts what could not be read.
struct DeadlineMonitor {
    until: Instant,
    unread: Mutex<Option<(u64, String)>>,
}

impl Monitor for DeadlineMonitor {
    fn warning(&self, warning: Warning) {
        if warning.is_incomplete() {
            let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
            let (count, _) = unread.get_or_insert_with(|| (0, warning.to_string()));
            *count += 1;
        }
    }

    fn cancelled(&self) -> bool {
        Instant::now() >= self.until
    }
}
