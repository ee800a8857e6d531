//! `fastdiff hook duplicati`: what Duplicati's script calls before a backup. It finds out whether the last run
//! succeeded, walks, and prints the two options. Or it prints only a reason, and Duplicati scans.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fastdiff::consumers::duplicati::{
    DatabaseProblem, Duplicati, DuplicatiList, DuplicatiOptions, HookNote, JobDatabase, Settings, Settled,
    baseline_eligibility, eligibility, settle, unstored,
};
use fastdiff::consumers::{Consumer as _, DatabaseChoice};
use fastdiff::jobs::{Commit, LockedJob, RunRequest, RunResult, StartedRun};
use fastdiff::path::PathExt as _;
use fastdiff::{Error, Monitor, Warning};
use indicatif::HumanCount;

use super::super::advice::Advised;
use super::super::nice::NiceArgs;
use super::super::state::StateArgs;
use super::super::walk::{WalkArgs, parse_timeout};
use super::super::{DONE, FAILED, Failure};
use super::{voice, words};

const AFTER_HELP: &str = "\
Duplicati calls this through the script that `fastdiff hook install duplicati` writes; docs/duplicati.md is the guide.
If it is safe, it prints --changed-files and --deleted-files. Otherwise it prints only the reason, and Duplicati scans \
everything. It writes LOG:INFO lines to standard output, which appear in Duplicati's log of the run. The exit code is \
0. \
With --skip-idle it is 77 if nothing changed: the script turns that into 1, and Duplicati skips the backup.";

/// This much of Duplicati's time limit is left for what comes after the list.
const MARGIN: Duration = Duration::from_secs(5);

/// Print the change list for the backup that Duplicati is about to make.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct HookDuplicatiArgs {
    /// The job; its roots are the sources of the backup
    #[arg(long, value_name = "NAME")]
    job: String,

    /// Skip the backup if nothing changed since the last one: exit with 77
    #[arg(long)]
    skip_idle: bool,

    /// Give up after this time, and let Duplicati scan; at the latest five seconds before Duplicati's own time limit
    /// for scripts (--run-script-timeout, 60s unless set)
    #[arg(long, value_name = "DURATION", default_value = "50s", value_parser = parse_timeout)]
    time_limit: Duration,

    #[command(flatten)]
    walk: WalkArgs,

    #[command(flatten)]
    nice: NiceArgs,

    #[command(flatten)]
    state: StateArgs,
}

fn said(failure: Failure) -> String {
    match failure {
        Failure::Library(error) => Advised(&error).to_string(),
        Failure::Other(message) => message,
        Failure::ClosedPipe => "standard output is closed".into(),
    }
}

/// The exit code of `--skip-idle` if nothing changed: no shell, loader or interpreter ends with it.
pub(super) const IDLE: u8 = 77;

/// The answer to Duplicati.
struct Answer {
    what: What,
    run: u64,
    note: HookNote,
    /// When the walk had ended.
    walked: SystemTime,
}

enum What {
    /// Duplicati takes this list.
    List(Vec<u8>),
    /// Duplicati scans everything, and why. The snapshot is kept for that scan.
    Scan(String),
    /// There is nothing to do.
    Skip,
}

pub(super) fn run(args: &HookDuplicatiArgs) -> u8 {
    let began = Instant::now();
    let settings = Settings::read(|name| std::env::var_os(name));
    if !settings.is_before_backup() {
        if settings.event.is_empty() {
            voice::say("nothing to do: Duplicati calls this before a backup, and DUPLICATI__EVENTNAME is not set");
            voice::take();
            voice::write(&[]);
        }
        return DONE;
    }
    let longest = match settings.script_timeout() {
        Ok(limit) => limit.map_or(Duration::MAX, |limit| limit.saturating_sub(MARGIN)),
        Err(why) => {
            voice::last_word(&why);
            return DONE;
        }
    };
    // No walk takes longer than a year.
    let limit = args.time_limit.min(longest).min(Duration::from_hours(365 * 24));
    let until = began + limit;
    for failure in args.nice.lower() {
        voice::say(failure);
    }
    voice::watch(until, limit);
    match answer(args, &settings, until) {
        Ok((answer, job)) => give(answer, &job),
        Err(why) if Instant::now() >= until => {
            // The time limit stopped the walk or something else.
            drop(why);
            too_late(limit)
        }
        Err(why) => {
            voice::last_word(&why);
            DONE
        }
    }
}

