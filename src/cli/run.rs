//! `fastdiff run`: begin, run the backup program with the lists, commit if it succeeded.

use std::ffi::OsString;
use std::path::Path;

use fastdiff::Error;
use fastdiff::consumers::{CommandCheck, OutputStream};
use fastdiff::jobs::{Commit, LockedJob, RunNote, RunResult, StartedRun};
use fastdiff::path::{PathExt as _, to_bytes};
use xxhash_rust::xxh3::xxh3_128;

use super::advice::{Advised, advice};
use super::child::{self, Finished};
use super::config::Definition;
use super::destination::Destinations;
use super::hints::HintsArgs;
use super::nice::NiceArgs;
use super::passed_output::StoredEnough;
use super::passes::{Passes, Prepared};
use super::progress::Progress;
use super::start_run::{self, GuardArgs};
use super::state::StateArgs;
use super::walk::WalkArgs;
use super::{
    DONE, Failure, NOT_STARTED, Outcome, consumer_help, placeholders, print_error, print_message, signals, watchman,
};

fn after_help() -> String {
    let command = consumer_help::command("  fastdiff run photos -- ", "{all}", "{root}", "nas:Photos/", 6);
    let (parts, codes) = (consumer_help::parts(), consumer_help::success_codes());
    format!(
        "Examples:\n{command}\n{EXAMPLES}\n{parts}\n\nThe codes that mean success are {codes}, or those of the definition. {BASELINE}"
    )
}

const EXAMPLES: &str = "  fastdiff run documents                            the command of the definition
  fastdiff run web -- sh -c 'tar -c -C \"$FASTDIFF_ROOT\" --no-recursion --null \\
      -T \"$FASTDIFF_CHANGED\" >/mnt/$FASTDIFF_RUN.tar'

In the arguments, {changed}, {deleted} and {all} stand for files with that part of the list, in the form of the job's \
consumer, and {root} for the directory that relative paths start from. The variables FASTDIFF_CHANGED, \
FASTDIFF_DELETED, FASTDIFF_ALL and FASTDIFF_ROOT hold the same. FASTDIFF_JOB and FASTDIFF_RUN hold the name of the job \
and the number of the run. The files are removed when the command has ended. The consumers have these parts:";

const BASELINE: &str = "\
The baseline moves only after such a code. Otherwise the next run lists the same changes again. If nothing changed, \
the command is not started. A test command moves the baseline too, and then the job's own command never gets that \
list. For a test, use `fastdiff begin` and then `fastdiff abort`.

Exit codes: that of the command, or 128 plus the number of the signal that ended it; 127 if it is not found, 126 if it \
cannot be executed; 125 if fastdiff itself failed, something could not be read or listed, the program stored none of \
the listed files, or the baseline could not be moved after the command had succeeded.";

/// Start a run of a job, run the backup program with its lists, and commit if that succeeds.
#[derive(clap::Args)]
#[command(after_help = after_help())]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(super) struct RunArgs {
    /// The job
    #[arg(add = super::complete::jobs())]
    name: String,

    /// Start the command even if something could not be read, or there is no list for a program that scans by itself
    #[arg(long)]
    anyway: bool,

    /// Start the command as it is, even if it would not store what is listed
    #[arg(long)]
    unchecked: bool,

    /// Start the command even if nothing changed, unless an empty list does harm
    #[arg(long)]
    always: bool,

    /// Accept a destination on another file system than at the last successful run: another disk is mounted, or none
    #[arg(long)]
    allow_destination_change: bool,

    /// List everything, as on the first run: for a command that writes to another place than before
    #[arg(long)]
    full: bool,

    /// Exit with 0 if the job was removed: for a timer that may outlive its job
    #[arg(long)]
    if_defined: bool,

    #[command(flatten)]
    hints: HintsArgs,

    #[command(flatten)]
    walk: WalkArgs,

    #[command(flatten)]
    guards: GuardArgs,

    #[command(flatten)]
    nice: NiceArgs,

    #[command(flatten)]
    state: StateArgs,

    /// No progress and no summary; warnings and errors remain
    #[arg(short, long, help_heading = "Options")]
    quiet: bool,

    /// The command instead of the definition's
    #[arg(last = true, value_name = "COMMAND", help_heading = "Arguments")]
    command: Vec<OsString>,
}

