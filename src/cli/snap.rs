//! `fastdiff snap`: take a snapshot.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ArgMatches;
use fastdiff::path::PathExt as _;
use fastdiff::{Pattern, ScanOptions, ScanOutcome, Snapshot, scan};
use indicatif::{HumanBytes, HumanCount};

use super::filter::{FilterArgs, tell_of_suspects, tell_of_unmatched};
use super::hints::{self, HintsArgs};
use super::progress::Progress;
use super::source::{self, Source};
use super::walk::WalkArgs;
use super::{DONE, Failure, INCOMPLETE, Outcome, open, print_message, signals, unread, watchman};

const AFTER_HELP: &str = "\
Examples:
  fastdiff snap ~/Documents -o documents.snap
  fastdiff snap /srv /home -o nas.snap --exclude '*.tmp' --exclude /scratch/ --exclude-caches
  fastdiff snap ~ -o new.snap --base old.snap     faster, and keeps what cannot be read now
  fastdiff snap ~ -o new.snap --base old.snap --hints hints       less to read: docs/hints.md

Patterns are those of .gitignore, relative to each root; the last one that matches decides:
  *.tmp        at any depth              /build/      only a directory at the root
  cache/       directories only          !keep.tmp    kept, whatever came before
A directory that is left out is not entered, so no pattern can bring back what lies below it.
A root itself is never left out, whatever it is called and whatever it holds. A pattern that can
never have an effect is refused. One that matched nothing is warned of, unless --base saves listing.

Exit codes: 0 done; 2 failed or refused, nothing was written; 3 done, but something could not be read.";

/// Take a snapshot of the metadata of whole directory trees.
///
/// Reads names, sizes, times, inodes, modes and owners, never the content of files. The snapshot file is replaced whole
/// or not at all, and only its owner can read it.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct SnapArgs {
    /// Directories to scan. A symlink given here is followed, symlinks below are not
    #[arg(required = true, value_name = "ROOT")]
    roots: Vec<PathBuf>,

    /// The snapshot file to write. An existing snapshot is replaced, any other file is not
    #[arg(short, long, value_name = "SNAP")]
    output: PathBuf,

    /// The snapshot that this one will be compared with. What cannot be read now is carried over from it and marked
    /// unknown, and directories that did not change since are not listed again
    #[arg(long, value_name = "SNAP")]
    base: Option<PathBuf>,

    #[command(flatten)]
    hints: HintsArgs,

    /// Write only what differs from BASE, if that is little. SNAP is small then, and needs BASE's file unchanged from
    /// then on (that of BASE's own base, if BASE is such a snapshot itself)
    #[arg(long, requires = "base", help_heading = "Less to read")]
    overlay: bool,

    #[command(flatten)]
    filter: FilterArgs,

    #[command(flatten)]
    walk: WalkArgs,

    /// No progress and no summary; warnings and errors remain
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: &SnapArgs, matches: &ArgMatches) -> Outcome {
    if args.output == Path::new("-") {
        return Err(Failure::Other("a snapshot cannot go to standard output (-o -); name a file".into()));
    }
    let mut options = ScanOptions::new(&args.roots);
    options.filter = args.filter.options(matches)?;
    let defaults = args.filter.defaults(&args.roots).iter().copied().map(Pattern::new);
    options.filter.patterns.splice(0..0, defaults);
    args.walk.add_to(&mut options);
    args.hints.add_to(&mut options)?;
    options.overlay = args.overlay;
    if args.walk.source == Some(Source::Inodes) && args.base.is_none() {
        let advice = "name an earlier snapshot with --base, or leave it out";
        return Err(Failure::Other(format!("--source inodes says what changed since an earlier snapshot; {advice}")));
    }
    let base = args.base.as_deref().map(|base| open_base(base, &args.output)).transpose()?;
    if args.walk.source == Some(Source::Watchman) {
        let clock = base.as_ref().and_then(|base| base.meta().watchman_clock.as_deref());
        watchman::add_hints(&mut options, clock).unwrap_or_else(|why| watchman::warn(&why));
    }
    if base.is_some() {
        options.distrusted = source::distrusted();
    }
    signals::catch();
    let began = Instant::now();
    let progress = Progress::new(args.quiet);
    // An existing output is opened, to see whether it is a snapshot.
    signals::opening(&args.output);
    let outcome = scan(&options, base.as_ref(), &args.output, &progress);
    signals::opened();
    progress.finish();
    let outcome = outcome?;
    // With a base, the filter is that of the base.
    if base.is_none() {
        tell_of_suspects(&options.filter);
    }
    tell_of_unmatched(&outcome, &options);
    hints::report(&outcome, args.quiet);
    source::report(&outcome, args.quiet, args.walk.verbose);
    source::remember(&outcome);
    if !args.quiet {
        print_message("snapshot", format_args!("{}: {}", args.output.shown(), summary(&outcome, began.elapsed())));
    }
    if outcome.is_complete() {
        return Ok(DONE);
    }
    let advice = if base.is_some() {
        "marked as unknown"
    } else {
        "marked as unknown (with --base OLD, their last known state is carried over)"
    };
    print_message("warning", format_args!("{}; exit code {INCOMPLETE}", unread(outcome.counts.unknown, advice)));
    Ok(INCOMPLETE)
}

/// Opens the base. It may be the very file that the new snapshot replaces.
fn open_base(base: &Path, output: &Path) -> Result<Snapshot, Failure> {
    let place = |path: &Path| path.canonicalize().ok();
    if cfg!(windows) && place(base).is_some_and(|base| place(output) == Some(base)) {
        return Ok(Snapshot::open_replaceable(base)?);
    }
    open(base)
}

pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", HumanCount(count), if count == 1 { one } else { many })
}

fn summary(outcome: &ScanOutcome, elapsed: Duration) -> String {
    let counts = &outcome.counts;
    let racy = if counts.racy > 0 { format!("; {} changed just now", HumanCount(counts.racy)) } else { String::new() };
    format!(
        "{} ({} with {}, {}) in {:.2} s; {} on disk{racy}",
        counted(counts.entries, "entry", "entries"),
        counted(counts.files, "file", "files"),
        HumanBytes(counts.bytes),
        counted(counts.dirs, "directory", "directories"),
        elapsed.as_secs_f64(),
        HumanBytes(outcome.bytes),
    )
}
