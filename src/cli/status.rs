//! `fastdiff status`: what changed since the last successful backup. Writes nothing into the state.

use std::path::PathBuf;

use fastdiff::baseline::Begun;

use super::format::Format;
use super::jobs::{self, GuardArgs, watched};
use super::list::{tell_of_renumbered, write_list};
use super::output::Output;
use super::state::StateArgs;
use super::walk::WalkArgs;
use super::{DIFFERENT, DONE, Failure, INCOMPLETE, Outcome, complain, output_failure};

const AFTER_HELP: &str = "\
Examples:
  fastdiff status documents
  fastdiff status documents --exit-code >/dev/null || echo there is something to back up
  fastdiff status documents --json | jq -r .path

Exit codes: 0 done; 1 something changed (only with --exit-code); 2 failed or refused; 3 something could not be read.";

/// Show what changed since the last successful backup of a job. Leaves no trace in the job's state.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The job
    name: String,

    /// Exit with 1 if anything changed, suspects included
    #[arg(long)]
    exit_code: bool,

    /// One JSON object a line, as `fastdiff diff --emit json` writes them
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

pub(super) fn run(args: &Args) -> Outcome {
    let (definition, job) = args.state.job(&args.name)?;
    let mut request = definition.request()?;
    // For people, whatever the consumer knows. How much was removed is to be seen here.
    request.diff.renames = true;
    request.diff.max_removed = None;
    args.walk.add_to(&mut request.scan);
    args.guards.add_to(&mut request);
    let scratch = tempfile::Builder::new().prefix("fastdiff-").tempdir();
    let scratch = scratch.map_err(|e| {
        Failure::Other(format!("cannot make a temporary directory: {e}; set TMPDIR to one that can be written"))
    })?;
    let begun = watched(false, |monitor| job.look(&request, scratch.path(), monitor))?;
    tell_of_renumbered(begun.diff());
    if let Some(run) = begun.replaced {
        complain(
            "note",
            format_args!(
                "{}; what it listed is listed again, as suspect where nothing differs",
                jobs::unfinished(run, begun.has_failed)
            ),
        );
    }
    match &begun.full {
        Some(reason) if !args.json => everything(&begun, &reason.to_string())?,
        reason => {
            if let Some(reason) = reason {
                complain("note", format_args!("the next list is a full one: {reason}"));
            }
            let format = if args.json { Format::Json } else { Format::Text };
            let mut form = jobs::form(&definition, format);
            form.text.suspects = args.suspects;
            write_list(begun.diff(), form, &PathBuf::from("-"))?;
        }
    }
    if !begun.is_complete() {
        jobs::tell_of_unread(&begun);
        return Ok(INCOMPLETE);
    }
    Ok(if args.exit_code && !begun.summary().is_empty() { DIFFERENT } else { DONE })
}

/// Without a baseline a line instead of the whole tree.
fn everything(begun: &Begun, reason: &str) -> Result<(), Failure> {
    let mut output = Output::open(None)?;
    let entries = jobs::entries(begun.outcome.counts.entries);
    writeln!(output.writer(), "everything is to be listed, {entries}: {reason}")
        .map_err(|e| output_failure(&e, true))?;
    output.finish(true)
}
