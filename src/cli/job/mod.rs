//! `fastdiff job`: the definitions of jobs.

mod add;
mod check;
mod list;
mod remove;
pub(super) mod schedule;
mod show;

use clap::{ArgMatches, Subcommand};

use super::Outcome;

const AFTER_HELP: &str = "\
Examples:
  fastdiff job add documents ~/Documents --consumer restic -- restic backup --files-from-raw '{changed}'
  fastdiff job list
  fastdiff job show documents
  fastdiff job schedule documents --every 15min | sh
  fastdiff job remove documents";

/// Add, list, show, schedule and remove jobs.
///
/// A job has a name, roots, filters, a consumer and a baseline: the snapshot of its last successful run. Several jobs
/// may back up the same tree, each at its own intervals.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct JobArgs {
    #[command(subcommand)]
    command: JobCommand,
}

#[derive(Subcommand)]
enum JobCommand {
    Add(Box<add::JobAddArgs>),
    List(list::JobListArgs),
    Show(show::JobShowArgs),
    Remove(remove::JobRemoveArgs),
    Schedule(schedule::JobScheduleArgs),
}

pub(super) fn run(args: &JobArgs, matches: &ArgMatches) -> Outcome {
    let of_command = matches.subcommand().map_or(matches, |(_, m)| m);
    match &args.command {
        JobCommand::Add(args) => add::run(args, of_command),
        JobCommand::List(args) => list::run(args),
        JobCommand::Show(args) => show::run(args),
        JobCommand::Remove(args) => remove::run(args),
        JobCommand::Schedule(args) => schedule::run(args),
    }
}
