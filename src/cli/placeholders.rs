//! The placeholders in a job's command for the files with its lists and for its root. The command is checked before
//! anything is read, because nobody watches a timer.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use fastdiff::consumers::{CommandLine, CommandProblem, ListPart};
use fastdiff::path::{to_bytes, to_path};

use super::Failure;
use super::config::Definition;

const ROOT: &str = "{root}";

/// A word with at most this many wrong letters is a misspelt placeholder.
const MISSPELT: usize = 2;

/// What stands for the file with a part of the list in the command of a job.
pub(super) fn placeholder(part: ListPart) -> &'static str {
    match part {
        ListPart::Changed => "{changed}",
        ListPart::Deleted => "{deleted}",
        ListPart::All => "{all}",
    }
}

/// The variable of the environment that names that file.
pub(super) fn variable(part: ListPart) -> &'static str {
    match part {
        ListPart::Changed => "FASTDIFF_CHANGED",
        ListPart::Deleted => "FASTDIFF_DELETED",
        ListPart::All => "FASTDIFF_ALL",
    }
}

fn contains(argument: &OsStr, placeholder: &str) -> bool {
    memchr::memmem::find(&to_bytes(Path::new(argument)), placeholder.as_bytes()).is_some()
}

/// An argument with names of files and of the root in the place of their placeholders.
pub(super) fn fill_in<'f>(
    argument: &OsStr,
    files: impl Iterator<Item = (&'static str, &'f Path)>,
    root: &Path,
) -> OsString {
    let mut bytes = to_bytes(Path::new(argument)).into_owned();
    let root = to_bytes(root);
    // The root of all directories ends with a slash already.
    let within = if root.ends_with(b"/") { root.to_vec() } else { [&root, &b"/"[..]].concat() };
    for (placeholder, value) in [("{root}/", within.as_slice()), (ROOT, &root)] {
        bytes = bstr::ByteSlice::replace(&bytes[..], placeholder, value);
    }
    for (placeholder, file) in files {
        bytes = bstr::ByteSlice::replace(&bytes[..], placeholder, to_bytes(file));
    }
    to_path(&bytes).into_owned().into_os_string()
}

/// Refuses a command that asks for a part that does not exist, or in which the consumer finds a problem.
pub(super) fn check(definition: &Definition, command: &[OsString]) -> Result<(), Failure> {
    let wrong = |what: String| Err(Failure::Other(format!("job {}: {what}", definition.name)));
    let has = definition.consumer.parts();
    for argument in command.iter().skip(1) {
        if let Some(part) =
            ListPart::EACH.into_iter().find(|part| !has.contains(part) && contains(argument, placeholder(*part)))
        {
            let known: Vec<_> = has.iter().map(|part| placeholder(*part)).collect();
            return wrong(format!(
                "the command asks for {}, which the consumer {} does not have; it has {}",
                placeholder(part),
                definition.consumer.name(),
                known.join(", ")
            ));
        }
        if let Some((word, meant)) = misspelt(&argument.to_string_lossy()) {
            return wrong(format!("the command holds {}; did you mean {meant}?", word.escape_debug()));
        }
    }
    let base = definition.base();
    let words: Vec<_> = command.iter().map(|word| fill_in(word, std::iter::empty(), &base)).collect();
    let current = std::env::current_dir().unwrap_or_default();
    match definition.consumer.check_command(&CommandLine::new(command, &words, &base, &current)).first() {
        Some(problem) => wrong(format!("{problem}{}", advice(definition, problem))),
        None => Ok(()),
    }
}

/// What to do about a problem.
fn advice(definition: &Definition, problem: &CommandProblem) -> &'static str {
    match problem {
        CommandProblem::OtherSource { .. } if definition.roots.len() > 1 => {
            ": write {root}/, which stands for / because there are several roots"
        }
        CommandProblem::OtherSource { .. } => ": write {root}/",
        _ => "",
    }
}

/// A word in braces that is nearly a placeholder, and the one that it nearly is.
fn misspelt(argument: &str) -> Option<(&str, &'static str)> {
    let known = ListPart::EACH.map(placeholder).into_iter().chain([ROOT]);
    let known: Vec<_> = known.collect();
    argument.match_indices('{').find_map(|(start, _)| {
        let word = &argument[start..=start + argument[start..].find('}')?];
        let is_word = word[1..word.len() - 1].chars().all(|c| c.is_ascii_alphabetic());
        if !is_word || known.contains(&word) {
            return None;
        }
        let lower = word.to_ascii_lowercase();
        let near = |known: &&&str| strsim::osa_distance(&lower, known) <= MISSPELT.min((known.len() - 2) / 3);
        Some((word, *known.iter().find(near)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_a_placeholder_is_one_that_was_misspelt() {
        for (argument, meant) in [
            ("--files-from={al}", Some("{all}")),
            ("{Changed}", Some("{changed}")),
            ("x{chnaged}y", Some("{changed}")),
            ("{delted}", Some("{deleted}")),
            ("{Root}/", Some("{root}")),
            ("{changed} {deleted} {all} {root}", None),
            ("::changes-{now}", None),
            ("::{hostname}-{now:%Y}", None),
            ("{a}", None),
            ("{}", None),
            ("awk '{ print }' {", None),
        ] {
            assert_eq!(misspelt(argument).map(|(_, meant)| meant), meant, "{argument}");
        }
    }

    #[test]
    fn the_root_of_all_directories_has_one_slash() {
        let filled = |root: &str| {
            fill_in(OsStr::new("{root}/ {root} {all}"), [("{all}", Path::new("/l"))].into_iter(), Path::new(root))
        };
        assert_eq!(filled("/"), "/ / /l");
        assert_eq!(filled("/home/ada"), "/home/ada/ /home/ada /l");
    }
}
