//! `fastdiff hook duplicati`: what Duplicati's script calls before a backup. It finds out whether the last run
//! succeeded, walks, and prints the two options. Or it prints only a reason, and Duplicati scans.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fastdiff::consumers::duplicati::{HookNote, Settings, Unread};
use fastdiff::jobs::{Commit, RunResult};

use super::super::nice::NiceArgs;
use super::super::state::StateArgs;
use super::super::walk::{WalkArgs, parse_timeout};
use super::super::{DONE, FAILED};
use super::answer::{Answer, Held, What, answer};
use super::voice;

const AFTER_HELP: &str = "\
Duplicati calls this through the script that `fastdiff hook install duplicati` writes; docs/duplicati.md is the guide.
If it is safe, it prints --changed-files and --deleted-files. Otherwise it prints only the reason, and Duplicati scans \
everything. It writes LOG:INFO lines to standard output, which appear in Duplicati's log of the run. The exit code is \
0. \
With --skip-idle it is 77 if nothing changed: the script turns that into 1, and Duplicati skips the backup. On Windows \
there is no script, and the exit code is 1.";

/// This much of Duplicati's time limit is left for what comes after the list.
const MARGIN: Duration = Duration::from_secs(5);

/// Print the change list for the backup that Duplicati is about to make.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct HookDuplicatiArgs {
    /// The job; its roots are the sources of the backup
    #[arg(long, value_name = "NAME")]
    pub(super) job: String,

    /// Skip the backup if nothing changed since the last one: exit with 77
    #[arg(long)]
    pub(super) skip_idle: bool,

    /// Give up after this time, and let Duplicati scan; at the latest five seconds before Duplicati's own time limit
    /// for scripts (--run-script-timeout, 60s unless set)
    #[arg(long, value_name = "DURATION", default_value = "50s", value_parser = parse_timeout)]
    time_limit: Duration,

    #[command(flatten)]
    pub(super) walk: WalkArgs,

    #[command(flatten)]
    nice: NiceArgs,

    #[command(flatten)]
    pub(super) state: StateArgs,
}

/// The exit code of `--skip-idle` if nothing changed: no shell, loader or interpreter ends with it. On Windows
/// Duplicati starts the program itself, and 1 is what it understands.
pub(super) const IDLE: u8 = if cfg!(windows) { 1 } else { 77 };

/// The exit code if the output did not arrive. On Windows no script stands between, and this code means an error that
/// stops the backup.
const HALF: u8 = if cfg!(windows) { 5 } else { FAILED };

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
    let note =
        HookNote { since: Some(since), listed: matches!(what, What::List(_)), unread: Unread::default(), ..note };
    let note = match &what {
        What::Scan { options, unread, .. } => note.scans(unread, !options.is_empty()),
        What::List(_) | What::Skip => note,
    };
    let noted = job.locked.annotate(Some(run), note.to_map()).map_err(|e| e.to_string());
    // Without a note the next call does not take this run for a success.
    let has_arrived = match (noted, what) {
        (Ok(()), What::List(options)) => voice::write(&options),
        (Ok(()), What::Scan { why, options, .. }) => {
            voice::say_scan(&why);
            voice::write(options.as_bytes())
        }
        (Ok(()), What::Skip) => voice::write(&[]),
        (Err(why), _) => {
            voice::say_scan(&why);
            voice::write(&[])
        }
    };
    // Half a list is worse than none: with this code the script passes nothing on, or Duplicati makes no backup.
    if has_arrived { DONE } else { HALF }
}

/// Waits until the clock shows a later second than `then`. Returns the first such second, in Unix time.
fn wait_for_another_second(then: SystemTime) -> i64 {
    let next = then.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) + 1;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // If the clock was set back meanwhile, it does not wait for it: that run does not count as a success then.
    std::thread::sleep(Duration::from_secs(next).saturating_sub(now).min(Duration::from_secs(1)));
    next.cast_signed()
}
