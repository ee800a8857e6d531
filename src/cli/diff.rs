//! `fastdiff diff`: compare two snapshots and write the change list.

use std::path::PathBuf;

use fastdiff::consumers::{ListOptions, PathStyle};
use fastdiff::{Diff, DiffOptions, EntryLimit, Error, Refusal, SnapshotProblem};

use super::format::{Form, Format, PartArg, check_form};
use super::job_database::{self, DatabaseArgs};
use super::write_list::{tell_of_renumbered, write_list};
use super::{DIFFERENT, DONE, Failure, INCOMPLETE, Outcome, consumer_help, open, print_message, unread};

const EXAMPLES: &str = "\
Examples:
  fastdiff diff old.snap new.snap                               for people
  fastdiff diff old.snap new.snap --emit name-status -z         for scripts
  fastdiff diff old.snap new.snap --emit json | jq .path
  fastdiff diff old.snap new.snap --emit tar -o list &&
      tar -c -C ~/Documents --no-recursion --null -T list >changes.tar";

const LETTERS: &str = "

Letters of text and name-status:
  A added   M modified   D removed   T kind changed   R renamed (old path, new path)
  S suspect: nothing differs, but it changed too shortly before OLD to be sure
  U unknown: could not be read, so it counts neither as changed nor as removed";

const EXIT_CODES: &str = "

Exit codes: 0 done; 1 there are differences (--exit-code); 2 failed or refused; 3 the newer snapshot is
incomplete, or the consumer's format cannot express the list (then nothing is printed).";

fn after_help() -> String {
    [EXAMPLES, job_database::EXAMPLE, LETTERS, job_database::TO_KNOW, EXIT_CODES].concat()
}

/// Compare two snapshots of the same roots and write what changed.
#[derive(clap::Args)]
#[command(after_help = after_help())]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct DiffArgs {
    /// The older snapshot
    old: PathBuf,

    /// The newer snapshot
    new: PathBuf,

    /// The form of the list
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    emit: Format,

    /// Write the list to this file (- for standard output). It appears only when the list is complete
    #[arg(short, long, value_name = "DEST", default_value = "-", hide_default_value = true)]
    output: PathBuf,

    /// End each path with NUL and do not quote it (name-status, paths, rclone)
    #[arg(short = 'z', long = "null")]
    nul: bool,

    /// Write paths relative to the root, and the root itself as `.` (only with one root)
    #[arg(long)]
    relative: bool,

    /// Exit with 1 if there are differences. Suspects count
    #[arg(long)]
    exit_code: bool,

    #[arg(long, value_enum, value_name = "PART", help = consumer_help::usual_parts())]
    list: Option<PartArg>,

    /// Report renamed entries as removed and added
    #[arg(long)]
    no_renames: bool,

    /// List suspects one by one in `text` instead of counting them
    #[arg(long)]
    suspects: bool,

    /// Write nothing and exit with 2 if more entries than this were removed: a number, or a percentage of OLD's
    #[arg(long, value_name = "N|P%")]
    max_delete: Option<EntryLimit>,

    /// Write nothing and exit with 2 if more entries than this changed, added and removed ones included: a number, or a
    /// percentage of OLD's
    #[arg(long, value_name = "N|P%")]
    max_change: Option<EntryLimit>,

    /// Accept a root that is empty now, is another directory, or lies on another file system than before. Also
    /// accept that a mount point below a root is gone
    #[arg(long)]
    allow_root_change: bool,

    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) fn run(args: &DiffArgs) -> Outcome {
    check(args)?;
    let database = args.database.choice(&*args.emit, |file| Ok(file.to_owned()))?;
    job_database::check(&*args.emit, &database)?;
    let old = open(&args.old).map_err(|failure| first_run(args, failure))?;
    let new = open(&args.new)?;
    if old.header().identity == new.header().identity {
        print_message("note", "OLD and NEW are the same snapshot, so there are no differences");
    } else if old.header().started > new.header().started {
        print_message("warning", "OLD was taken after NEW; are they swapped?");
    }
    let mut options = DiffOptions::default();
    // A consumer that knows no renames must see what was removed.
    options.renames = !args.no_renames && args.emit.knows_renames();
    options.allow_root_change = args.allow_root_change;
    options.max_removed = args.max_delete;
    options.max_changed = args.max_change;
    let diff = Diff::new(&old, &new, &options)?;
    tell_of_renumbered(&diff);
    let style = if args.relative { relative(&diff)? } else { PathStyle::absolute() };
    let mut options = ListOptions::default().with_style(style).with_nul(args.nul).with_database(database);
    options.part = args.list.map(Into::into);
    options.text.suspects = args.suspects;
    options.text.suspects_hint = Some(SUSPECTS_HINT);
    let form = Form { format: args.emit, options };
    let emitted = write_list(&diff, form, &args.output)?;
    if diff.unknown() > 0 {
        let unread = unread(diff.unknown(), "listed as neither changed nor removed");
        print_message("warning", format_args!("{unread}; exit code {INCOMPLETE}"));
        return Ok(INCOMPLETE);
    }
    Ok(if args.exit_code && !emitted.summary.is_empty() { DIFFERENT } else { DONE })
}

/// Refuses combinations that would be ignored or misread.
fn check(args: &DiffArgs) -> Result<(), Failure> {
    let usage = |message: &str| Err(Failure::Other(message.to_owned()));
    check_form(args.emit, args.nul, args.list, args.relative)?;
    if args.suspects && !args.emit.is_for_people() {
        return usage("--suspects is for --emit text only; every other form lists them anyway");
    }
    Ok(())
}

/// How the list for people says that suspects can be listed.
pub(super) const SUSPECTS_HINT: &str = "--suspects lists them";

fn relative(diff: &Diff<'_>) -> Result<PathStyle, Failure> {
    PathStyle::relative(diff).map_err(|error| Failure::Other(format!("{error}; leave --relative out")))
}

/// A first backup would hold nothing but what is listed: without a baseline there must be no list.
fn first_run(args: &DiffArgs, failure: Failure) -> Failure {
    match failure {
        Failure::Library(Error::Snapshot { path, problem: SnapshotProblem::Missing })
            if args.emit.scans_by_itself() =>
        {
            Failure::Library(Error::Refused { consumer: args.emit.name(), refusal: Refusal::NoBaseline(path) })
        }
        other => other,
    }
}
