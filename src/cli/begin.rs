//! `fastdiff begin`: walk, compare with the baseline of a job, print the list.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use fastdiff::Error;
use fastdiff::consumers::PathStyle;
use fastdiff::jobs::{RunResult, StartedRun};

use super::config::Definition;
use super::destination;
use super::format::{Format, PartArg, check_form};
use super::hints::HintsArgs;
use super::job_database;
use super::nice::NiceArgs;
use super::output::Output;
use super::start_run::{self, GuardArgs};
use super::state::StateArgs;
use super::walk::WalkArgs;
use super::write_list::write_list_to;
use super::{DONE, Failure, INCOMPLETE, Outcome, consumer_help, output_failure, print_error, print_message, watchman};

fn after_help() -> String {
    let command = consumer_help::command("      ", "list", "~/Photos", "nas:Photos/", 6);
    format!(
        "Examples:\n  run=$(fastdiff begin photos -o list) &&\n{command} &&\n      fastdiff commit photos --run $run\n{AFTER_HELP}"
    )
}

const AFTER_HELP: &str = "  run=$(fastdiff begin documents --no-list) && restic backup ~/Documents &&
      fastdiff commit documents --run $run         a full backup by the program itself
  fastdiff begin documents --hints hints           look only where a watcher saw something

With -o, `begin` prints the number of the run, for `commit --run`. To see what a run would list, use `fastdiff status`.

Until `fastdiff commit`, every list holds the same changes again. The next run replaces one that was not committed.

Without a baseline to compare with, the list is a full one, and standard error says why: on the first run, after the
definition changed, if the baseline is damaged or gone, and on another machine. A full list does not name what was
deleted.

Exit codes: 0 done; 2 failed or refused, no list; 3 something could not be read, or the consumer's format cannot express
the list (then nothing is printed), and the run is pending.";

/// Compare the roots of a job with its baseline, print the list, and keep the new snapshot as pending.
#[derive(clap::Args)]
#[command(after_help = after_help())]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(super) struct BeginArgs {
    /// The job
    #[arg(add = super::complete::jobs())]
    name: String,

    /// The form of the list [default: that of the job's consumer]
    #[arg(long, value_enum, value_name = "FORMAT")]
    emit: Option<Format>,

    /// Where the list goes (- for standard output); a file appears whole or not at all
    #[arg(short, long, value_name = "DEST", default_value = "-", hide_default_value = true)]
    output: PathBuf,

    /// End names with NUL and do not quote them (name-status, paths, rclone)
    #[arg(short = 'z', long = "null")]
    nul: bool,

    /// Write paths relative to the root, which is written as `.` (one root only)
    #[arg(long)]
    relative: bool,

    /// List everything, as on the first run
    #[arg(long)]
    full: bool,

    /// Write no list, only the number of the run: for a full backup by the program itself
    #[arg(long, conflicts_with_all = ["emit", "output", "nul", "relative", "list"])]
    no_list: bool,

    #[arg(long, value_enum, value_name = "PART", help = consumer_help::usual_parts())]
    list: Option<PartArg>,

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
}

pub(super) fn run(args: &BeginArgs) -> Outcome {
    args.nice.apply();
    let (definition, job) = args.state.job(&args.name)?;
    let format = args.emit.unwrap_or(definition.consumer);
    check_form(format, args.nul, args.list, args.relative)?;
    if args.relative && definition.roots.len() > 1 {
        return Err(Failure::Other(format!(
            "job {} has several roots, so no path is relative to one alone; leave out --relative",
            args.name
        )));
    }
    if !args.no_list {
        job_database::check(&*format, &definition.database)?;
    }
    let locked = job.lock()?;
    // Refuses a destination that cannot be written before the walk, and leaves no file for the walk to find.
    drop(Output::open(Some(&args.output))?);
    let mut request = definition.request()?;
    args.walk.add_to(&mut request.scan);
    args.hints.add_to(&mut request.scan)?;
    watchman::add_of_job(&mut request.scan, definition.source, &args.walk, &job);
    args.guards.add_to(&mut request);
    request.full = args.full.then(start_run::asked_for);
    request.note = destination::remembered(&locked);
    let started = start_run::begin(&locked, &request, &definition, (args.quiet, args.walk.verbose))?;
    if !args.quiet {
        print_message(
            "note",
            format_args!(
                "run {0} is pending: {1}; `fastdiff commit {2} --run {0}` makes it the baseline",
                started.run,
                start_run::changes(&started),
                args.name
            ),
        );
    }
    if let Err(failure) = hand_out(args, &definition, format, &started) {
        // Nobody has its list. The run stays pending, but only its number commits it.
        if !matches!(failure, Failure::ClosedPipe) {
            let result = RunResult::because(no_list(&failure));
            if let Err(error) = locked.failed(Some(started.run), &result) {
                print_error("warning", &error);
            }
        }
        return Err(failure);
    }
    if !started.is_complete() {
        start_run::tell_of_unread(&started);
        return Ok(INCOMPLETE);
    }
    Ok(DONE)
}

/// Why there is no list, for the log.
fn no_list(failure: &Failure) -> String {
    match failure {
        Failure::Library(error @ (Error::Refused { .. } | Error::NothingToList { .. })) => error.to_string(),
        other => format!("no list: {other}"),
    }
}

/// Writes the list, and the number of the run if standard output is free for it.
fn hand_out(args: &BeginArgs, definition: &Definition, format: Format, started: &StartedRun) -> Result<(), Failure> {
    if !args.no_list {
        write(args, definition, format, started)?;
    }
    if args.no_list || args.output != Path::new("-") {
        writeln!(io::stdout(), "{}", started.run).map_err(|e| output_failure(&e, false))?;
    }
    Ok(())
}

fn write(args: &BeginArgs, definition: &Definition, format: Format, started: &StartedRun) -> Result<(), Failure> {
    let output = Output::open(Some(&args.output))?;
    if format.scans_by_itself() && started.full.is_some() {
        output.finish(false)?;
    } else {
        let mut form = definition.form(format);
        form.options.part = args.list.map(Into::into);
        form.options.nul = args.nul;
        if args.relative {
            form.options.style = PathStyle::relative(started.diff())?;
        }
        write_list_to(started.diff(), form, output, &args.output)?;
    }
    Ok(())
}
