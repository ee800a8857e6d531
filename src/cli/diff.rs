//! `fastdiff diff`: compare two snapshots and write the change list.

use std::path::PathBuf;

use fastdiff::consumers::{PathStyle, TextOptions};
use fastdiff::{Diff, DiffOptions, Error, Refusal, RemovalLimit, SnapshotProblem};

use super::format::{Form, Format, Part, check_form};
use super::write_list::{tell_of_renumbered, write_list};
use super::{DIFFERENT, DONE, Failure, INCOMPLETE, Outcome, open, print_message, unread};

const AFTER_HELP: &str = "\
Examples:
  fastdiff diff old.snap new.snap                               for people
  fastdiff diff old.snap new.snap --emit name-status -z         for scripts
  fastdiff diff old.snap new.snap --emit json | jq .path
  fastdiff diff old.snap new.snap --emit tar -o list && tar -c -C ~/Documents --no-recursion --null -T list >changes.tar
  fastdiff diff old.snap new.snap --emit duplicati --duplicati-db ~/.config/Duplicati/ABCDEFGHIJ.sqlite

Letters of text and name-status:
  A added   M modified   D removed   T kind changed   R renamed (old path, new path)
  S suspect: nothing differs, but it changed too soon before OLD was taken to be sure
  U unknown: could not be read, so it counts neither as changed nor as removed

Duplicati needs version 2.2.0.104 or later. The roots of the snapshots have to be exactly the job's
sources, and leave out at least what its filters leave out (--exclude-caches among them): what is
listed is backed up without being asked again. A list for it is printed as two options; if it cannot be
expressed, nothing is printed and the exit code is 3: then let Duplicati scan by itself.

Exit codes: 0 done; 1 there are differences (--exit-code); 2 failed or refused; 3 the newer snapshot is
incomplete, or the consumer's format cannot express the list (then nothing is printed).";

/// Compare two snapshots of the same roots and write what changed.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
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

    /// Which part of the list to write, for programs that take paths. The default is all for rsync and rclone, and
    /// what changed for the others
    #[arg(long, value_enum, value_name = "PART")]
    list: Option<Part>,

    /// Report renamed entries as removed and added
    #[arg(long)]
    no_renames: bool,

    /// List suspects one by one in `text` instead of counting them
    #[arg(long)]
    suspects: bool,

    /// Write nothing and exit with 2 if more entries than this were removed: a number, or a percentage of OLD's
    #[arg(long, value_name = "N|P%")]
    max_delete: Option<RemovalLimit>,

    /// Accept a root that is empty now, is another directory, or lies on another file system than before. Also
    /// accept that a mount point below a root is gone
    #[arg(long)]
    allow_root_change: bool,

    /// The job database of Duplicati (required for it): unchanged files with several stored versions
    /// have to be listed too, since Duplicati would silently put another of their versions into the new
    /// backup. `none` does without, and risks just that
    #[arg(long, value_name = "FILE|none", value_hint = clap::ValueHint::FilePath)]
    duplicati_db: Option<PathBuf>,
}

pub(super) fn run(args: &DiffArgs) -> Outcome {
    check(args)?;
    let old = open(&args.old).map_err(|failure| first_run(args, failure))?;
    let new = open(&args.new)?;
    if old.header().identity == new.header().identity {
        print_message("note", "OLD and NEW are the same snapshot, so there are no differences");
    } else if old.header().started > new.header().started {
        print_message("warning", "OLD was taken after NEW; are they swapped?");
    }
    let options = DiffOptions {
        // A consumer that knows no renames must see what was removed.
        renames: !args.no_renames && args.emit.knows_renames(),
        allow_root_change: args.allow_root_change,
        max_removed: args.max_delete,
    };
    let diff = Diff::new(&old, &new, &options)?;
    tell_of_renumbered(&diff);
    let form = Form {
        style: if args.relative { PathStyle::relative(&diff)? } else { PathStyle::absolute() },
        nul: args.nul,
        part: args.list,
        text: TextOptions { color: false, suspects: args.suspects },
        duplicati_db: args.duplicati_db.clone(),
        ..Form::new(args.emit)
    };
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
    if args.suspects && args.emit != Format::Text {
        return usage("--suspects is for --emit text only; every other form lists them anyway");
    }
    if args.duplicati_db.is_some() && args.emit != Format::Duplicati {
        return usage("--duplicati-db is for --emit duplicati only");
    }
    Ok(())
}

/// A first backup would hold nothing but what is listed: without a baseline there must be no list.
fn first_run(args: &DiffArgs, failure: Failure) -> Failure {
    match failure {
        Failure::Library(Error::Snapshot { path, problem: SnapshotProblem::Missing })
            if args.emit == Format::Duplicati =>
        {
            Failure::Library(Error::Refused { consumer: "duplicati", refusal: Refusal::NoBaseline(path) })
        }
        other => other,
    }
}
