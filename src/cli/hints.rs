//! The options for hints, and messages about how they were used.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use fastdiff::path::PathExt as _;
use fastdiff::{Hints, HintsProblem, HintsUse, ScanOptions, ScanOutcome};
use indicatif::HumanCount;

use super::{Failure, print_message};

#[derive(clap::Args)]
#[command(next_help_heading = "Less to read")]
pub(super) struct HintsArgs {
    /// Read only where these hints say that something changed since the base began (for a job: since the baseline or
    /// the pending run began). Paths, one a line or ended by NUL, or the answer of `watchman since` (- for standard
    /// input). They must prove that they are complete; docs/hints.md says how. Otherwise everything is read
    #[arg(long, value_name = "FILE")]
    hints: Option<PathBuf>,

    /// Use hints even if they do not prove since when they are complete
    #[arg(long, requires = "hints")]
    trust_hints: bool,

    /// Also read this share of the tree, another part each time, to find changes that hints or inode tables do not name
    /// [default: 5% with hints, 0.5% with inode tables]
    #[arg(long, value_name = "P%", value_parser = parse_percent)]
    audit: Option<f64>,
}

fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    match number.parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("write a percentage from 0% to 100%".into()),
    }
}

impl HintsArgs {
    /// Adds what was asked for to the options of a scan.
    pub(super) fn add_to(&self, options: &mut ScanOptions) -> Result<(), Failure> {
        options.audit = self.audit;
        if let Some(file) = &self.hints {
            let bytes = read(file).map_err(|e| {
                Failure::Other(format!(
                    "cannot read --hints {}: {e}; name a file or a pipe, or leave it out",
                    file.shown()
                ))
            })?;
            let mut hints = Hints::new(file, bytes);
            hints.trust = self.trust_hints;
            options.hints = Some(hints);
        }
        Ok(())
    }
}

/// Reads hints from a file, a pipe or a socket. A device has no end, or does something when it is opened.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    use std::fs::File;
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        let mut input = input()?;
        check_kind(&input.metadata()?)?;
        input.read_to_end(&mut bytes)?;
    } else {
        check_kind(&file.metadata()?)?;
        let mut file = File::open(file)?;
        check_kind(&file.metadata()?)?;
        file.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(unix)]
fn input() -> std::io::Result<std::fs::File> {
    use std::os::fd::AsFd as _;
    Ok(std::io::stdin().as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn input() -> std::io::Result<std::fs::File> {
    use std::os::windows::io::AsHandle as _;
    Ok(std::io::stdin().as_handle().try_clone_to_owned()?.into())
}

#[cfg(unix)]
fn check_kind(found: &std::fs::Metadata) -> std::io::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = found.file_type();
    let what = [
        (kind.is_char_device(), "a character device"),
        (kind.is_block_device(), "a block device"),
        (kind.is_dir(), "a directory"),
    ];
    match what.into_iter().find(|(is, _)| *is) {
        Some((_, what)) => Err(std::io::Error::other(format!("it is {what}"))),
        None => Ok(()),
    }
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the signature of other systems")]
fn check_kind(_found: &std::fs::Metadata) -> std::io::Result<()> {
    Ok(())
}

/// Says how the hints were used. If they were not, that is a warning, also without a summary.
pub(super) fn report(outcome: &ScanOutcome, quiet: bool) {
    match &outcome.hints {
        Some(HintsUse::NotUsed(problem)) => {
            let advice = advice(problem);
            let by_tables = outcome.parts.iter().any(|part| part.problem.is_none());
            let instead = if by_tables { "the inode tables were asked" } else { "everything was read" };
            print_message("warning", format_args!("the hints were not used, so {instead}: {problem}{advice}"));
        }
        Some(HintsUse::Used { paths, outside }) if !quiet => {
            let outside = if *outside > 0 {
                format!(", {} of them outside of the roots", HumanCount(*outside))
            } else {
                String::new()
            };
            let hints = if *paths == 1 { "hint" } else { "hints" };
            print_message("note", format_args!("used {} {hints}{outside}", HumanCount(*paths)));
        }
        _ => {}
    }
    if let (Some(base), false) = (&outcome.overlay_of, quiet) {
        print_message("note", format_args!("written as an overlay: it needs {} unchanged", base.shown()));
    }
}

/// What to do about it.
fn advice(problem: &HintsProblem) -> &'static str {
    match problem {
        HintsProblem::NoBase => "; name one with --base",
        HintsProblem::NoStatement | HintsProblem::NoConfig | HintsProblem::Narrowed => {
            "; --trust-hints uses them anyway"
        }
        HintsProblem::NoPlace(_) => {
            "; if the watcher follows no symlinks, say so with \"without symlinks\" at the end of the first line"
        }
        _ => "",
    }
}
