//! Duplicati's command line: it takes the whole list as a file of parameters. Without a list it looks at everything,
//! which is safe.

use super::started::Started;
use super::{CommandCheck, CommandLine, CommandProblem, check_each};
use crate::consumers::ListPart;

const NAME: &str = "Duplicati";

const PROGRAMS: &[&str] = &["duplicati-cli", "duplicati-cli.exe", "Duplicati.CommandLine.exe"];

/// Checks the commands that start Duplicati.
pub(in crate::consumers) fn check(line: &CommandLine<'_>) -> CommandCheck {
    check_each(line, PROGRAMS, NAME, check_start)
}

fn check_start(started: &Started, found: &mut CommandCheck) {
    for word in &started.words[1..] {
        let Some(part) = word.list_within() else {
            let is_dry = matches!(word.bytes(), b"--dry-run" | b"--dry-run=true");
            if is_dry {
                let why = "with it, nothing is stored";
                found.problem(CommandProblem::Against { program: NAME, option: "--dry-run".into(), why });
            }
            continue;
        };
        if !word.bytes().starts_with(b"--") {
            let word = word.shown().to_string_lossy().into_owned();
            found.problem(CommandProblem::ListItself { program: NAME, word });
        } else if word.strip("--parameters-file=").is_some() && part != ListPart::All {
            let why = "without the other part of the list, what is gone stays in the backup, or Duplicati looks at everything";
            found.problem(CommandProblem::Against { program: NAME, option: "--parameters-file".into(), why });
        }
    }
}
