//! The options for what a walk leaves out.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use fastdiff::path::{PathExt as _, absolute};
use fastdiff::{FilterOptions, Pattern};

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

    /// Leave out directories that hold a valid CACHEDIR.TAG
    #[arg(long)]
    pub(super) exclude_caches: bool,

    /// Leave out directories that hold an entry of this name
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub(super) exclude_if_present: Vec<String>,

    /// Stay on the file system of each root
    #[arg(short = 'x', long)]
    pub(super) one_file_system: bool,
}

/// Checks that a name is that of an entry.
pub(super) fn parse_name(name: &str) -> Result<String, String> {
    if name.is_empty() || name.contains('/') {
        return Err("name one entry of a directory, without a slash".into());
    }
    Ok(name.to_owned())
}

impl FilterArgs {
    /// What to leave out.
    pub(super) fn options(&self, matches: &ArgMatches) -> Result<FilterOptions, Failure> {
        let mut options = FilterOptions::default();
        options.patterns = self.patterns(matches)?;
        options.exclude_caches = self.exclude_caches;
        options.exclude_if_present.clone_from(&self.exclude_if_present);
        options.one_file_system = self.one_file_system;
        Ok(options)
    }

    /// Warns if a pattern begins with the path of a root: patterns are relative to each root.
    pub(super) fn warn_of_absolute(&self, roots: &[PathBuf]) {
        let current = std::env::current_dir().unwrap_or_default();
        let roots: Vec<_> = roots.iter().map(|root| absolute(root, &current)).collect();
        for glob in &self.exclude {
            let path = Path::new(glob.strip_prefix('!').unwrap_or(glob));
            let below =
                roots.iter().filter(|root| root.parent().is_some()).find_map(|root| path.strip_prefix(root).ok());
            if let Some(below) = below {
                let shown = Path::new(glob).shown();
                let meant = Path::new("/").join(below);
                print_message(
                    "warning",
                    format_args!(
                        "exclude pattern {shown}: patterns are relative to each root; write {} instead",
                        meant.shown()
                    ),
                );
            }
        }
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
