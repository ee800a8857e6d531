//! `fastdiff commit`: the backup succeeded, the baseline moves.

use fastdiff::jobs::Commit;

use super::run::is_of_run;
use super::start_run::tell_of_leftover;
use super::state::StateArgs;
use super::{DONE, Failure, Outcome};

const AFTER_HELP: &str = "\
Examples:
  fastdiff commit documents --run 12       only if run 12 is pending
  fastdiff commit documents

Without --run, `commit` refuses if it is unclear which run succeeded: after a run that failed or whose list could not be
written, after a `fastdiff run` that was killed, after a `begin` that was refused, and if the pending run started while
another one was pending. In a script, name the run: `fastdiff begin` prints its number with -o FILE or --no-list.

Exit codes: 0 the pending run is the baseline now; 2 it is not, and nothing was changed.";

/// Make the pending snapshot of a job its baseline: the backup program has succeeded.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct CommitArgs {
    /// The job
    #[arg(add = super::complete::jobs())]
    name: String,

    /// The run that succeeded; refuse if another one is pending
    #[arg(long, value_name = "N")]
    run: Option<u64>,

    #[command(flatten)]
    state: StateArgs,
}

pub(super) fn run(args: &CommitArgs) -> Outcome {
    let (definition, job) = args.state.job(&args.name)?;
    let locked = job.lock()?;
    let pending = locked.state()?.and_then(|state| state.pending);
    if let (None, Some(pending)) = (args.run, pending.filter(|pending| is_of_run(&pending.note) && !pending.failed)) {
        return Err(Failure::Other(format!(
            "job {}: `fastdiff run` started run {}, and was killed before its command had ended; nothing was changed; if the backup was made after all, pass --run {1}; if not, the next run lists its changes again",
            args.name, pending.run
        )));
    }
    let commit = args.run.map_or_else(Commit::pending, Commit::run).keep(definition.keep);
    tell_of_leftover(&locked.commit(&commit)?);
    Ok(DONE)
}
