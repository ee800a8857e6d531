//! The command line: what can be asked for, its defaults, and what does not fit together.

use std::path::PathBuf;

use clap::Parser;

/// Makes a deterministic directory tree for tests and benchmarks, or edits one.
///
/// The same arguments make the same tree: names, sizes, modification times, links.
#[derive(Debug, Parser)]
#[command(
    version,
    args_override_self = true,
    after_help = "Examples:\n  mktree /tmp/tree --files 10000 --dirs 800\n  mktree /tmp/tree --mutate 1"
)]
pub(crate) struct Args {
    /// Directory to fill (new or empty), or to edit with --mutate
    pub(crate) dir: PathBuf,

    /// Seed of all choices
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Edit the tree instead: as many edits, of every kind, as this percentage of its files
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, conflicts_with = "ShapeArgs")]
    pub(crate) mutate: Option<Share>,

    #[command(flatten)]
    pub(crate) shape: ShapeArgs,
}

/// The arguments that describe a new tree.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ShapeArgs {
    /// Entries that are no directories: regular files, symlinks and hard links
    #[arg(long, value_name = "N", default_value_t = 500_000)]
    pub(crate) files: usize,

    /// Directories below DIR [default: 8 for every 100 files]
    #[arg(long, value_name = "N")]
    pub(crate) dirs: Option<usize>,

    /// Levels of directories below DIR
    #[arg(long, value_name = "N", default_value_t = 12)]
    pub(crate) depth: usize,

    /// Files in the largest directory [default: a tenth of the files]
    #[arg(long, value_name = "N")]
    pub(crate) largest: Option<usize>,

    /// Mean length of a file's name in bytes
    #[arg(long, value_name = "MEAN", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) name_length: u16,

    /// How many of the files are symlinks [default: 1 %]
    #[arg(long, value_name = "N")]
    pub(crate) symlinks: Option<usize>,

    /// How many of the files are further names of another file [default: 0.5 %]
    #[arg(long, value_name = "N")]
    pub(crate) hardlinks: Option<usize>,

    /// Seconds before 2025-01-01T00:00:00Z over which modification times are spread [default: five years]
    #[arg(long, value_name = "SECONDS", default_value_t = 5 * 365 * 86_400, value_parser = clap::value_parser!(u64).range(1..=1_700_000_000))]
    pub(crate) age: u64,
}

/// The numbers that describe a tree, with every default filled in.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    pub(crate) files: usize,
    pub(crate) dirs: usize,
    pub(crate) depth: usize,
    pub(crate) largest: usize,
    pub(crate) name_length: usize,
    pub(crate) symlinks: usize,
    pub(crate) hardlinks: usize,
    pub(crate) age: u64,
}

impl ShapeArgs {
    /// Fills in the defaults that depend on other arguments; the error says which arguments contradict each other.
    pub(crate) fn counts(&self) -> Result<Counts, String> {
        let counts = Counts {
            files: self.files,
            dirs: self.dirs.unwrap_or(self.files * 2 / 25),
            depth: self.depth,
            largest: self.largest.unwrap_or_else(|| (self.files / 10).max(100)),
            name_length: usize::from(self.name_length),
            symlinks: self.symlinks.unwrap_or(self.files / 100),
            hardlinks: self.hardlinks.unwrap_or(self.files / 200),
            age: self.age,
        };
        if counts.dirs > 0 && counts.depth == 0 {
            return Err(format!("{} directories do not fit into --depth 0", counts.dirs));
        }
        if counts.symlinks + counts.hardlinks > counts.files {
            return Err(format!(
                "{} symlinks and {} hard links are more than --files {}",
                counts.symlinks, counts.hardlinks, counts.files
            ));
        }
        if counts.hardlinks > 0 && counts.symlinks + counts.hardlinks == counts.files {
            return Err("hard links need at least one regular file".to_owned());
        }
        Ok(counts)
    }
}

/// A share of the files in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share(u64);

impl Share {
    /// This share of `files`, rounded up, so that a share above zero of a small tree is at least one.
    pub(crate) fn of(self, files: usize) -> usize {
        (files as u64 * self.0).div_ceil(1_000_000) as usize
    }
}

/// Reads a percentage above 0 and up to 100; finer than 0.0001 % is rounded.
pub(crate) fn parse_percent(text: &str) -> Result<Share, String> {
    let percent: f64 = text.trim_end_matches('%').parse().map_err(|_| "not a number".to_owned())?;
    if !(0.0001..=100.0).contains(&percent) {
        return Err("must be from 0.0001 to 100".to_owned());
    }
    #[expect(clippy::cast_sign_loss, reason = "the range was checked above")]
    let millionths = (percent * 10_000.0).round() as u64;
    Ok(Share(millionths))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_percentage_is_rounded_up_to_whole_files() {
        assert_eq!(parse_percent("1").expect("valid").of(500_000), 5_000);
        assert_eq!(parse_percent("0.5%").expect("valid").of(1_000), 5);
        assert_eq!(parse_percent("1").expect("valid").of(7), 1);
        assert!(parse_percent("0").is_err());
        assert!(parse_percent("101").is_err());
        assert!(parse_percent("NaN").is_err());
    }

    #[test]
    fn an_edit_takes_no_arguments_that_describe_a_new_tree() {
        assert!(Args::try_parse_from(["mktree", "d", "--mutate", "1", "--files", "5"]).is_err());
        assert!(Args::try_parse_from(["mktree", "d", "--mutate", "1", "--seed", "5"]).is_ok());
    }

    #[test]
    fn contradicting_numbers_are_refused() {
        let counts = |words: &[&str]| {
            let words = ["mktree", "d"].iter().chain(words);
            Args::try_parse_from(words).expect("parses").shape.counts()
        };
        assert!(counts(&["--files", "10", "--symlinks", "11"]).is_err());
        assert!(counts(&["--files", "10", "--hardlinks", "10", "--symlinks", "0"]).is_err());
        assert!(counts(&["--depth", "0"]).is_err());
        assert_eq!(counts(&[]).expect("the defaults fit together").dirs, 40_000);
    }
}
