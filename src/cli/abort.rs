//! `fastdiff abort`: forget the pending snapshot of a job.

use fastdiff::jobs::RunResult;

use super::start_run::tell_of_leftover;
use super::state::StateArgs;
use super::{DONE, Outcome};

const AFTER_HELP: &str = "\
Examples:
  fastdiff abort documents
  fastdiff abort documents --run 12        only if run 12 is pending

You need not abort after a failed backup: the next run replaces a pending one.

Exit codes: 0 nothing is pending now; 2 failed, nothing was changed.";

/// Forget the pending snapshot of a job: the next run lists its changes again.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct AbortArgs {
    /// The job
    #[arg(add = super::complete::jobs())]
    name: String,

    /// The run to abort; refuse if another one is pending
    #[arg(long, value_name = "N")]
    run: Option<u64>,

    #[command(flatten)]
    state: StateArgs,
}

pub(super) fn run(args: &AbortArgs) -> Outcome {
    let (_, job) = args.state.job(&args.name)?;
    tell_of_leftover(&job.lock()?.abort(args.run, &RunResult::default())?);
    Ok(DONE)
}
