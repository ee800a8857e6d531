//! `fastdiff man`: the manual pages.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap_mangen::Man;
use fastdiff::path::PathExt as _;

use super::{Cli, DONE, Failure, Outcome, after_help, output_failure, place, print_message};

/// Print the manual page, or write one page per command to a directory.
///
/// To read it at once: fastdiff man | man -l -
#[derive(clap::Args)]
pub(super) struct ManArgs {
    /// Write fastdiff.1, fastdiff-snap.1, … to this directory, which is made if there is none
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Write them to the directory where man looks for yours
    #[arg(long, conflicts_with = "output")]
    install: bool,
}

pub(super) fn run(args: &ManArgs) -> Outcome {
    let own = if args.install { Some(place::data()?.join("man").join("man1")) } else { None };
    if let Some(dir) = own.as_ref().or(args.output.as_ref()) {
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        fs::create_dir_all(dir)
            .and_then(|()| write_pages(&command, dir))
            .map_err(|e| Failure::Other(format!("cannot write manual pages to {}: {e}", dir.shown())))?;
        if args.install {
            print_message("note", format_args!("wrote the manual pages to {}; `man fastdiff` shows them", dir.shown()));
        }
        return Ok(DONE);
    }
    let page = page(super::whole()).map_err(|e| output_failure(&e, true))?;
    io::stdout().write_all(&page).map_err(|e| output_failure(&e, true))?;
    Ok(DONE)
}

/// Writes the page of a command and those of the commands below it.
fn write_pages(command: &clap::Command, dir: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_pages(below, dir)?;
    }
    let name = Man::new(command.clone()).get_filename();
    fs::write(dir.join(name), page(command.clone())?)
}

/// One manual page. The text after the options is written here: `clap_mangen` lets the lines of its tables run
/// together.
fn page(command: clap::Command) -> io::Result<Vec<u8>> {
    let text = command.get_after_help().map(ToString::to_string);
    let mut page = Vec::new();
    Man::new(command.after_help(None)).render(&mut page)?;
    if let Some(text) = text {
        write!(page, ".SH NOTES\n{}", after_help::roff(&text))?;
    }
    Ok(page)
}
