//! The command line: one file per command, each with its arguments and what it does. Messages go to
//! standard error, lists to standard output.

mod abort;
mod advice;
mod after_help;
mod begin;
mod child;
mod commit;
mod complete;
mod completions;
mod config;
mod consumer_help;
mod destination;
mod diff;
mod filter;
mod format;
#[cfg(unix)]
#[path = "forward/unix.rs"]
mod forward;
#[cfg(windows)]
#[path = "forward/windows.rs"]
mod forward;
mod hints;
#[cfg(feature = "duplicati")]
mod hook;
mod info;
mod inserted;
mod job;
mod job_database;
mod job_lists;
mod log;
mod man;
mod memory;
mod nice;
mod output;
mod passed_output;
mod passes;
mod place;
mod placeholders;
mod progress;
mod quote;
mod run;
mod show;
mod signals;
mod snap;
mod source;
mod start_run;
mod state;
mod status;
mod table;
mod usage;
mod verify;
mod walk;
mod watchman;
mod write_list;

use std::fmt::{self, Display};
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU8, Ordering};

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use fastdiff::terminal::harmless;
use fastdiff::{Error, Snapshot};
use indicatif::HumanCount;

/// Done.
const DONE: u8 = 0;
/// There are differences, and `--exit-code` was given.
const DIFFERENT: u8 = 1;
/// Usage, failure, or a refusal under the safety rules; nothing was written.
const FAILED: u8 = 2;
/// `fastdiff run` failed before the command was started; env and timeout use the same code.
const NOT_STARTED: u8 = 125;
/// Done but incomplete, or the consumer's format cannot express the list.
const INCOMPLETE: u8 = 3;

/// The exit code if the program itself fails.
static FAILURE_CODE: AtomicU8 = AtomicU8::new(FAILED);

/// The exit code if the program itself fails: [`FAILED`], or [`NOT_STARTED`].
fn failure_code() -> u8 {
    FAILURE_CODE.load(Ordering::Relaxed)
}

const AFTER_HELP: &str = "\
Examples:
  fastdiff snap ~/Documents -o before.snap      take a snapshot
  fastdiff snap ~/Documents -o after.snap       later, take another
  fastdiff diff before.snap after.snap          see what changed
  fastdiff diff before.snap after.snap --emit name-status -z | your-script

  fastdiff job add docs ~/Documents --consumer restic   from then on, `fastdiff run docs -- COMMAND`

Exit codes (fastdiff run: those of the command, and 125 to 127):
  0  done
  1  there are differences (only with --exit-code of diff and status)
  2  usage, failure, or a refusal for safety: nothing was written
  3  done but incomplete: something could not be read, or the consumer's
     format cannot express the list (then standard output is empty)";

/// Finds out what changed in a big directory tree, fast and without a watcher, and hands the list to
/// backup programs.
#[derive(Parser)]
#[command(name = "fastdiff", version, after_help = AFTER_HELP, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[command(defer = true)]
enum Command {
    Snap(snap::SnapArgs),
    Diff(diff::DiffArgs),
    Show(show::ShowArgs),
    Info(info::InfoArgs),
    Verify(verify::VerifyArgs),
    Job(job::JobArgs),
    Begin(begin::BeginArgs),
    Commit(commit::CommitArgs),
    Abort(abort::AbortArgs),
    Status(status::StatusArgs),
    Run(run::RunArgs),
    Log(log::LogArgs),
    #[cfg(feature = "duplicati")]
    Hook(hook::HookArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Why a command ended early. `Display` gives the error; for an error of the library it does not add the advice.
enum Failure {
    /// The library's error.
    Library(Error),
    /// Standard output is closed, which is not an error for a list for people.
    ClosedPipe,
    /// Anything else, in one line with its advice.
    Other(String),
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Library(error) => error.fmt(f),
            Self::ClosedPipe => f.write_str("standard output is closed"),
            Self::Other(message) => f.write_str(message),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

type Outcome = Result<u8, Failure>;

pub(crate) fn main() -> ExitCode {
    #[cfg(feature = "duplicati")]
    if hook::is_called() {
        return hook::called();
    }
    complete::answer();
    if std::env::args_os().nth(1).is_some_and(|command| command == "run") {
        FAILURE_CODE.store(NOT_STARTED, Ordering::Relaxed);
    }
    let matches = matches().unwrap_or_else(|e| usage::usage(e));
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|e| usage::usage(e));
    let of_command = matches.subcommand().map_or(&matches, |(_, m)| m);
    signals::prepare();
    let outcome = match cli.command {
        Command::Snap(args) => snap::run(&args, of_command),
        Command::Diff(args) => diff::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Job(args) => job::run(&args, of_command),
        Command::Begin(args) => begin::run(&args),
        Command::Commit(args) => commit::run(&args),
        Command::Abort(args) => abort::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Log(args) => log::run(&args),
        #[cfg(feature = "duplicati")]
        Command::Hook(args) => hook::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    };
    let code = match outcome {
        Ok(code) => code,
        Err(Failure::ClosedPipe) => DONE,
        Err(Failure::Other(message)) => {
            print_message("error", message);
            failure_code()
        }
        Err(Failure::Library(error)) => {
            print_error("error", &error);
            if matches!(error, Error::Interrupted) {
                signals::die_of_signal();
            }
            match (failure_code(), error) {
                (FAILED, Error::Refused { .. } | Error::NothingToList { .. }) => INCOMPLETE,
                (code, _) => code,
            }
        }
    };
    ExitCode::from(code)
}

/// Parses the arguments. It builds only the parser of the called command, which halves the time to start. Help and
/// errors about other commands need all parsers.
fn matches() -> Result<ArgMatches, clap::Error> {
    Cli::command().try_get_matches().or_else(|error| match error.kind() {
        ErrorKind::DisplayVersion => Err(error),
        _ => whole().try_get_matches(),
    })
}

/// The command line with all of its commands.
fn whole() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    after_help::wrapped_by_clap(command)
}

/// Writes an error of the library and what to do about it to standard error, in one line.
fn print_error(what: &str, error: &Error) {
    print_message(what, advice::Advised(error));
}

/// Writes one line to standard error.
fn print_message(what: &str, message: impl Display) {
    // If this fails, there is no other place for the message.
    let _ = writeln!(anstream::stderr(), "fastdiff: {what}: {message}");
}

/// How many entries could not be read, and how they are treated.
fn unread(entries: u64, treatment: &str) -> String {
    let (entries, verb) =
        if entries == 1 { ("1 entry".into(), "is") } else { (format!("{} entries", HumanCount(entries)), "are") };
    format!("{entries} could not be read and {verb} {treatment}")
}

/// Opens a snapshot, and tells the SIGBUS handler.
fn open(path: &std::path::Path) -> Result<Snapshot, Failure> {
    if path.as_os_str() == "-" {
        return Err(Failure::Other("a snapshot must be a file; it cannot come from standard input (-)".into()));
    }
    signals::opening(path);
    let snapshot = Snapshot::open(path).inspect_err(|_| signals::opened())?;
    for file in [Some(&snapshot), snapshot.overlay_base()].into_iter().flatten() {
        signals::guard(file.path(), file.mapped_range());
    }
    Ok(snapshot)
}

/// A failed write to standard output: a closed pipe is success where `text` is written for people.
fn output_failure(error: &io::Error, for_people: bool) -> Failure {
    if for_people && error.kind() == io::ErrorKind::BrokenPipe {
        Failure::ClosedPipe
    } else {
        Failure::Other(format!("cannot write to standard output: {error}"))
    }
}
