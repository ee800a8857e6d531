//! What the commands of jobs have in common: how a run begins, and the messages about it.

use std::path::Path;

use fastdiff::consumers::{FullList, MirrorCommand};
use fastdiff::jobs::{ClosedRun, FullReason, LockedJob, RunRequest, RunStatus, StartedRun};
use fastdiff::path::to_path;
use fastdiff::{ChangeKind, Entry, EntryLimit, Flags, Kind, Monitor, Pattern, Snapshot};
use indicatif::HumanCount;

use super::advice::Advised;
use super::config::Definition;
use super::filter::{tell_of_suspects, tell_of_unmatched};
use super::hints;
use super::progress::Progress;
use super::quote::shell;
use super::snap::counted;
use super::source;
use super::write_list::tell_of_renumbered;
use super::{Failure, INCOMPLETE, harmless, print_message, signals};

/// The guards of promise 8 that the user can change for a run.
#[derive(clap::Args)]
#[command(next_help_heading = "Guards")]
pub(super) struct GuardArgs {
    /// Refuse, with exit code 2 (125 for `run`), if more entries than this were removed: a number, or a percentage
    /// [default: that of the definition; none for `status`]
    #[arg(long, value_name = "N|P%")]
    max_delete: Option<EntryLimit>,

    /// The same if more entries than this changed, added and removed ones included; not for a full list
    /// [default: that of the definition; none for `status`]
    #[arg(long, value_name = "N|P%")]
    max_change: Option<EntryLimit>,

    /// Accept a root that is empty now, is another directory or lies on another file system than before, and
    /// a mount point below one that is gone
    #[arg(long)]
    pub(super) allow_root_change: bool,
}

impl GuardArgs {
    pub(super) fn add_to(&self, request: &mut RunRequest) {
        request.diff.allow_root_change = self.allow_root_change;
        request.diff.max_removed = self.max_delete.or(request.diff.max_removed);
        request.diff.max_changed = self.max_change.or(request.diff.max_changed);
    }
}

/// Begins a run, and says how its list came about.
pub(super) fn begin(
    locked: &LockedJob,
    request: &RunRequest,
    definition: &Definition,
    (quiet, verbose): (bool, bool),
) -> Result<StartedRun, Failure> {
    let started = watched(quiet, |monitor| locked.begin(request, monitor))?;
    tell_of_patterns(request, &started);
    source::report(&started.outcome, quiet, verbose);
    tell(definition, &started, quiet);
    Ok(started)
}

/// Runs a walk with its progress on the terminal.
pub(super) fn watched<T>(
    quiet: bool,
    walk: impl FnOnce(&dyn Monitor) -> Result<T, fastdiff::Error>,
) -> Result<T, fastdiff::Error> {
    signals::catch();
    let progress = Progress::new(quiet);
    let outcome = walk(&progress);
    progress.finish();
    outcome
}

/// Warns of suspect patterns with each full list: after that they are known.
pub(super) fn tell_of_patterns(request: &RunRequest, started: &StartedRun) {
    if started.full.is_some() {
        tell_of_suspects(&request.scan.filter);
        tell_of_unmatched(&started.outcome, &request.scan);
    }
}

fn tell(definition: &Definition, started: &StartedRun, quiet: bool) {
    hints::report(&started.outcome, quiet);
    tell_of_renumbered(started.diff());
    if let Some(replaced) = started.replaced {
        print_message(
            "note",
            format_args!("{}; what it listed is listed again", unfinished(replaced, started.previous)),
        );
    }
    if let Some(reason) = &started.full {
        print_message(
            "note",
            format_args!("the list is a full one: {reason}{}", advice(definition, reason, started.replaced.is_none())),
        );
        if *reason == FullReason::OtherMachine {
            print_message("note", "if this is the same machine (a container), give it the same --machine-id each time");
        }
    }
}

/// Why a list is a full one that was asked for.
pub(super) fn asked_for() -> String {
    "it was asked for".to_owned()
}

/// "run 3 failed".
pub(super) fn unfinished(run: u64, status: RunStatus) -> String {
    let became = match status {
        RunStatus::Failed => "failed",
        RunStatus::Aborted => "was aborted",
        _ => "is not known to have succeeded",
    };
    format!("run {run} {became}")
}

