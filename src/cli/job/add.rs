//! `fastdiff job add`: define a job.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use fastdiff::consumers::EXAMPLE;
use fastdiff::jobs::SnapshotCheck;
use fastdiff::path::{PathExt as _, absolute};
use fastdiff::{EntryLimit, Error, RootProblem};

use super::super::config::{DEFAULT_KEEP, Definition, RootIs};
use super::super::destination::Destinations;
use super::super::filter::{FilterArgs, tell_of_suspects};
use super::super::format::Format;
use super::super::job_database::{DatabaseArgs, JOB_EXAMPLE};
use super::super::source::Source;
use super::super::state::StateArgs;
use super::super::{DONE, Failure, Outcome, consumer_help, placeholders, print_message, usage};
use super::check;

fn after_help() -> String {
    let before = "  fastdiff job add photos ~/Photos --consumer ";
    let before = format!("{before}{name} -- ", name = EXAMPLE.name());
    let command = consumer_help::command(&before, "{all}", "{root}", "nas:Photos/", 6);
    format!("Examples:\n{command}{JOB_EXAMPLE}\n{AFTER_HELP}")
}

const AFTER_HELP: &str = "  fastdiff job add web /srv/www --exclude '/cache/' --max-delete 20% --keep 10

In the command, {changed}, {deleted} and {all} stand for files with that part of the list in the consumer's form, and
{root} for the directory that relative paths start from. The definition goes to the file that --config names. You can
edit it there: docs/jobs.md describes its keys. The roots are walked once, to find patterns that match nothing and
directories that cannot be read. Patterns of --exclude-from come before those of --exclude. The last
one that matches decides.";

/// Define a job, and look whether its roots can be read. Its first run lists everything.
#[derive(clap::Args)]
#[command(after_help = after_help())]
pub(in crate::cli) struct JobAddArgs {
    /// Its name: letters, digits, `.`, `_` and `-`
    name: String,

    /// The directories to back up
    #[arg(required = true, value_name = "ROOT")]
    roots: Vec<PathBuf>,

    /// Whether the roots are live directories or lie on snapshots of their file systems, a new one for each run
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    root_is: RootIs,

    /// What may say where something changed since the last backup, so that not everything is read
    #[arg(long, value_enum, value_name = "SOURCE", default_value_t)]
    source: Source,

    /// The program that takes the list
    #[arg(long, value_enum, value_name = "CONSUMER", default_value_t)]
    consumer: Format,

    #[command(flatten)]
    filter: FilterArgs,

    /// How many former baselines to keep, for `fastdiff diff` between any two of them
    #[arg(long, value_name = "N", default_value_t = DEFAULT_KEEP as u16, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    keep: u16,

    /// Write no list if more entries than this were removed: a number, or a percentage of the baseline's
    #[arg(long, value_name = "N|P%")]
    max_delete: Option<EntryLimit>,

    /// Write no list if more entries than this changed, added and removed ones included: a number, or a percentage of
    /// the baseline's. So a mass change (ransomware, a clock that was lost, a restored tree) stops the run
    #[arg(long, value_name = "N|P%")]
    max_change: Option<EntryLimit>,

    #[command(flatten)]
    database: DatabaseArgs,

    #[arg(
        long,
        value_name = "CODE,...",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u8),
        help = format!("The exit codes of the command that mean success [default: {}]", consumer_help::success_codes())
    )]
    success: Option<Vec<u8>>,

    /// Start the command even if something could not be read; the list then lacks that
    #[arg(long)]
    anyway: bool,

    /// Do not walk now. The walk finds patterns that match nothing, and what cannot be read
    #[arg(long)]
    no_check: bool,

    /// Take the command as it is, even if it would not store what is listed
    #[arg(long)]
    unchecked: bool,

    #[command(flatten)]
    state: StateArgs,

    /// The command that `fastdiff run` runs
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

fn from_here(path: &Path) -> Result<PathBuf, Failure> {
    let current = std::env::current_dir()
        .map_err(|e| Failure::Other(format!("cannot find the current directory, for {}: {e}", path.shown())));
    if path.is_absolute() { Ok(absolute(path, Path::new("/"))) } else { Ok(absolute(path, &current?)) }
}

