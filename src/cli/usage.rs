//! What is wrong with the arguments, and what was probably meant.

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use fastdiff::consumers;
use fastdiff::terminal::harmless;

use super::quote::shell;
use super::{FAILED, failure_code};

/// Prints what is wrong with the arguments, or the help that was asked for, and ends. The shell may have put the name
/// of somebody else's file among the arguments.
pub(super) fn usage(mut error: clap::Error) -> ! {
    if error.kind() == ErrorKind::UnknownArgument {
        // `-- --json` would make a value of an option that is misspelt, or stands at the wrong command.
        error.remove(ContextKind::Suggested);
        if let Some(tip) = invalid(&error).and_then(|invalid| missing_dashes(&words(), &invalid)) {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
        }
    }
    let text = error.render().to_string();
    let shown = text.split('\n').map(harmless).collect::<Vec<_>>().join("\n");
    if !error.use_stderr() || shown == text && failure_code() == FAILED {
        error.exit();
    }
    eprint!("{shown}");
    std::process::exit(i32::from(failure_code()));
}

fn words() -> Vec<String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

/// The argument that is not known.
fn invalid(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(invalid) => Some(invalid.clone()),
        _ => None,
    }
}

/// What to say if the command of a job stands among the arguments without `--`. `invalid` is the first argument that is
/// not known; of letters behind one dash, the first.
fn missing_dashes(words: &[String], invalid: &str) -> Option<String> {
    let is_add = words.starts_with(&["job".to_owned(), "add".to_owned()]);
    let is_run = words.first().is_some_and(|word| word == "run");
    if !is_add && !is_run || words.iter().any(|word| word == "--") {
        return None;
    }
    let is_it = |word: &String| {
        let name = word.split('=').next().unwrap_or(word);
        name == invalid || word.starts_with(invalid) && !invalid.starts_with("--")
    };
    let at = words.iter().position(is_it)?;
    let program = if invalid.starts_with('-') { at.checked_sub(1)? } else { at };
    // The name of a job, or its root, may stand before an option that is misspelt.
    let first = if is_add { 3 } else { 2 };
    let is_program = program >= first && is_like_program(&words[program]);
    is_program.then(|| tip(&words[program..]))
}

/// Whether a word is probably a program and not a directory, an option or a value of one.
fn is_like_program(word: &str) -> bool {
    let is_known = consumers::PROGRAMS.iter().any(|program| program.name() == word);
    let is_found = || {
        let search = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&search).any(|dir| dir.join(word).is_file())
    };
    !word.starts_with('-') && !Path::new(word).is_dir() && (is_known || Path::new(word).is_file() || is_found())
}

/// If a root is not a directory because `--` is missing before the command: what to say.
pub(super) fn command_among_roots(roots: &[impl Into<OsString> + Clone]) -> Option<String> {
    let words: Vec<_> = roots.iter().map(|root| root.clone().into().to_string_lossy().into_owned()).collect();
    let at = words.iter().skip(1).position(|word| is_like_program(word))?;
    Some(tip(&words[at + 1..]))
}

fn tip(command: &[String]) -> String {
    let words: Vec<_> = command.iter().map(|word| shell(word)).collect();
    format!("`--` is missing before the command: -- {}", words.join(" "))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_command_without_dashes_before_it_is_noticed() {
        for (line, invalid, tip) in [
            ("job add docs /tmp rsync -aHI {all} x", "-a", Some("-- rsync -aHI '{all}' x")),
            ("job add docs /tmp --consumer rsync rsync --from0 x", "--from0", Some("-- rsync --from0 x")),
            ("run docs rsync -a", "rsync", Some("-- rsync -a")),
            ("run docs sh -c x", "sh", Some("-- sh -c x")),
            ("job add docs /tmp --jsn", "--jsn", None),
            ("job add docs --jsn", "--jsn", None),
            ("run docs --jsn", "--jsn", None),
            ("run docs /tmp", "/tmp", None),
            ("begin docs --json", "--json", None),
            ("job add docs /tmp -q -- rsync -a", "-q", None),
        ] {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            let said = missing_dashes(&words, invalid);
            let expected = tip.map(|tip| format!("`--` is missing before the command: {tip}"));
            assert_eq!(said, expected, "{line}");
        }
    }
}
