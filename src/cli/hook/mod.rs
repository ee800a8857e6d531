//! `fastdiff hook`: what a backup program calls before it begins.

mod answer;
mod duplicati;
mod install;
mod outcome;
#[cfg(windows)]
mod page;
mod script;
mod unread;
mod voice;
mod words;

use std::process::ExitCode;

use clap::{Parser as _, Subcommand};

use super::{Cli, DONE, Outcome, signals};

/// Give change lists to a backup program that calls a script before it begins.
#[derive(clap::Args)]
pub(super) struct HookArgs {
    #[command(subcommand)]
    command: HookCommand,
}

#[derive(Subcommand)]
enum HookCommand {
    Duplicati(duplicati::HookDuplicatiArgs),
    Install(install::HookInstallArgs),
}

pub(super) fn run(args: &HookArgs) -> Outcome {
    match &args.command {
        HookCommand::Duplicati(args) => Ok(duplicati::run(args)),
        HookCommand::Install(args) => install::run(args),
    }
}

/// Whether Duplicati called. It takes any output on standard error for a warning, and an exit code of 2 too. So even a
/// wrong argument is not reported in the usual way.
pub(super) fn is_called() -> bool {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let asks = |arg: &std::ffi::OsString| ["--help", "-h", "--version", "-V"].iter().any(|word| arg == word);
    arguments.starts_with(&["hook".into(), "duplicati".into()]) && !arguments.iter().any(asks)
}

/// Runs the hook with standard error closed. An error is a line that Duplicati takes for information, and the exit code
/// lets it go on.
pub(super) fn called() -> ExitCode {
    voice::silence();
    let code = std::panic::catch_unwind(|| match Cli::try_parse() {
        Ok(Cli { command: super::Command::Hook(HookArgs { command: HookCommand::Duplicati(args) }) }) => {
            signals::prepare();
            duplicati::run(&args)
        }
        // No other command begins with these words.
        Ok(_) => DONE,
        Err(e) => {
            let text = e.render().to_string();
            let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            voice::last_word(&format!("{line}; install the hook again"));
            DONE
        }
    });
    ExitCode::from(code.unwrap_or_else(|_| {
        voice::last_word("an error in fastdiff itself (it panicked)");
        DONE
    }))
}
