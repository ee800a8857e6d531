//! The options for what a walk leaves out.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use fastdiff::path::PathExt as _;
use fastdiff::{FilterOptions, Pattern, ScanOptions, ScanOutcome};
use indicatif::HumanCount;

use super::{Failure, print_message};

#[derive(clap::Args)]
#[command(next_help_heading = "What to leave out")]
pub(super) struct FilterArgs {
    /// Leave out what matches a gitignore pattern
    #[arg(long, value_name = "GLOB", allow_hyphen_values = true)]
    pub(super) exclude: Vec<String>,

    /// Leave out what matches the patterns in a file, one a line (- for standard input)
    #[arg(long, value_name = "FILE")]
    pub(super) exclude_from: Vec<PathBuf>,

    /// Leave out directories that hold a valid CACHEDIR.TAG. A root is kept, whatever it holds
    #[arg(long)]
    pub(super) exclude_caches: bool,

    /// Leave out directories that hold an entry of this name. A root is kept, whatever it holds
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub(super) exclude_if_present: Vec<String>,

    /// Stay on the file system of each root
    #[arg(short = 'x', long)]
    pub(super) one_file_system: bool,

    /// On Windows: do not leave out "System Volume Information" and "$RECYCLE.BIN" at the root of a drive
    #[arg(long)]
    pub(super) no_default_excludes: bool,
}

/// What only the system can read, and what was thrown away, at the root of a drive of Windows.
const OF_DRIVES: [&str; 2] = ["/System Volume Information/", "/$[Rr][Ee][Cc][Yy][Cc][Ll][Ee].[Bb][Ii][Nn]/"];

/// Checks that a name is that of an entry.
pub(super) fn parse_name(name: &str) -> Result<String, String> {
    if name.is_empty() || name.contains('/') {
        return Err("name one entry of a directory, without a slash".into());
    }
    Ok(name.to_owned())
}

impl FilterArgs {
    /// The patterns that stand before all others if a root is that of a drive.
    pub(super) fn defaults(&self, roots: &[PathBuf]) -> &'static [&'static str] {
        let is_drive = |root: &PathBuf| std::path::absolute(root).is_ok_and(|root| root.parent().is_none());
        let wanted = cfg!(windows) && !self.no_default_excludes && roots.iter().any(is_drive);
        if wanted { &OF_DRIVES } else { &[] }
    }

    /// What to leave out.
    pub(super) fn options(&self, matches: &ArgMatches) -> Result<FilterOptions, Failure> {
        let mut options = FilterOptions::default();
        options.patterns = self.patterns(matches)?;
        options.exclude_caches = self.exclude_caches;
        options.exclude_if_present.clone_from(&self.exclude_if_present);
        options.one_file_system = self.one_file_system;
        Ok(options)
    }

    /// The patterns in the order in which they were given: the last that matches decides.
    fn patterns(&self, matches: &ArgMatches) -> Result<Vec<Pattern>, Failure> {
        let places = |id| matches.indices_of(id).into_iter().flatten();
        let mut given: Vec<(usize, Vec<Pattern>)> = Vec::new();
        for (glob, place) in self.exclude.iter().zip(places("exclude")) {
            given.push((place, vec![Pattern::new(glob)]));
        }
        for (file, place) in self.exclude_from.iter().zip(places("exclude_from")) {
            let content = read_text(file)?;
            given.push((place, Pattern::lines(&content, file).collect()));
        }
        given.sort_by_key(|(place, _)| *place);
        Ok(given.into_iter().flat_map(|(_, patterns)| patterns).collect())
    }
}

/// The text of a file with patterns.
pub(super) fn read_text(file: &Path) -> Result<String, Failure> {
    let content =
        if file == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    content.map_err(|e| Failure::Other(format!("cannot read --exclude-from {}: {e}", file.shown())))
}

/// More patterns than these are only counted.
const SHOWN_PATTERNS: usize = 10;

/// Warns of patterns that are legal and probably a slip.
pub(super) fn tell_of_suspects(filter: &FilterOptions) {
    if let Some(first) = filter.patterns.first().filter(|first| first.text.starts_with('!')) {
        print_message(
            "warning",
            format_args!("exclude pattern {first} stands before all others, so that there is nothing to include again"),
        );
    }
    let suspects = filter.suspect_patterns();
    for suspect in suspects.iter().take(SHOWN_PATTERNS) {
        print_message("warning", suspect);
    }
    if suspects.len() > SHOWN_PATTERNS {
        let more = HumanCount((suspects.len() - SHOWN_PATTERNS) as u64);
        print_message("warning", format_args!("{more} more exclude patterns are suspect"));
    }
}

/// Whether patterns leave out everything below the roots: an empty tree has none that match.
pub(super) fn leave_out_all(outcome: &ScanOutcome, scan: &ScanOptions) -> bool {
    let matched = outcome.unmatched.as_ref().is_some_and(|unmatched| unmatched.len() < scan.filter.patterns.len());
    matched && outcome.is_complete() && outcome.counts.entries <= scan.roots.len() as u64
}

/// Warns of patterns that matched nothing in a walk of everything, or everything.
pub(super) fn tell_of_unmatched(outcome: &ScanOutcome, scan: &ScanOptions) {
    if leave_out_all(outcome, scan) {
        print_message("warning", "the exclude patterns leave out everything below the roots");
    }
    // A drive may be without what is left out by itself.
    let is_given = |pattern: &&Pattern| pattern.from.is_some() || !OF_DRIVES.contains(&pattern.text.as_str());
    let unmatched: Vec<_> = outcome.unmatched.iter().flatten().filter(is_given).collect();
    if unmatched.is_empty() {
        return;
    }
    let (shown, rest) = unmatched.split_at(unmatched.len().min(SHOWN_PATTERNS));
    let mut listed = shown.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !rest.is_empty() {
        listed = format!("{listed} and {} more", HumanCount(rest.len() as u64));
    }
    if let [_] = shown {
        print_message("warning", format_args!("exclude pattern {listed} matched nothing: it leaves nothing out"));
    } else {
        let count = HumanCount((shown.len() + rest.len()) as u64);
        print_message("warning", format_args!("{count} exclude patterns matched nothing: {listed}"));
    }
}