/// The time limit has passed, and the thread that watches it may not have said so yet.
fn too_late(limit: Duration) -> u8 {
    if voice::take() {
        voice::say_too_late(limit);
        voice::write(&[]);
    } else {
        wait_for_the_end();
    }
    DONE
}

/// The other thread writes the output, and ends the program.
fn wait_for_the_end() {
    std::thread::park_timeout(MARGIN);
}

/// A job and how much of it is kept.
struct Held {
    locked: LockedJob,
    keep: usize,
}

fn give(Answer { what, run, note, walked }: Answer, job: &Held) -> u8 {
    // The job database has whole seconds. A run that starts after this wait has a later second than any run that read
    // something before the walk had ended.
    let since = wait_for_another_second(walked);
    if !voice::take() {
        wait_for_the_end();
        return DONE;
    }
    if let What::Skip = what {
        let ending = RunResult::because("nothing changed, the backup was skipped");
        // If that fails, the old baseline serves as well.
        let _ = job.locked.commit(&Commit::run(run).keep(job.keep).result(ending));
        voice::say("nothing changed since the last backup: it is skipped");
        voice::write(&[]);
        return IDLE;
    }
    // The note comes before the list: without it the run would be taken for a full scan.
    let note = HookNote { since: Some(since), listed: matches!(what, What::List(_)), ..note };
    let noted = job.locked.annotate(Some(run), note.to_map()).map_err(|e| e.to_string());
    let has_arrived = match noted.and_then(|()| if let What::Scan(why) = &what { Err(why.clone()) } else { Ok(()) }) {
        Ok(()) => voice::write(if let What::List(options) = &what { options } else { &[] }),
        Err(why) => {
            voice::say(format_args!("no list, so Duplicati scans everything: {why}"));
            voice::write(&[])
        }
    };
    // Half a list is worse than none: with this code the script passes nothing on.
    if has_arrived { DONE } else { FAILED }
}

/// Waits until the clock shows a later second than `then`. Returns the first such second, in Unix time.
fn wait_for_another_second(then: SystemTime) -> i64 {
    let next = then.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) + 1;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // If the clock was set back meanwhile, it does not wait for it: that run does not count as a success then.
    std::thread::sleep(Duration::from_secs(next).saturating_sub(now).min(Duration::from_secs(1)));
    next.cast_signed()
}

/// The answer to Duplicati, or why there is no list.
fn answer(args: &HookDuplicatiArgs, settings: &Settings, until: Instant) -> Result<(Answer, Held), String> {
    let (definition, job) = args.state.job(&args.job).map_err(said)?;
    let consumer = definition.consumer.name();
    if consumer != Duplicati.name() {
        return Err(format!("the job {} is for {consumer}: add one with --consumer duplicati", args.job));
    }
    let told = |e: Error| Advised(&e).to_string();
    let mut request = definition.request().map_err(said)?;
    args.walk.add_to(&mut request.scan);
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
    let (note, full, is_newest) = gate(&held, before.as_ref(), &file, database.as_ref(), settings)?;
    drop(database);

    request.note = note.to_map();
    request.full = full;
    let started = begin(&held.locked, request, until)?;
    let walked = SystemTime::now();
    // No run has come between the baseline and now.
    let is_clean = before.is_none() && is_newest;
    let what = what(args, settings, file, &started, is_clean).unwrap_or_else(What::Scan);
    Ok((Answer { what, run: started.run, note, walked }, held))
}

