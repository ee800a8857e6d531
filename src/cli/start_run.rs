//! What the commands of jobs have in common: what is said of a run that began, and its list.

use fastdiff::jobs::{ClosedRun, FullReason, LockedJob, RunRequest, StartedRun};
use fastdiff::{Monitor, RemovalLimit};
use indicatif::HumanCount;

use super::advice::Advised;
use super::config::Definition;
use super::format::{Form, Format};
use super::hints;
use super::progress::Progress;
use super::quote::shell;
use super::snap::counted;
use super::write_list::tell_of_renumbered;
use super::{Failure, INCOMPLETE, print_message, signals};

/// The guards of promise 8 that a run may be told to leave.
#[derive(clap::Args)]
#[command(next_help_heading = "Guards")]
pub(super) struct GuardArgs {
    /// Refuse, with exit code 2 (125 of `run`), if more entries were removed: a number, or a percentage [default: what
    /// the definition says; of `status` none]
    #[arg(long, value_name = "N|P%")]
    max_delete: Option<RemovalLimit>,

    /// Accept a root that is empty now, is another directory or lies on another file system than before, and
    /// a mount point below one that is gone
    #[arg(long)]
    pub(super) allow_root_change: bool,
}

impl GuardArgs {
    pub(super) fn add_to(&self, request: &mut RunRequest) {
        request.diff.allow_root_change = self.allow_root_change;
        request.diff.max_removed = self.max_delete.or(request.diff.max_removed);
    }
}

/// Begins a run, and says how its list came about.
pub(super) fn begin(
    locked: &LockedJob,
    request: &RunRequest,
    definition: &Definition,
    quiet: bool,
) -> Result<StartedRun, Failure> {
    let started = watched(quiet, |monitor| locked.begin(request, monitor))?;
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

fn tell(definition: &Definition, started: &StartedRun, quiet: bool) {
    hints::report(&started.outcome, quiet);
    tell_of_renumbered(started.diff());
    if let Some(replaced) = started.replaced {
        print_message(
            "note",
            format_args!("{}; what it listed is listed again", unfinished(replaced, started.has_failed)),
        );
    }
    if let Some(reason) = &started.full {
        print_message(
            "note",
            format_args!("the list is a full one: {reason}{}", advice(definition, reason, started.replaced.is_none())),
        );
    }
}

/// Why a list is a full one that was asked for.
pub(super) fn asked_for() -> String {
    "it was asked for".to_owned()
}

/// "run 3 failed".
pub(super) fn unfinished(run: u64, has_failed: bool) -> String {
    format!("run {run} {}", if has_failed { "failed" } else { "is not known to have succeeded" })
}

/// What a full list means to a consumer that deletes: the command that makes up for it.
fn advice(definition: &Definition, reason: &FullReason, is_untried: bool) -> String {
    let from = |after: &str| {
        let roots = definition.roots.iter().map(|root| shell(&root.to_string_lossy()).into_owned() + after);
        roots.collect::<Vec<_>>().join(" ")
    };
    let leaves_out = !definition.exclude.is_empty()
        || !definition.exclude_from.is_empty()
        || !definition.exclude_if_present.is_empty()
        || definition.exclude_caches;
    let filters = |option: &str| {
        if leaves_out { format!(", with {option} for what the job leaves out") } else { String::new() }
    };
    let is_one = definition.roots.len() == 1;
    match (definition.consumer, reason) {
        (Format::Duplicati, _) => "; nothing is printed, so that Duplicati scans by itself".into(),
        // Of a first run that failed something may be there that is gone now.
        (_, FullReason::First) if is_untried => String::new(),
        (Format::Rsync, _) => format!(
            "; it does not name what was deleted: run `rsync -aHI{} --modify-window=-1 --delete {} DEST/` once without a list{}",
            if is_one { "" } else { "R" },
            if is_one { from("/") } else { from("") },
            filters("--exclude"),
        ),
        (Format::Rclone, _) => format!(
            "; it does not name what was deleted: run `rclone sync --links --ignore-times --no-unicode-normalization {}` once{} \
             without a list{}",
            if is_one { from("") + " DEST" } else { "ROOT DEST/ROOT".into() },
            if is_one { "" } else { " for each root" },
            filters("--exclude"),
        ),
        (Format::Tar, _) => "; it does not name what was deleted: unpack it into an empty directory".into(),
        // What does not delete needs no more than the list.
        _ => String::new(),
    }
}

/// That something could not be read.
pub(super) fn unread(started: &StartedRun) -> String {
    super::unread(started.outcome.counts.unknown.max(started.diff().unknown()), "listed as neither changed nor removed")
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

/// How the consumer of a job takes its list.
pub(super) fn form(definition: &Definition, format: Format) -> Form {
    Form { duplicati_db: definition.duplicati_db.clone(), ..Form::new(format) }
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
