//! `fastdiff man`: the manual pages.

use std::io::Write as _;
use std::path::PathBuf;

use clap::CommandFactory as _;
use fastdiff::path::PathExt as _;

use super::{Cli, DONE, Failure, Outcome, output_failure};

/// Print the manual page, or write one page per command to a directory.
///
/// To read it at once: fastdiff man | man -l -
#[derive(clap::Args)]
pub(super) struct ManArgs {
    /// Write fastdiff.1, fastdiff-snap.1, … to this directory
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &ManArgs) -> Outcome {
    if let Some(dir) = &args.output {
        clap_mangen::generate_to(Cli::command(), dir)
            .map_err(|e| Failure::Other(format!("cannot write manual pages to {}: {e}", dir.shown())))?;
        return Ok(DONE);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(super::whole()).render(&mut page).map_err(|e| output_failure(&e, true))?;
    std::io::stdout().write_all(&page).map_err(|e| output_failure(&e, true))?;
    Ok(DONE)
}
