//! `fastdiff job`: the definitions of jobs.

mod add;
mod list;
mod remove;
pub(super) mod schedule;
mod show;

use clap::{ArgMatches, Subcommand};

use super::Outcome;

const AFTER_HELP: &str = "\
Examples:
  fastdiff job add documents ~/Documents --consumer restic --exclude '*.tmp' -- restic backup --files-from-raw '{changed}'
  fastdiff job list
  fastdiff job show documents
  fastdiff job schedule documents --every 15min | sh
  fastdiff job remove documents";

/// Add, list, show, schedule and remove jobs.
///
/// A job has a name, roots, filters and a consumer, and a baseline of its own: the snapshot of its last successful
/// run. Several jobs may look at the same tree, each at its own rhythm.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Add(Box<add::Args>),
    List(list::Args),
    Show(show::Args),
    Remove(remove::Args),
    Schedule(schedule::Args),
}

pub(super) fn run(args: &Args, matches: &ArgMatches) -> Outcome {
    let of_command = matches.subcommand().map_or(matches, |(_, m)| m);
    match &args.command {
        Command::Add(args) => add::run(args, of_command),
        Command::List(args) => list::run(args),
        Command::Show(args) => show::run(args),
        Command::Remove(args) => remove::run(args),
        Command::Schedule(args) => schedule::run(args),
    }
}
