//! The option that says what may tell where something changed, and the messages about that.

use fastdiff::path::PathExt as _;
use fastdiff::{HintsUse, PartUse, ScanOutcome, SourceChoice};

use super::advice::Advised;
use super::print_message;
use super::state::StateArgs;

/// What may say where something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Source {
    /// The inode tables where they can be used, and the walk elsewhere
    #[default]
    Auto,
    /// Nothing: look everywhere
    Walk,
    /// The inode tables of every root's file system, or fail with the reason
    Inodes,
    /// The watcher watchman, if it runs and proves its answer, else as auto; one root only
    Watchman,
}

impl Source {
    /// As a definition spells it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Walk => "walk",
            Self::Inodes => "inodes",
            Self::Watchman => "watchman",
        }
    }
}

impl From<Source> for SourceChoice {
    fn from(source: Source) -> Self {
        match source {
            // Its answers are hints.
            Source::Auto | Source::Watchman => Self::Auto,
            Source::Walk => Self::Walk,
            Source::Inodes => Self::Inodes,
        }
    }
}

/// In one line, what said where to look; none if there was nothing to compare with.
pub(super) fn line(outcome: &ScanOutcome) -> Option<String> {
    if let Some(HintsUse::Used { .. }) = outcome.hints {
        return Some("source: hints".into());
    }
    let of = |is_read: bool| {
        let parts = outcome.parts.iter().filter(move |part| part.problem.is_none() == is_read);
        parts.map(|part| part.path.shown().to_string()).collect::<Vec<_>>().join(", ")
    };
    let (read, walked) = (of(true), of(false));
    match (read.is_empty(), walked.is_empty()) {
        (true, true) => None,
        (true, false) => Some("source: walk".into()),
        (false, true) => Some("source: inode tables".into()),
        (false, false) => Some(format!("source: inode tables for {read}; walk for {walked}")),
    }
}

/// Why parts of the tree were walked, a line for each.
pub(super) fn reasons(outcome: &ScanOutcome) -> impl Iterator<Item = String> + '_ {
    let walked = outcome.parts.iter().filter_map(|part| Some((part, part.problem.as_ref()?)));
    walked.map(|(PartUse { path, .. }, problem)| format!("{} was walked: {problem}", path.shown()))
}

/// Says what was used, and with `verbose` also why not. An error of inode tables is a warning in any case.
pub(super) fn report(outcome: &ScanOutcome, quiet: bool, verbose: bool) {
    if let Some(line) = line(outcome).filter(|_| !quiet) {
        print_message("note", line);
    }
    if verbose {
        reasons(outcome).for_each(|reason| print_message("note", reason));
    }
    for part in outcome.parts.iter().filter(|part| is_wrong(part)) {
        print_message("warning", of_wrong(part));
    }
}

/// Whether the tables of a part were wrong.
pub(super) fn is_wrong(part: &PartUse) -> bool {
    part.problem.as_ref().is_some_and(fastdiff::SourceProblem::is_error)
}

/// What to say of tables that were wrong: an error of the program or of the system, which somebody has to look into.
pub(super) fn of_wrong(part: &PartUse) -> String {
    let problem = part.problem.as_ref().map(ToString::to_string).unwrap_or_default();
    format!(
        "the inode tables of {} ({}) were wrong, so everything was walked, and this version of fastdiff does not use them again: {problem}; please report that, with the output of `uname -a`, the line of {} in /proc/self/mountinfo and, on ext4, that of `dumpe2fs -h`",
        part.path.shown(),
        part.file_system.escape_debug(),
        part.path.shown()
    )
}

/// Remembers tables that were wrong, in the usual place of the state.
pub(super) fn remember(outcome: &ScanOutcome) {
    if !outcome.parts.iter().any(is_wrong) {
        return;
    }
    match StateArgs::default().store().map(|store| store.distrust(outcome)) {
        Ok(Err(error)) => print_message("warning", format_args!("cannot remember that: {}", Advised(&error))),
        Err(failure) => print_message("warning", format_args!("cannot remember that: {failure}")),
        Ok(Ok(_)) => {}
    }
}

/// The file systems whose tables were wrong before, by the usual place of the state.
pub(super) fn distrusted() -> Vec<String> {
    StateArgs::default().store().map(|store| store.distrusted()).unwrap_or_default()
}
