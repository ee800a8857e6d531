//! `fastdiff status`: what changed since the last successful backup. Writes nothing into the state.

use std::path::PathBuf;

use fastdiff::consumers::{Consumer, Json, Text};
use fastdiff::jobs::StartedRun;

use super::diff::SUSPECTS_HINT;
use super::job_database;
use super::output::Output;
use super::source;
use super::start_run::{self, GuardArgs, watched};
use super::state::StateArgs;
use super::walk::WalkArgs;
use super::write_list::{tell_of_renumbered, write_list};
use super::{DIFFERENT, DONE, Failure, INCOMPLETE, Outcome, output_failure, print_message, watchman};

const AFTER_HELP: &str = "\
Examples:
  fastdiff status documents
  fastdiff status documents --exit-code >/dev/null || echo there is something to back up
  fastdiff status documents --json | jq -r .path

Exit codes: 0 done; 1 something changed (only with --exit-code); 2 failed or refused; 3 something could not be read.";

/// Show what changed since the last successful backup of a job. Does not touch the job's state.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct StatusArgs {
    /// The job
    #[arg(add = super::complete::jobs())]
    name: String,

    /// Exit with 1 if anything changed, suspects included
    #[arg(long)]
    exit_code: bool,

    /// One JSON object on each line, as `fastdiff diff --emit json` writes them
    #[arg(long)]
    json: bool,

    /// List suspects one by one instead of counting them
    #[arg(long)]
    suspects: bool,

    #[command(flatten)]
    walk: WalkArgs,

    #[command(flatten)]
    guards: GuardArgs,

    #[command(flatten)]
    state: StateArgs,
}

pub(super) fn run(args: &StatusArgs) -> Outcome {
    let (definition, job) = args.state.job(&args.name)?;
    let mut request = definition.request()?;
    // This list is for people: renames whatever the consumer knows, and no limits.
    request.diff.renames = true;
    (request.diff.max_removed, request.diff.max_changed) = (None, None);
    args.walk.add_to(&mut request.scan);
    watchman::add_of_job(&mut request.scan, definition.source, &args.walk, &job);
    args.guards.add_to(&mut request);
    let scratch = tempfile::Builder::new().prefix("fastdiff-").tempdir();
    let scratch = scratch.map_err(|e| {
        Failure::Other(format!("cannot make a temporary directory: {e}; set TMPDIR to a directory that can be written"))
    })?;
    let started = watched(false, |monitor| job.look(&request, scratch.path(), monitor))?;
    start_run::tell_of_patterns(&request, &started);
    source::report(&started.outcome, !args.walk.verbose, args.walk.verbose);
    tell_of_renumbered(started.diff());
    if let Some(run) = started.replaced {
        let about = if job_database::succeeded(&job) == Some(run) {
            format!(
                "run {run} succeeded, as the job database says; until the hook makes it the baseline, at the next backup,"
            )
        } else {
            format!("{};", start_run::unfinished(run, started.previous))
        };
        print_message("note", format_args!("{about} its changes are listed again, as suspect if nothing differs"));
    }
    match &started.full {
        Some(reason) if !args.json => everything(&started, &reason.to_string())?,
        reason => {
            if let Some(reason) = reason {
                print_message("note", format_args!("the next list is a full one: {reason}"));
            }
            let consumer: &dyn Consumer = if args.json { &Json } else { &Text };
            let mut form = definition.form(consumer.into());
            form.options.text.suspects = args.suspects;
            form.options.text.suspects_hint = Some(SUSPECTS_HINT);
            write_list(started.diff(), form, &PathBuf::from("-"))?;
        }
    }
    if !started.is_complete() {
        start_run::tell_of_unread(&started);
        return Ok(INCOMPLETE);
    }
    Ok(if args.exit_code && !started.summary().is_empty() { DIFFERENT } else { DONE })
}

/// One line instead of the whole tree if there is no baseline.
fn everything(started: &StartedRun, reason: &str) -> Result<(), Failure> {
    let mut output = Output::open(None)?;
    let entries = start_run::entries(started.outcome.counts.entries);
    writeln!(output.writer(), "the next list is a full one, of {entries}: {reason}")
        .map_err(|e| output_failure(&e, true))?;
    output.finish(true)
}
