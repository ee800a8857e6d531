//! What the commands of jobs have in common: what is said of a run that began, and its list.

use fastdiff::baseline::{Begun, Ended, FullReason, Locked, Request};
use fastdiff::{Monitor, RemovalLimit};
use indicatif::HumanCount;

use super::config::Definition;
use super::format::{Form, Format};
use super::hints;
use super::list::tell_of_renumbered;
use super::progress::Progress;
use super::snap::counted;
use super::{Failure, INCOMPLETE, complain, signals};

/// The guards of law 8 that a run may be told to leave.
#[derive(clap::Args)]
#[command(next_help_heading = "Guards")]
pub(super) struct GuardArgs {
    /// Write nothing and exit with 2 if more entries were removed: a number, or a percentage [default: what the
    /// definition says; of `status` none]
    #[arg(long, value_name = "N|P%")]
    max_delete: Option<RemovalLimit>,

    /// Accept a root that is empty now, is another directory or lies on another file system than before, and
    /// a mount point below one that is gone
    #[arg(long)]
    pub(super) allow_root_change: bool,
}

impl GuardArgs {
    pub(super) fn add_to(&self, request: &mut Request) {
        request.diff.allow_root_change = self.allow_root_change;
        request.diff.max_removed = self.max_delete.or(request.diff.max_removed);
    }
}

/// Begins a run, and says how its list came about.
pub(super) fn begin(
    locked: &Locked,
    request: &Request,
    definition: &Definition,
    quiet: bool,
) -> Result<Begun, Failure> {
    let begun = watched(quiet, |monitor| locked.begin(request, monitor))?;
    tell(definition, &begun, quiet);
    Ok(begun)
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

fn tell(definition: &Definition, begun: &Begun, quiet: bool) {
    hints::report(&begun.outcome, quiet);
    tell_of_renumbered(begun.diff());
    if let Some(replaced) = begun.replaced {
        complain("note", format_args!("run {replaced} is not known to have succeeded; what it listed is listed again"));
    }
    if let Some(reason) = &begun.full {
        complain(
            "note",
            format_args!(
                "the list is a full one: {reason}{}",
                advice(definition.consumer, reason, begun.replaced.is_none())
            ),
        );
    }
}

/// What a full list means to a consumer that deletes.
fn advice(consumer: Format, reason: &FullReason, is_untried: bool) -> &'static str {
    match (consumer, reason) {
        (Format::Duplicati, _) => "; nothing is printed, so that Duplicati scans by itself",
        // Of a first run that failed something may be there that is gone now.
        (_, FullReason::First) if is_untried => "",
        (Format::Rsync, _) => {
            "; it does not name what was deleted: run `rsync -aHI --modify-window=-1 --delete ROOT/ DEST/` once without a list"
        }
        (Format::Rclone, _) => {
            "; it does not name what was deleted: run `rclone sync --links --ignore-times --no-unicode-normalization ROOT DEST` once \
             without a list"
        }
        (Format::Tar, _) => "; it does not name what was deleted: unpack it into an empty directory",
        // What does not delete needs no more than the list.
        _ => "",
    }
}

/// That something could not be read.
pub(super) fn unread(begun: &Begun) -> String {
    super::unread(begun.outcome.counts.unknown.max(begun.diff().unknown()), "listed as neither changed nor removed")
}

/// Says so, and what the exit code is for it.
pub(super) fn tell_of_unread(begun: &Begun) {
    complain("warning", format_args!("{}; exit code {INCOMPLETE}", unread(begun)));
}

/// Says what was left undone after a run ended.
pub(super) fn tell_of_leftover(ended: &Ended) {
    if let Some(error) = &ended.leftover {
        complain("warning", format_args!("run {}: {error}", ended.run));
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
pub(super) fn changes(begun: &Begun) -> String {
    let seen = begun.seen();
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