/// Refuses what is no directory.
fn check_root(root: &Path, args: &JobAddArgs) -> Result<(), Failure> {
    if root.is_dir() {
        return Ok(());
    }
    if let Some(tip) = usage::command_among_roots(&args.roots).filter(|_| args.command.is_empty()) {
        return Err(Failure::Other(format!("{} is not a directory: {tip}", root.shown())));
    }
    let problem = match root.metadata() {
        Ok(_) => RootProblem::NotADirectory,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => RootProblem::Missing,
        Err(e) => RootProblem::Unlisted(e),
    };
    Err(fastdiff::Error::Root { path: root.to_owned(), problem }.into())
}

pub(in crate::cli) fn run(args: &JobAddArgs, matches: &ArgMatches) -> Outcome {
    let store = args.state.store()?;
    // A place that no run would use; damage is for the run to tell.
    if let Err(error @ Error::Place { .. }) = store.job(&args.name)?.state() {
        return Err(error.into());
    }
    if args.filter.exclude_from.iter().any(|file| file == Path::new("-")) {
        return Err(Failure::Other(
            "a job reads --exclude-from at each run, so it cannot be standard input; name a file".into(),
        ));
    }
    let database = args.database.choice(&*args.consumer, from_here)?;
    if args.command.first().is_some_and(String::is_empty) {
        return Err(Failure::Other("the command is empty; name a program after --".into()));
    }
    for root in &args.roots {
        check_root(root, args)?;
    }
    // Refuse a wrong pattern now, not at the first run.
    args.filter.options(matches)?.check(&[])?;
    // What is left out has to be left out by the other program as well, if that scans by itself.
    let defaults = if args.consumer.has_hook() { &[] } else { args.filter.defaults(&args.roots) };
    let definition = Definition {
        name: args.name.clone(),
        roots: args.roots.iter().map(|root| from_here(root)).collect::<Result<_, _>>()?,
        root_is: args.root_is,
        source: args.source,
        consumer: args.consumer,
        exclude: defaults.iter().map(ToString::to_string).chain(args.filter.exclude.iter().cloned()).collect(),
        exclude_from: args.filter.exclude_from.iter().map(|file| from_here(file)).collect::<Result<_, _>>()?,
        exclude_caches: args.filter.exclude_caches,
        exclude_if_present: args.filter.exclude_if_present.clone(),
        one_file_system: args.filter.one_file_system,
        keep: usize::from(args.keep),
        max_delete: args.max_delete,
        max_change: args.max_change,
        database,
        success: args.success.as_ref().map(|codes| codes.iter().copied().map(i32::from).collect()),
        anyway: args.anyway,
        unchecked: args.unchecked,
        command: args.command.clone(),
    };
    let twice = |at: &usize| definition.roots[..*at].contains(&definition.roots[*at]);
    if let Some(at) = (1..definition.roots.len()).find(twice) {
        return Err(Failure::Other(format!("root {} is given twice; leave one out", definition.roots[at].shown())));
    }
    let mut scan = definition.request()?.scan;
    scan.check()?;
    let command: Vec<_> = definition.command.iter().map(Into::into).collect();
    placeholders::check(&definition, &command)?;
    if !command.is_empty() && !definition.unchecked {
        let found = placeholders::look_at(&definition, &command);
        placeholders::refuse(&definition, &found)?;
        placeholders::tell_of_unchecked(&definition, &found);
        Destinations::of(&definition, &command).check(&definition, &command, true)?;
    }
    args.state.config()?.add(&definition)?;
    tell_of_suspects(&scan.filter);
    if !args.no_check {
        scan.own_dirs.extend(store.dir().canonicalize().ok());
        check::walk(&scan, definition.anyway)?;
    }
    // The file may have been edited during the walk.
    let mut config = args.state.config()?;
    config.add(&definition)?;
    config.save()?;
    if definition.root_is == RootIs::Snapshot {
        definition.roots.iter().for_each(|root| tell_of_check(root));
    }
    Ok(DONE)
}

/// Says so if nothing tells whether the next snapshot will be one of the same file system.
fn tell_of_check(root: &Path) {
    if let Ok(SnapshotCheck::None(kind)) = SnapshotCheck::of(root) {
        let on = if kind.is_empty() { String::new() } else { format!(" on {kind}") };
        let text = format!(
            "root {}{on}: it is not checked that each snapshot is one of the same file system, only that it is mounted \
             and not empty",
            root.shown()
        );
        print_message("note", text);
    }
}