/// What to do because the list is a full one.
fn advice(definition: &Definition, reason: &FullReason, is_untried: bool) -> String {
    match definition.consumer.full_list(&definition.roots) {
        FullList::NotWritten => {
            format!("; nothing is printed, so {} scans by itself", definition.consumer.title())
        }
        // After a first run that failed, the destination may hold something that is gone now.
        _ if is_untried && matches!(reason, FullReason::First) => String::new(),
        FullList::Mirror(mirror) => {
            format!("; it does not name what was deleted: run {}", mirror_command(definition, &mirror))
        }
        FullList::Unpack => "; it does not name what was deleted: unpack it into an empty directory".into(),
        _ => String::new(),
    }
}

/// The command that makes up for the deletions, and what to watch out for.
fn mirror_command(definition: &Definition, mirror: &MirrorCommand) -> String {
    let mut words = vec![mirror.program.to_owned()];
    words.extend(mirror.sources.iter().map(|root| shell(&root.to_string_lossy()).into_owned()));
    words.push(mirror.destination.to_owned());
    let each = if mirror.sources.is_empty() { " for each root" } else { "" };
    let leaves_out = !definition.exclude.is_empty()
        || !definition.exclude_from.is_empty()
        || !definition.exclude_if_present.is_empty()
        || definition.exclude_caches;
    let filters = if leaves_out {
        format!(", with {} for what the job leaves out", mirror.exclude_option)
    } else {
        String::new()
    };
    format!("`{}` once{each} without a list{filters}", words.join(" "))
}

/// That something could not be read.
pub(super) fn unread(started: &StartedRun) -> String {
    super::unread(started.outcome.counts.unknown.max(started.diff().unknown()), "listed as neither changed nor removed")
}

/// What to do about that.
pub(super) fn ways_out(started: &StartedRun) -> String {
    let diff = started.diff();
    let unread = diff.changes().filter_map(Result::ok).find(|change| change.kind == ChangeKind::Unknown);
    ways(unread.and_then(|unread| only(diff.newer(), &unread.path, unread.entry_kind())))
}

/// What to do about what a snapshot holds as unread.
pub(super) fn ways_out_of(snapshot: &Snapshot) -> String {
    let is_unread = |entry: &Entry| entry.flags.intersects(Flags::UNKNOWN | Flags::UNLISTED);
    let unread = snapshot.entries().filter_map(Result::ok).find(is_unread);
    ways(unread.and_then(|unread| only(snapshot, &unread.path, unread.kind())))
}

/// The three ways out; `pattern` leaves out what could not be read.
fn ways(pattern: Option<String>) -> String {
    let exclude = pattern.map(|pattern| format!("`--exclude {}` of `job add`, or ", harmless(&shell(&pattern))));
    let exclude = exclude.unwrap_or_default();
    format!(
        "allow fastdiff to read it, or leave it out ({exclude}the key exclude), or start the command nevertheless (the key `anyway = true`, or --anyway for this run)"
    )
}

/// The pattern for one entry and no other; none for a root, and for a name that is not UTF-8.
fn only(snapshot: &Snapshot, path: &[u8], kind: Kind) -> Option<String> {
    let path = to_path(path);
    let mut roots = snapshot.meta().roots.iter();
    let below = roots.find_map(|root| path.strip_prefix(&*to_path(root)).ok()).filter(|path| *path != Path::new(""))?;
    Some(Pattern::exactly(below.to_str()?, kind == Kind::Dir).text)
}

/// Says so, and what the exit code is for it.
pub(super) fn tell_of_unread(started: &StartedRun) {
    print_message("warning", format_args!("{}; exit code {INCOMPLETE}", unread(started)));
}

/// Says what was left undone after a run ended.
pub(super) fn tell_of_leftover(ended: &ClosedRun) {
    if let Some(error) = &ended.leftover {
        print_message("warning", format_args!("run {}: {}", ended.run, Advised(error)));
    }
}

/// "12 entries".
pub(super) fn entries(count: u64) -> String {
    counted(count, "entry", "entries")
}

/// "run 3 (12 added, 1 removed)".
pub(super) fn changes(started: &StartedRun) -> String {
    let seen = started.seen();
    let parts = [
        (seen.added, "added"),
        (seen.modified, "modified"),
        (seen.removed, "removed"),
        (seen.renamed, "renamed"),
        (seen.suspect, "suspect"),
        (seen.unknown, "unknown"),
    ];
    let parts: Vec<_> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", HumanCount(count)))
        .collect();
    if parts.is_empty() { "no changes".to_owned() } else { parts.join(", ") }
}
