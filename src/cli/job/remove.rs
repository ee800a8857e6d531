//! `fastdiff job remove`: forget a job and its snapshots.

use fastdiff::jobs::LockedJob;

use super::super::state::StateArgs;
use super::super::{DONE, Failure, Outcome, print_message};

const AFTER_HELP: &str = "\
Examples:
  fastdiff job remove documents

If you add a job of that name later, its first list is a full one.";

/// Remove a job: its definition, its snapshots and its log.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct JobRemoveArgs {
    /// The job
    #[arg(add = super::super::complete::jobs())]
    name: String,

    #[command(flatten)]
    state: StateArgs,
}

pub(in crate::cli) fn run(args: &JobRemoveArgs) -> Outcome {
    let job = args.state.store()?.job(&args.name)?;
    let mut config = args.state.config()?;
    let has_state = job.dir().is_dir();
    let locked = if has_state { Some(job.lock()?) } else { None };
    // Its list files would go, too.
    locked.as_ref().map_or(Ok(()), LockedJob::check_idle)?;
    let is_defined = config.remove(&args.name);
    if !is_defined && !has_state {
        return Err(Failure::Other(format!(
            "job {} is not defined in {}; `fastdiff job list` shows all jobs",
            args.name,
            fastdiff::path::PathExt::shown(config.path())
        )));
    }
    if is_defined {
        config.save()?;
    }
    if let Some(locked) = locked {
        locked.remove().map_err(|e| {
            let again = "its definition is gone, but some of its state is left; fix that, then call `fastdiff job remove` again";
            Failure::Other(format!("job {}: {e}; {again}", args.name))
        })?;
    }
    print_message(
        "note",
        format_args!(
            "job {0}: its definition, baseline and log are gone; timers and scripts stay, and \
             `fastdiff job schedule {0} --remove | sh` removes its timer",
            args.name
        ),
    );
    Ok(DONE)
}