/// The answer after a walk, or why Duplicati must scan.
fn what(
    args: &HookDuplicatiArgs,
    settings: &Settings,
    file: PathBuf,
    started: &StartedRun,
    is_clean: bool,
) -> Result<What, String> {
    if let Some(reason) = &started.full {
        return Err(reason.to_string());
    }
    let mut options = DuplicatiOptions::default();
    options.database = Some(file);
    options.exact = true;
    options.unstored = unstored(settings)?;
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
    report(&list, started);
    // It is unknown what a failed run stored: a file may look as it did then and have other content.
    if (list.needs_reading || !is_clean) && !settings.disables_filetime_check() {
        voice::say(
            "a file may have changed in a way that Duplicati does not check: this run has --disable-filetime-check",
        );
        bytes.extend_from_slice(b"--disable-filetime-check=true\n");
    }
    Ok(What::List(bytes))
}

/// Opens the job database; none if there is none yet.
fn open(file: Option<&Path>) -> Result<Option<JobDatabase>, String> {
    let Some(file) = file else { return Ok(None) };
    match JobDatabase::open(file) {
        Ok(database) => Ok(Some(database)),
        Err(e) if e.problem == DatabaseProblem::Missing => Ok(None),
        Err(e) => Err(e.to_string()),
    }
}

/// Commits the pending snapshot if its run succeeded, and drops it otherwise, so that no later run is taken for that
/// one. Returns the note of a run that did not succeed.
fn outcome(
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
    let settled = match (&note, database, file) {
        _ if settings.has_own_list() => Settled::Abort("the backup has a list of its own".into()),
        (None, ..) => Settled::Abort("it was not started by this hook".into()),
        (Some(note), Ok(Some(database)), Some(file)) => {
            settle(note, file, database).unwrap_or_else(|e| Settled::Abort(e.to_string()))
        }
        (_, Err(why), _) => Settled::Abort(why.clone()),
        (_, Ok(None), _) | (.., None) => Settled::Abort("the job database is gone".into()),
    };
    match settled {
        Settled::Commit(note) => {
            held.locked.annotate(run, note.to_map()).map_err(told)?;
            let ended = held.locked.commit(&Commit::run(pending.run).keep(held.keep)).map_err(told)?;
            voice::say(format_args!("the last backup succeeded: run {} is the baseline", ended.run));
            Ok(None)
        }
        Settled::Abort(why) => {
            voice::say(format_args!("the changes of run {} are listed again: {why}", pending.run));
            held.locked.abort(run, &RunResult::because(why)).map_err(told)?;
            Ok(note)
        }
    }
}

/// The note of this run, why it must be a full scan, and whether the newest version is that of the baseline.
fn gate(
    held: &Held,
    before: Option<&HookNote>,
    file: &Path,
    database: Option<&JobDatabase>,
    settings: &Settings,
) -> Result<(HookNote, Option<String>, bool), String> {
    let Some(database) = database else {
        let why = format!("there is no job database {} yet", file.shown());
        return Ok((HookNote::without_database(file, settings), Some(why), false));
    };
    let committed = held.locked.state().ok().flatten().and_then(|state| state.committed);
    let committed = committed.and_then(|record| HookNote::from_map(&record.note));
    let told = |e: fastdiff::consumers::duplicati::DatabaseError| e.to_string();
    let now = HookNote::before_run(file, database, settings).map_err(told)?;
    let full = baseline_eligibility(committed.as_ref(), before, &now, database).map_err(told)?;
    let is_newest = committed.is_some_and(|note| note.version == now.version);
    Ok((now, full, is_newest))
}

/// Walks. If the comparison is refused, a full scan follows, and the snapshot is kept for that.
fn begin(locked: &LockedJob, mut request: RunRequest, until: Instant) -> Result<StartedRun, String> {
    let monitor = DeadlineMonitor { until, unread: Mutex::new(None) };
    let started = match locked.begin(&request, &monitor) {
        Err(e @ (Error::RootChanged { .. } | Error::TooManyRemoved { .. } | Error::TooManyChanged { .. })) => {
            request.full = Some(e.to_string());
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
    Ok(started)
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