pub(super) fn run(args: &RunArgs) -> Outcome {
    args.nice.apply();
    if args.if_defined && args.state.is_removed(&args.name)? {
        if !args.quiet {
            let remover = format!("`fastdiff job schedule {} --remove | sh` removes its timer", args.name);
            print_message("note", format_args!("job {} was removed; {remover}", args.name));
        }
        return Ok(DONE);
    }
    let (definition, job) = args.state.job(&args.name)?;
    let command = command(args, &definition)?;
    let found = checked(args, &definition, &command)?;
    placeholders::check_scripts(&definition, &command, Some(job.dir()))?;
    let locked = job.lock()?;
    let is_new = !was_started_before(&locked, &command);
    let mut request = definition.request()?;
    args.walk.add_to(&mut request.scan);
    args.hints.add_to(&mut request.scan)?;
    watchman::add_of_job(&mut request.scan, definition.source, &args.walk, &job);
    args.guards.add_to(&mut request);
    request.full = args.full.then(start_run::asked_for);
    let mut destinations = Destinations::of(&definition, &command);
    // First of all whether a disk is missing: its mount point may lie in a root.
    let kept = args.command.is_empty();
    let note = destinations.check_file_systems(&locked, args.allow_destination_change).map_err(Failure::from);
    let note = note.and_then(|note| {
        let is_checked = !args.unchecked && !definition.unchecked;
        if is_checked { destinations.check(&definition, &command, kept).map(|()| note) } else { Ok(note) }
    });
    request.note = note.inspect_err(|failure| locked.refused(&failure.to_string()))?;
    request.note.insert(COMMAND.to_owned(), digest_of(&command));
    let started = start_run::begin(&locked, &request, &definition, (args.quiet, args.walk.verbose))?;
    if is_new && !args.quiet {
        placeholders::tell_of_unchecked(&definition, &found);
    }
    if started.full.is_none() {
        tell_of_another_command(&locked, &command);
    }
    if !args.quiet {
        print_message("note", format_args!("run {}: {}", started.run, start_run::changes(&started)));
    }
    let run = started.run;
    let outcome = with_lists(args, &definition, &locked, started, (&command, &destinations, found.counts));
    if let Err(error) = locked.remove_lists() {
        print_error("warning", &error);
    }
    if let Err(failure) = &outcome {
        // The command was not started: without its number the run must not be committed.
        fail(&locked, run, &RunResult::because(format!("not started: {failure}")));
    }
    outcome
}

/// The key of the note that holds a digest of the command.
const COMMAND: &str = "command";

/// Whether `fastdiff run` started a run, by its note.
pub(super) fn is_of_run(note: &RunNote) -> bool {
    note.contains_key(COMMAND)
}

fn digest_of(command: &[OsString]) -> String {
    let words = command.iter().flat_map(|word| [to_bytes(Path::new(word)).into_owned(), vec![0]]);
    format!("{:032x}", xxh3_128(&words.collect::<Vec<_>>().concat()))
}

/// The files of the baseline were stored by the command of that run: another command may write to another place.
fn tell_of_another_command(locked: &LockedJob, command: &[OsString]) {
    let committed = locked.state().ok().flatten().and_then(|state| state.committed);
    let before = committed.and_then(|run| Some((run.run, run.note.get(COMMAND)?.clone())));
    if let Some((run, _)) = before.filter(|(_, before)| *before != digest_of(command)) {
        print_message(
            "note",
            format_args!(
                "the command differs from that of run {run}: if it writes to another place, files that did not change since are missing there; --full lists everything"
            ),
        );
    }
}

fn with_lists(
    args: &RunArgs,
    definition: &Definition,
    locked: &LockedJob,
    started: StartedRun,
    (command, destinations, counts): (&[OsString], &Destinations, Option<OutputStream>),
) -> Outcome {
    let run = started.run;
    let not_started = |reason: &str, advice: Option<String>| -> Outcome {
        let advice = advice.map(|advice| format!("; {advice}")).unwrap_or_default();
        print_message("error", format_args!("the command is not started: {reason}{advice}"));
        fail(locked, run, &RunResult::because(format!("not started: {reason}")));
        Ok(NOT_STARTED)
    };
    if !started.is_complete() {
        print_message("warning", start_run::unread(&started));
        if !args.anyway && !definition.anyway {
            return not_started("something could not be read", Some(start_run::ways_out(&started)));
        }
    }
    if started.full.is_none() && started.summary().is_empty() && !args.always {
        return nothing_to_do(args, definition, locked, started, "nothing changed");
    }
    let dir = &locked.make_lists_dir()?;
    let names = match Passes::of(definition, &started, command, destinations, args.quiet) {
        Ok(names) => names,
        Err(error @ Error::Refused { .. }) => return not_started(&error.to_string(), advice(&error)),
        Err(error) => return Err(error.into()),
    };
    let prepared = match names.processes(definition, &started, command, dir, args.anyway) {
        Ok(Some(prepared)) => prepared,
        Ok(None) => return nothing_to_do(args, definition, locked, started, "there is nothing to list"),
        Err(error @ Error::Refused { .. }) => return not_started(&error.to_string(), advice(&error)),
        Err(error) => return Err(error.into()),
    };
    let Prepared { mut processes, listed } = prepared;
    let places = if args.guards.allow_root_change { None } else { Some(started.mount_check()?) };
    // The snapshots need not be mapped while it runs.
    drop(started);
    if signals::interrupted() {
        return Err(Error::Interrupted.into());
    }
    // It matters only if this process is killed. If the directory cannot be written, the commit says so.
    let started = |pid| drop(locked.started(run, pid));
    let is_success = |code: Option<i32>| code.is_some_and(|code| definition.success_codes().contains(&code));
    let counts = counts.map(|stream| (stream, definition.consumer.get()));
    let finished = match child::run_each(&mut processes, counts, started, is_success) {
        Ok(finished) => finished,
        Err(e) => {
            let code = if e.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
            let what = format!("cannot start {}: {e}", Path::new(&command[0]).shown());
            print_message("error", &what);
            fail(locked, run, &RunResult::code(code).with_reason(what));
            return Ok(exit_code(code));
        }
    };
    // The command may have treated missing files as deleted.
    let are_there = || places.map_or(Ok(()), |places| places.check(args.walk.io_timeout, &Progress::new(true)));
    let enough = StoredEnough::of(&*definition.consumer, listed.as_ref(), finished.stored);
    let is_stored = || destinations.check_again(&definition.name).and_then(|()| names.check_again(definition));
    Ok(end(definition, locked, run, &finished, &enough, are_there, is_stored))
}

/// The baseline moves without a backup.
fn nothing_to_do(
    args: &RunArgs,
    definition: &Definition,
    locked: &LockedJob,
    started: StartedRun,
    why: &str,
) -> Outcome {
    let run = started.run;
    drop(started);
    let result = RunResult::because(format!("{why}, not started"));
    start_run::tell_of_leftover(&locked.commit(&Commit::run(run).keep(definition.keep).result(result))?);
    if !args.quiet {
        print_message("note", format_args!("{why}: the command is not started"));
    }
    Ok(DONE)
}

/// The command to run. It must not ask for a list that the consumer does not have.
fn command(args: &RunArgs, definition: &Definition) -> Result<Vec<OsString>, Failure> {
    let command: Vec<OsString> = match args.command.as_slice() {
        [] => definition.command.iter().map(OsString::from).collect(),
        given => given.to_vec(),
    };
    if command.first().is_none_or(|program| program.is_empty()) {
        return Err(Failure::Other(format!(
            "job {} has no command; add one to its definition, or name one after --",
            args.name
        )));
    }
    placeholders::check(definition, &command)?;
    Ok(command)
}

/// What can be said of the command, which is refused if it would not store what is listed.
fn checked(args: &RunArgs, definition: &Definition, command: &[OsString]) -> Result<CommandCheck, Failure> {
    if args.unchecked || definition.unchecked {
        return Ok(CommandCheck::default());
    }
    let found = placeholders::look_at(definition, command);
    placeholders::refuse(definition, &found)?;
    Ok(found)
}

/// Whether the last run was one of the same command, so that all has been said about it.
fn was_started_before(locked: &LockedJob, command: &[OsString]) -> bool {
    let Some(state) = locked.state().ok().flatten() else { return false };
    let last = state.pending.into_iter().chain(state.committed).next();
    last.is_some_and(|run| run.note.get(COMMAND) == Some(&digest_of(command)))
}

fn fail(locked: &LockedJob, run: u64, result: &RunResult) {
    if let Err(error) = locked.failed(Some(run), result) {
        print_error("warning", &error);
    }
}

/// The exit code of this process for one of the command.
fn exit_code(code: i32) -> u8 {
    // Windows has codes of 32 bits: one that is not 0 must not become 0.
    match u8::try_from(code & 0xff).unwrap_or(NOT_STARTED) {
        0 if code != 0 => 1,
        code => code,
    }
}

/// The command has ended: commits the run, or writes down that it failed.
fn end(
    definition: &Definition,
    locked: &LockedJob,
    run: u64,
    finished: &Finished,
    enough: &StoredEnough,
    are_there: impl FnOnce() -> Result<(), Error>,
    is_stored: impl FnOnce() -> Result<(), Error>,
) -> u8 {
    let code = child::code_of(finished.status);
    let (reason, ends_with) = match (finished.signal, finished.status.code()) {
        (Some(signal), _) => {
            let reason = format!("signal {signal} came while the command ran");
            (Some(reason), exit_code(if code == 0 { 128 + signal } else { code }))
        }
        (None, Some(code)) if definition.success_codes().contains(&code) => match enough {
            StoredEnough::Nothing(what) => (Some(what.clone()), NOT_STARTED),
            _ => (None, exit_code(code)),
        },
        (None, Some(code)) => (Some(format!("the command ended with {code}")), exit_code(code)),
        (None, None) => (Some(format!("signal {} ended the command", code - 128)), exit_code(code)),
    };
    if let StoredEnough::Few(what) = enough {
        print_message("warning", what);
    }
    if let Some(reason) = &reason {
        print_message(
            "warning",
            format_args!("{reason}: run {run} does not become the baseline, and the next run lists its changes again"),
        );
    }
    let is_success = reason.is_none();
    let result = |reason: Option<String>| match reason {
        Some(reason) => RunResult::code(code).with_reason(reason),
        None => RunResult::code(code),
    };
    // The command may have treated missing files as deleted, even if it succeeded.
    if let Err(error) = are_there() {
        if is_success {
            tell_of_old_baseline(&error);
        } else {
            print_error("error", &error);
        }
        print_message("note", "the command may have treated missing files as deleted: the next list is a full one");
        if let Err(error) = locked.misread(Some(run), &result(Some(error.to_string()))) {
            print_error("warning", &error);
        }
        return if is_success { NOT_STARTED } else { ends_with };
    }
    if !is_success {
        // The log has the exit code in a field of its own.
        let is_known = finished.signal.is_none() && !matches!(enough, StoredEnough::Nothing(_));
        fail(locked, run, &result(reason.filter(|_| !is_known)));
        return ends_with;
    }
    if let Err(error) = is_stored() {
        tell_of_old_baseline(&error);
        fail(locked, run, &result(Some(error.to_string())));
        return NOT_STARTED;
    }
    match locked.commit(&Commit::run(run).keep(definition.keep).result(result(None))) {
        Ok(closed) => {
            start_run::tell_of_leftover(&closed);
            ends_with
        }
        Err(error) => {
            tell_of_old_baseline(&error);
            print_message("note", format_args!("the next run lists the changes of run {run} again"));
            fail(locked, run, &result(Some(format!("the command succeeded, the commit failed: {error}"))));
            NOT_STARTED
        }
    }
}

fn tell_of_old_baseline(error: &Error) {
    print_message("error", format_args!("the command succeeded, but the baseline stays as it was: {}", Advised(error)));
}
